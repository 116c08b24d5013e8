import { matmul, resample } from '../../../src/graph/ops/linear.ts';
import type { Matrix, Shape } from '../../../src/graph/tensor.ts';
import { at, tabulate, total } from '../nd.ts';
import type { OpCase, OpCases } from '../op-cases.ts';
import { uniform } from '../run.ts';

interface MatmulCase {
  a?: Shape;
  b?: Shape;
  batch?: Shape;
  transA?: boolean;
  transB?: boolean;
  alpha?: number;
}

/** A [2,3] by [3,4] product, with batches in front and stored transposed where asked. */
function product({ a = [], b = [], batch = [], transA, transB, alpha = 1 }: MatmulCase): OpCase {
  const flags = [transA && 'transA', transB && 'transB', alpha !== 1 && `alpha ${alpha}`].filter(Boolean);
  return {
    title: `batches [${a}] and [${b}] ${flags.join(' ')}`,
    shapes: [
      [...a, ...(transA ? [3, 2] : [2, 3])],
      [...b, ...(transB ? [4, 3] : [3, 4])],
    ],
    build: (x, y) => matmul(x, y, { transA, transB, alpha }),
    reference: (x, y) =>
      tabulate([...batch, 2, 4], index => {
        const lead = index.slice(0, -2);
        const [m, n] = index.slice(-2);
        const term = (k: number) =>
          at(x, [...lead, ...(transA ? [k, m] : [m, k])]) * at(y, [...lead, ...(transB ? [n, k] : [k, n])]);
        return alpha * total(3, term);
      }),
  };
}

const flags = [
  {},
  { transA: true },
  { transB: true },
  { transA: true, transB: true },
  { alpha: -0.5 },
  { transA: true, alpha: 2 },
  { transB: true, alpha: 0.25 },
  { transA: true, transB: true, alpha: 3 },
];
const batches: MatmulCase[] = [
  {},
  { a: [2], b: [2], batch: [2] },
  { a: [2], batch: [2] },
  { b: [2], batch: [2] },
  { a: [2, 1], b: [3], batch: [2, 3] },
  { a: [1, 2], b: [3, 1], batch: [3, 2] },
  { a: [1], b: [2], batch: [2] },
];

const matrix = (rows: number, cols: number): Matrix => ({
  rows,
  cols,
  data: uniform([rows, cols], -1, 1, 'matrix', rows, cols),
});

const resampled = (shape: Shape, vertical?: Matrix, horizontal?: Matrix): OpCase => ({
  title: `[${shape}] rows ${vertical?.rows ?? 'kept'}, columns ${horizontal?.rows ?? 'kept'}`,
  shapes: [shape],
  build: x => resample(x, vertical, horizontal),
  reference: x => {
    const [h, w] = shape.slice(-2);
    const along = (m: Matrix | undefined, i: number, j: number) => (m ? m.data[i * m.cols + j] : i === j ? 1 : 0);
    return tabulate([...shape.slice(0, -2), vertical?.rows ?? h, horizontal?.rows ?? w], index => {
      const lead = index.slice(0, -2);
      const [i, j] = index.slice(-2);
      return total(h, r => total(w, c => along(vertical, i, r) * along(horizontal, j, c) * at(x, [...lead, r, c])));
    });
  },
});

export const linearCases: OpCases = {
  matmul: flags.flatMap(flag => batches.map(batch => product({ ...flag, ...batch }))),
  resample: [
    resampled([3, 4], matrix(5, 3), matrix(2, 4)),
    resampled([3, 4], matrix(2, 3), matrix(7, 4)),
    resampled([2, 2, 3, 4], matrix(5, 3), matrix(6, 4)),
    resampled([2, 3, 4], matrix(5, 3), undefined),
    resampled([2, 3, 4], undefined, matrix(5, 4)),
    resampled([1, 2, 3, 3], matrix(3, 3), matrix(3, 3)),
    resampled([1, 1, 1, 1], matrix(4, 1), matrix(2, 1)),
  ],
};
