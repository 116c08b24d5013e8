/** The optimiser's memory for one parameter tensor. */
interface Moments {
  first: Float32Array;
  second: Float32Array;
}

export interface AdamOptions {
  beta1: number;
  beta2: number;
  epsilon: number;
}

const adamDefaults: AdamOptions = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** Adam (Kingma and Ba 2015) with bias correction, without weight decay; updates parameters in place. */
export class Adam {
  private readonly moments = new Map<string, Moments>();
  /** Steps done. */
  steps = 0;

  constructor(private readonly options: AdamOptions = adamDefaults) {}

  /** p -= rate / (1-b1^t) * m / (sqrt(v) / sqrt(1-b2^t) + epsilon) for every parameter with a gradient. */
  step(
    parameters: ReadonlyMap<string, Float32Array>,
    gradients: ReadonlyMap<string, Float32Array>,
    rate: number,
  ): void {
    this.steps++;
    const { beta1, beta2, epsilon } = this.options;
    const size = rate / (1 - beta1 ** this.steps);
    const correction = Math.sqrt(1 - beta2 ** this.steps);
    for (const [name, gradient] of gradients) {
      const parameter = parameters.get(name)!;
      const { first, second } = this.momentsOf(name, parameter.length);
      for (let i = 0; i < parameter.length; i++) {
        const g = gradient[i];
        first[i] = beta1 * first[i] + (1 - beta1) * g;
        second[i] = beta2 * second[i] + (1 - beta2) * g * g;
        parameter[i] -= (size * first[i]) / (Math.sqrt(second[i]) / correction + epsilon);
      }
    }
  }

  /** Everything needed to go on exactly, by tensor name. */
  state(): Map<string, Float32Array> {
    return new Map(
      [...this.moments].flatMap(([name, m]) => [
        [`first.${name}`, m.first] as const,
        [`second.${name}`, m.second] as const,
      ]),
    );
  }

  restore(state: ReadonlyMap<string, Float32Array>, steps: number): void {
    this.steps = steps;
    for (const [key, data] of state) {
      const [kind, name] = [key.slice(0, key.indexOf('.')), key.slice(key.indexOf('.') + 1)];
      this.momentsOf(name, data.length)[kind as keyof Moments].set(data);
    }
  }

  private momentsOf(name: string, length: number): Moments {
    let moments = this.moments.get(name);
    if (!moments) {
      moments = { first: new Float32Array(length), second: new Float32Array(length) };
      this.moments.set(name, moments);
    }
    return moments;
  }
}
