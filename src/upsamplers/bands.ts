import { reshape } from '../graph/ops/basic.ts';
import { concat, slice } from '../graph/ops/layout.ts';
import { matmul, resample } from '../graph/ops/linear.ts';
import type { Matrix, Tensor } from '../graph/tensor.ts';

/** A run of output rows that are made of the same low-res rows. */
export interface Band {
  row: number;
  rows: number;
  lowRow: number;
  lowRows: number;
}

/** Where the centre of output pixel i lies among low-res cells, whose centres are at 0, 1, 2 ... */
export const cellPosition = (i: number, out: number, low: number): number => ((i + 0.5) * low) / out - 0.5;

/** Cuts output rows into bands that lie between two rows of cells; each sees `reach` rows of cells above and below it. */
export function bands(height: number, low: number, reach: number): Band[] {
  const above = Array.from({ length: height }, (_, i) => Math.floor(cellPosition(i, height, low)));
  const starts = above.flatMap((cell, i) => (i === 0 || cell !== above[i - 1] ? [i] : []));
  return starts.map((row, i) => {
    const lowRow = Math.max(0, above[row] + 1 - reach);
    const lowEnd = Math.min(low, above[row] + 1 + reach);
    return { row, rows: (starts[i + 1] ?? height) - row, lowRow, lowRows: lowEnd - lowRow };
  });
}

/** Some rows and columns of a matrix. */
export function block(matrix: Matrix, row: number, rows: number, col: number, cols: number): Matrix {
  const data = new Float32Array(rows * cols);
  for (let i = 0; i < rows; i++) {
    const from = (row + i) * matrix.cols + col;
    data.set(matrix.data.subarray(from, from + cols), i * cols);
  }
  return { rows, cols, data };
}

/**
 * Makes every output pixel a weighted sum of low-res cells, with the same weights for all channels.
 *
 * @param features [B,C,h,w].
 * @param parts the bands in order, each with its weights [B, rows*width, lowRows*w].
 * @returns [B,C,H,width].
 */
export function spread(features: Tensor, width: number, parts: readonly { band: Band; weights: Tensor }[]): Tensor {
  const [b, c, , w] = features.shape;
  const maps = parts.map(({ band, weights }) => {
    const cells = reshape(slice(features, 2, band.lowRow, band.lowRows), [b, c, band.lowRows * w]);
    return reshape(matmul(cells, weights, { transB: true }), [b, c, band.rows, width]);
  });
  return concat(maps, 2);
}

/** Output rows or columns that are computed together. */
const BLOCK = 32;

/**
 * `resample` with matrices whose rows have few numbers beside 0, close together: a block of output rows from the input
 * rows that it needs, then the columns likewise. Worth it where both sizes are large.
 */
export function resampleInBlocks(map: Tensor, vertical: Matrix, horizontal: Matrix): Tensor {
  const rows = inBlocks(vertical).map(({ matrix, from }) =>
    resample(slice(map, 2, from, matrix.cols), matrix, undefined),
  );
  const tall = concat(rows, 2);
  const columns = inBlocks(horizontal).map(({ matrix, from }) =>
    resample(slice(tall, 3, from, matrix.cols), undefined, matrix),
  );
  return concat(columns, 3);
}

function inBlocks(matrix: Matrix): { matrix: Matrix; from: number }[] {
  const { rows, cols, data } = matrix;
  return Array.from({ length: Math.ceil(rows / BLOCK) }, (_, i) => {
    const [row, count] = [i * BLOCK, Math.min(BLOCK, rows - i * BLOCK)];
    const used = Array.from({ length: cols }, (_, col) => col).filter(col => {
      for (let r = row; r < row + count; r++) if (data[r * cols + col] !== 0) return true;
      return false;
    });
    const [from, last] = [used[0], used[used.length - 1]];
    return { matrix: block(matrix, row, count, from, last - from + 1), from };
  });
}
