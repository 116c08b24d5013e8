import { describe, expect, it } from 'vitest';
import { Adam, type AdamOptions, adamDefaults } from './adam.ts';

/** Three steps on one number with gradients of its own, in doubles. */
function trainedTo(options: Partial<AdamOptions>, gradients: readonly number[], rate: number, start = 1): number {
  const adam = new Adam({ ...adamDefaults, ...options });
  const parameters = new Map([['p', Float32Array.of(start)]]);
  for (const gradient of gradients) adam.step(parameters, new Map([['p', Float32Array.of(gradient)]]), rate);
  return parameters.get('p')![0];
}

describe('Adam', () => {
  it('makes a first step of the learning rate against the gradient', () => {
    expect(trainedTo({}, [0.3], 0.1)).toBeCloseTo(0.9, 6);
    expect(trainedTo({}, [-7], 0.1)).toBeCloseTo(1.1, 6);
  });

  it('shrinks parameters by rate * decay before a step, whatever the gradient', () => {
    expect(trainedTo({ weightDecay: 0.5 }, [0], 0.1, 2)).toBeCloseTo(2 * (1 - 0.05), 6);
    expect(trainedTo({ weightDecay: 0.5 }, [0.3], 0.1, 2)).toBeCloseTo(1.9 - 0.1, 6);
    expect(trainedTo({ weightDecay: 0 }, [0.3, 0.1], 0.1)).toBe(trainedTo({}, [0.3, 0.1], 0.1));
  });

  it('is NAdam as PyTorch defines it where asked to', () => {
    const [rate, psi, b1, b2] = [0.1, 0.004, 0.9, 0.999];
    const gradients = [0.3, -0.2, 0.5];
    let [p, m, v, product] = [1, 0, 0, 1];
    gradients.forEach((g, i) => {
      const t = i + 1;
      const mu = b1 * (1 - 0.5 * 0.96 ** (t * psi));
      const next = b1 * (1 - 0.5 * 0.96 ** ((t + 1) * psi));
      product *= mu;
      m = b1 * m + (1 - b1) * g;
      v = b2 * v + (1 - b2) * g * g;
      const denominator = Math.sqrt(v / (1 - b2 ** t)) + 1e-8;
      p -= (rate * (1 - mu) * g) / (1 - product) / denominator;
      p -= (rate * next * m) / (1 - product * next) / denominator;
    });
    expect(trainedTo({ nesterov: psi }, gradients, rate)).toBeCloseTo(p, 5);
  });
});
