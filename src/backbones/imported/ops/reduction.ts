import { reshape, sum } from '../../../graph/ops/basic.ts';
import { abs, add, exp, log, maximum, mul, neg, sqrt, sub } from '../../../graph/ops/elementwise.ts';
import { concat, slice } from '../../../graph/ops/layout.ts';
import { mean } from '../../../graph/ops/reduce.ts';
import { count, type Tensor } from '../../../graph/tensor.ts';
import type { ImportedNode, Importer, ImportTable } from '../node.ts';
import { advance, isKnown, known, stridesOf, symbolic, tensorOf, type Value } from '../value.ts';

/** The largest along axes, which stay as size 1. */
export function largest(x: Tensor, axes: readonly number[]): Tensor {
  return axes.reduce((map, axis) => {
    let y = map;
    while (y.shape[axis] > 1) {
      const half = Math.floor(y.shape[axis] / 2);
      const better = maximum(slice(y, axis, 0, half), slice(y, axis, half, half));
      const rest = y.shape[axis] - 2 * half;
      y = rest === 0 ? better : concat([better, slice(y, axis, 2 * half, rest)], axis);
    }
    return y;
  }, x);
}

interface Reduction {
  /** Without one only known numbers will do. */
  build?(x: Tensor, axes: readonly number[]): Tensor;
  /** Of numbers that are known, one after the other. */
  fold?(a: number, b: number): number;
}

/** Axes are an attribute before opset 18 (of sums before 13), an input since; without any, all. */
const reduction =
  ({ build, fold }: Reduction): Importer =>
  node => {
    const x = node.value(0);
    const rank = x.shape.length;
    const given = node.listOf('axes', 1);
    const nothing = node.flag('noop_with_empty_axes');
    const keep = node.flag('keepdims', true);
    if (nothing && !given?.length) return x;
    const axes = given?.length ? given.map(axis => node.axis(axis, rank)) : x.shape.map((_, axis) => axis);
    const shape = x.shape.flatMap((size, axis) => (axes.includes(axis) ? (keep ? [1] : []) : [size]));
    if (isKnown(x) && fold) return { ...folded(node, x, axes, fold), shape };
    if (!build)
      return node.refuse('works on values that depend on the image; only numbers known beforehand are supported');
    return symbolic(reshape(build(tensorOf(x), axes), shape), x.kind);
  };

function folded(node: ImportedNode, x: Value, axes: readonly number[], fold: (a: number, b: number) => number): Value {
  const shape = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const strides = stridesOf(shape);
  const out: (number | undefined)[] = new Array(count(shape)).fill(undefined);
  const place = x.shape.map(() => 0);
  for (const value of x.known!) {
    const at = place.reduce((sum, index, axis) => sum + (shape[axis] === 1 ? 0 : index * strides[axis]), 0);
    const earlier = out[at];
    out[at] = earlier === undefined ? value : fold(earlier, value);
    advance(place, x.shape);
  }
  const numbers = out.map(value => value ?? node.refuse('reduces nothing'));
  return known(x.kind, shape, numbers);
}

const sumOfSquares = (x: Tensor, axes: readonly number[]): Tensor => sum(mul(x, x), axes);

export function logSumExp(x: Tensor, axes: readonly number[]): Tensor {
  const most = largest(x, axes);
  return add(log(sum(exp(sub(x, most)), axes)), most);
}

/** What makes one number of many. */
export const reductions: ImportTable = {
  ReduceSum: reduction({ build: sum, fold: (a, b) => a + b }),
  ReduceMean: reduction({ build: mean }),
  ReduceMax: reduction({ build: largest, fold: Math.max }),
  ReduceMin: reduction({ build: (x, axes) => neg(largest(neg(x), axes)), fold: Math.min }),
  ReduceProd: reduction({ fold: (a, b) => a * b }),
  ReduceL1: reduction({ build: (x, axes) => sum(abs(x), axes) }),
  ReduceL2: reduction({ build: (x, axes) => sqrt(sumOfSquares(x, axes)) }),
  ReduceSumSquare: reduction({ build: sumOfSquares }),
  ReduceLogSumExp: reduction({ build: logSumExp }),
};
