import { mul } from '../../../src/graph/ops/elementwise.ts';
import { after, concat, pad, recomputed, reverse, slice, transpose, unslice } from '../../../src/graph/ops/layout.ts';
import type { Shape, Tensor } from '../../../src/graph/tensor.ts';
import { addAt, at, type Nd, tabulate } from '../nd.ts';
import type { OpCase, OpCases } from '../op-cases.ts';

const transposed = (shape: Shape, permutation: readonly number[]): OpCase => ({
  title: `[${shape}] by ${permutation}`,
  shapes: [shape],
  build: x => transpose(x, permutation),
  reference: x =>
    tabulate(
      permutation.map(axis => shape[axis]),
      index => {
        const from = shape.map(() => 0);
        permutation.forEach((axis, i) => {
          from[axis] = index[i];
        });
        return at(x, from);
      },
    ),
});

const moved = (index: readonly number[], axis: number, to: number) => index.map((n, i) => (i === axis ? to : n));

const sliced = (shape: Shape, axis: number, start: number, length: number, step?: number): OpCase => ({
  title: `[${shape}] axis ${axis} from ${start}, ${length} items, step ${step ?? 1}`,
  shapes: [shape],
  build: x => slice(x, axis, start, length, step),
  reference: x =>
    tabulate(moved(shape, axis, length), index => at(x, moved(index, axis, start + index[axis] * (step ?? 1)))),
});

/** Puts items back one by one. */
function scattered(x: Nd, axis: number, start: number, step: number, size: number): Nd {
  const out = tabulate(moved(x.shape, axis, size), () => 0);
  tabulate(x.shape, index => {
    addAt(out, moved(index, axis, start + index[axis] * step), at(x, index));
    return 0;
  });
  return out;
}

const unsliced = (shape: Shape, axis: number, start: number, step: number, size: number): OpCase => ({
  title: `[${shape}] axis ${axis} at ${start}, step ${step}, into ${size}`,
  shapes: [shape],
  build: x => unslice(x, axis, start, step, size),
  reference: x => scattered(x, axis, start, step, size),
});

const joined = (axis: number, ...shapes: Shape[]): OpCase => ({
  title: `${shapes.map(s => `[${s}]`).join(' ')} along ${axis}`,
  shapes,
  build: (...parts) => concat(parts, axis),
  reference: (...parts) => {
    const owner = parts.flatMap(part => Array.from({ length: part.shape[axis] }, (_, i) => ({ part, i })));
    return tabulate(moved(shapes[0], axis, owner.length), index => {
      const { part, i } = owner[index[axis]];
      return at(part, moved(index, axis, i));
    });
  },
});

export const layoutCases: OpCases = {
  transpose: [
    transposed([2, 3], [1, 0]),
    transposed([2, 3, 4], [2, 0, 1]),
    transposed([2, 3, 4, 2], [0, 3, 1, 2]),
    transposed([2, 1, 3], [2, 1, 0]),
    // runs that are moved as a whole first
    transposed([2, 3, 4, 33], [3, 1, 0, 2]),
    transposed([2, 3, 2, 32], [2, 3, 1, 0]),
  ],
  slice: [
    sliced([5, 3], 0, 1, 3),
    sliced([2, 7], 1, 1, 3, 2),
    sliced([2, 7], 1, 6, 3, -3),
    sliced([2, 7], 1, 6, 7, -1),
    sliced([4], 0, 2, 2, -2),
    sliced([4], 0, 3, 1, -1),
    sliced([4, 2], 0, 0, 1, 3),
    sliced([2, 3, 5], 2, 4, 2, -4),
    { ...sliced([3, 4], 1, 3, 4, -1), title: 'reverse', build: x => reverse(x, 1) },
    ...[1, 2, -1].map(step => {
      const one = sliced([2, 5], 1, step < 0 ? 4 : 0, 2, step);
      return {
        ...one,
        title: `${one.title}, after another tensor`,
        shapes: [
          [2, 5],
          [2, 2],
        ],
        build: (x: Tensor, other: Tensor) => after(slice(x, 1, step < 0 ? 4 : 0, 2, step), other),
        blocked: [1],
      };
    }),
    {
      title: 'the same items twice',
      shapes: [[5]],
      build: x => mul(slice(x, 0, 0, 3), slice(x, 0, 2, 3)),
      reference: x => tabulate([3], ([i]) => x.data[i] * x.data[i + 2]),
    },
  ],
  unslice: [
    unsliced([3, 2], 0, 1, 1, 5),
    unsliced([2, 3], 1, 0, 2, 5),
    unsliced([2, 3], 1, 1, 2, 8),
    unsliced([2, 3], 1, 5, -2, 6),
    unsliced([2, 3], 1, 2, -1, 3),
    unsliced([2, 3], 1, 3, -1, 6),
    unsliced([2, 1, 2], 1, 2, -3, 4),
    unsliced([3, 2, 2], 0, 6, -3, 9),
    unsliced([2, 2, 3], 2, 1, 4, 10),
    {
      title: 'pad on two axes',
      shapes: [[2, 3]],
      build: x =>
        pad(x, [
          [0, 1, 0],
          [1, 2, 3],
        ]),
      reference: x => scattered(scattered(x, 0, 1, 1, 3), 1, 2, 1, 8),
    },
  ],
  after: [[], [5], [2, 3]].map(shape => ({
    title: `[${shape}] waits for [2, 2]`,
    shapes: [shape, [2, 2]],
    build: after,
    reference: x => tabulate(shape, index => at(x, index)),
    blocked: [1],
  })),
  recomputed: [
    {
      title: 'a factor of a product with itself',
      shapes: [[2, 3]],
      build: x => {
        const square = recomputed(mul(x, x), x);
        return mul(square, square);
      },
      reference: x => tabulate([2, 3], index => at(x, index) ** 4),
    },
    {
      title: 'one within another, and a base that is computed',
      shapes: [[4], [4]],
      build: (x, y) => {
        const base = mul(x, y);
        const inner = recomputed(mul(base, base), base);
        return mul(recomputed(mul(inner, y), base), inner);
      },
      reference: (x, y) => tabulate([4], index => at(x, index) ** 4 * at(y, index) ** 5),
    },
    {
      title: 'passes a value on where nothing needs it again',
      shapes: [[3]],
      build: x => recomputed(mul(x, 2), x),
      reference: x => tabulate([3], index => 2 * at(x, index)),
    },
  ],
  concat: [
    joined(0, [2], [3]),
    joined(1, [2, 1], [2, 3], [2, 2]),
    joined(0, [1, 2, 2], [2, 2, 2]),
    joined(2, [1, 2, 2], [1, 2, 1]),
    {
      title: 'one tensor twice',
      shapes: [[3]],
      build: x => concat([x, x], 0),
      reference: x => tabulate([6], ([i]) => x.data[i % 3]),
    },
  ],
};
