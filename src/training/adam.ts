/** The optimiser's memory for one parameter tensor. */
interface Moments {
  first: Float32Array;
  second: Float32Array;
}

export interface AdamOptions {
  beta1: number;
  beta2: number;
  epsilon: number;
  /** AdamW's decay (Loshchilov and Hutter 2019): before a step every parameter shrinks by rate * weightDecay. 0 by default. */
  weightDecay?: number;
  /** NAdam's momentum (Dozat 2016) with the schedule of PyTorch: how fast it grows, .004 there. Off by default. */
  nesterov?: number;
}

export const adamDefaults: AdamOptions = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** Adam (Kingma and Ba 2015) with bias correction, AdamW and NAdam; updates parameters in place. */
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
    const { beta1, beta2, epsilon, weightDecay = 0 } = this.options;
    const { size, direct } = this.sizes(rate);
    const kept = 1 - rate * weightDecay;
    const correction = Math.sqrt(1 - beta2 ** this.steps);
    for (const [name, gradient] of gradients) {
      const parameter = parameters.get(name)!;
      const { first, second } = this.momentsOf(name, parameter.length);
      for (let i = 0; i < parameter.length; i++) {
        const g = gradient[i];
        first[i] = beta1 * first[i] + (1 - beta1) * g;
        second[i] = beta2 * second[i] + (1 - beta2) * g * g;
        const step = (size * first[i] + direct * g) / (Math.sqrt(second[i]) / correction + epsilon);
        parameter[i] = parameter[i] * kept - step;
      }
    }
  }

  /** What the momentum is multiplied by in a step, and the gradient by itself (NAdam alone). */
  private sizes(rate: number): { size: number; direct: number } {
    const { beta1, nesterov } = this.options;
    if (nesterov === undefined) return { size: rate / (1 - beta1 ** this.steps), direct: 0 };
    const momentum = (step: number) => beta1 * (1 - 0.5 * 0.96 ** (step * nesterov));
    let product = 1;
    for (let step = 1; step <= this.steps; step++) product *= momentum(step);
    const [now, next] = [momentum(this.steps), momentum(this.steps + 1)];
    return { size: (rate * next) / (1 - product * next), direct: (rate * (1 - now)) / (1 - product) };
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
