import { groupNormalise, layerNorm, mean, softmax } from '../../../src/graph/ops/reduce.ts';
import type { Shape } from '../../../src/graph/tensor.ts';
import { at, type Nd, tabulate, total } from '../nd.ts';
import type { OpCase, OpCases } from '../op-cases.ts';

const softmaxed = (shape: Shape, range?: readonly [number, number]): OpCase => ({
  title: `[${shape}]${range ? ` of ${range}` : ''}`,
  shapes: [shape],
  range,
  build: softmax,
  reference: x => {
    const size = shape.at(-1)!;
    return tabulate(shape, index => {
      const item = (k: number) => Math.exp(at(x, [...index.slice(0, -1), k]));
      return item(index.at(-1)!) / total(size, item);
    });
  },
});

/** (x - mean) / sqrt(variance + epsilon) of the items that `member(k)` gives. */
function normalised(x: number, n: number, member: (k: number) => number, epsilon: number): number {
  const average = total(n, member) / n;
  const variance = total(n, k => (member(k) - average) ** 2) / n;
  return (x - average) / Math.sqrt(variance + epsilon);
}

const layerNormed = (shape: Shape, epsilon: number): OpCase => ({
  title: `[${shape}] epsilon ${epsilon}`,
  shapes: [shape, [shape.at(-1)!], [shape.at(-1)!]],
  build: (x, scale, bias) => layerNorm(x, scale, bias, epsilon),
  reference: (x: Nd, scale: Nd, bias: Nd) =>
    tabulate(shape, index => {
      const member = (k: number) => at(x, [...index.slice(0, -1), k]);
      const y = normalised(at(x, index), shape.at(-1)!, member, epsilon);
      return y * at(scale, index) + at(bias, index);
    }),
});

const groupNormed = (shape: Shape, groups: number): OpCase => ({
  title: `groupNormalise [${shape}] in ${groups}`,
  shapes: [shape],
  build: x => groupNormalise(x, groups, 1e-5),
  reference: x => {
    const [, c, h, w] = shape;
    const size = (c / groups) * h * w;
    return tabulate(shape, index => {
      const first = Math.floor(index[1] / (c / groups)) * (c / groups);
      const member = (k: number) => at(x, [index[0], first + Math.floor(k / (h * w)), Math.floor(k / w) % h, k % w]);
      return normalised(at(x, index), size, member, 1e-5);
    });
  },
});

const averaged: OpCase = {
  title: 'mean of [2,3,4] over 0, 2',
  shapes: [[2, 3, 4]],
  build: x => mean(x, [0, 2]),
  reference: x => tabulate([1, 3, 1], ([, j]) => total(8, k => at(x, [Math.floor(k / 4), j, k % 4])) / 8),
};

export const reduceCases: OpCases = {
  softmax: [softmaxed([5]), softmaxed([2, 3, 4]), softmaxed([3, 1]), softmaxed([2, 6], [-9, 9])],
  layerNorm: [layerNormed([6], 1e-6), layerNormed([2, 3, 8], 1e-6), layerNormed([2, 5], 0.1)],
  sqrt: [groupNormed([2, 4, 2, 3], 2), groupNormed([1, 3, 2, 2], 3), groupNormed([2, 4, 3, 1], 1)],
  sum: [averaged],
};
