import { expand, reshape, sum } from '../../../src/graph/ops/basic.ts';
import { mul } from '../../../src/graph/ops/elementwise.ts';
import type { Shape } from '../../../src/graph/tensor.ts';
import { addAt, at, type Nd, nd, tabulate } from '../nd.ts';
import type { OpCase, OpCases } from '../op-cases.ts';

const reshaped = (from: Shape, to: Shape): OpCase => ({
  title: `[${from}] to [${to}]`,
  shapes: [from],
  build: x => reshape(x, to),
  reference: x => nd(to, x.data),
});

/** Adds every element to where it goes, rather than gathering. */
function summed(x: Nd, axes: readonly number[]): Nd {
  const out = tabulate(
    x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size)),
    () => 0,
  );
  tabulate(x.shape, index => {
    addAt(out, index, at(x, index));
    return 0;
  });
  return out;
}

const sumOver = (shape: Shape, axes: readonly number[]): OpCase => ({
  title: `[${shape}] over ${axes}`,
  shapes: [shape],
  // squared, so that the gradient depends on the place
  build: x => mul(sum(x, axes), sum(x, axes)),
  reference: x => {
    const { shape: out, data } = summed(x, axes);
    return nd(
      out,
      data.map(v => v * v),
    );
  },
});

const expanded = (from: Shape, to: Shape): OpCase => ({
  title: `[${from}] to [${to}]`,
  shapes: [from],
  build: x => expand(x, to),
  reference: x => tabulate(to, index => at(x, index)),
});

export const basicCases: OpCases = {
  reshape: [
    reshaped([2, 3, 4], [4, 6]),
    reshaped([6], [1, 2, 1, 3]),
    reshaped([1, 1], []),
    reshaped([], [1, 1, 1]),
    reshaped([2, 2], [4]),
  ],
  sum: [
    sumOver([2, 3, 4], [1]),
    sumOver([2, 3, 4], [0, 2]),
    sumOver([2, 3, 4], [2, 0]),
    sumOver([2, 3, 4], [0, 1, 2]),
    sumOver([1, 3, 1, 2], [0, 1, 2]),
    sumOver([5], [0]),
  ],
  expand: [
    expanded([], [2, 3]),
    expanded([3], [2, 3]),
    expanded([2, 1], [2, 3]),
    expanded([1, 3, 1], [4, 2, 3, 2]),
    expanded([1], [1, 1]),
    expanded([1, 1, 1], [1, 5, 1]),
  ],
};
