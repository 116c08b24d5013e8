import { reshape } from '../graph/ops/basic.ts';
import { concat, slice, transpose } from '../graph/ops/layout.ts';
import { resample } from '../graph/ops/linear.ts';
import type { Matrix, Tensor } from '../graph/tensor.ts';
import { toTokens } from '../nn/layers.ts';
import { bicubic, bicubicAntialias, bilinear } from '../nn/resize.ts';

/**
 * How a position embedding [1,P+grid*grid,C], P positions of tokens in front of the grid's, serves a grid of another
 * size: [1,P+h*w,C].
 */
export type PositionResize = (table: Tensor, grid: number, h: number, w: number) => Tensor;

/** Either axis by a matrix of its own; the tokens in front and a square grid of the trained size stay as they are. */
const byAxis =
  (matrix: (trained: number, size: number) => Matrix): PositionResize =>
  (table, n, h, w) => {
    if (h === n && w === n) return table;
    const [, rows, c] = table.shape;
    const prefix = rows - n * n;
    const map = transpose(reshape(slice(table, 1, prefix, n * n), [1, n, n, c]), [0, 3, 1, 2]);
    const resized = toTokens(resample(map, matrix(n, h), matrix(n, w)));
    return prefix === 0 ? resized : concat([slice(table, 1, 0, prefix), resized], 1);
  };

/** Bicubic with the scale (n+.1)/grid, as DINO resizes positions and what descends from it. */
export const offsetBicubic = byAxis((trained, size) => bicubic(trained, size, (size + 0.1) / trained));

/** Bicubic to the size asked for. */
export const plainBicubic = byAxis(bicubic);

/** Bicubic, antialiased, to the size asked for. */
export const antialiasedBicubic = byAxis(bicubicAntialias);

/** Linear, the outermost positions on the outermost. */
export const alignedBilinear = byAxis((trained, size) => bilinear(trained, size, { alignCorners: true }));
