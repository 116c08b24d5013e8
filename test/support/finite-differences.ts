import { Random } from '../../src/base/random.ts';

export interface Derivative {
  index: number;
  value: number;
}

/**
 * Central differences of `loss` by single elements of `data`, which is changed and restored. Of long arrays a seeded
 * choice of `most` elements is taken, the first and the last among them.
 */
export function numericalGradient(data: Float64Array, loss: () => number, most = 48, step = 1e-4): Derivative[] {
  const all = Array.from(data.keys());
  const chosen = all.length <= most ? all : [...new Set([0, all.length - 1, ...sample(all, most)])];
  return chosen.map(index => {
    const value = data[index];
    data[index] = value + step;
    const above = loss();
    data[index] = value - step;
    const below = loss();
    data[index] = value;
    return { index, value: (above - below) / (2 * step) };
  });
}

const sample = (all: readonly number[], most: number) =>
  Random.of(3, 'elements', all.length)
    .shuffle(all)
    .slice(0, most - 2);
