import { reshape } from '../graph/ops/basic.ts';
import { matmul } from '../graph/ops/linear.ts';
import type { Tensor } from '../graph/tensor.ts';

/**
 * A part of a map, or the map moved, scaled and mirrored, where each image of the batch has its own.
 *
 * @param map [B,C,h,w].
 * @param down [B,H,h], how rows are made of rows.
 * @param across [B,W,w], how columns are made of columns.
 * @returns [B,C,H,W].
 */
export function viewed(map: Tensor, down: Tensor, across: Tensor): Tensor {
  const [b, height, h] = down.shape;
  const [, width, w] = across.shape;
  const rows = matmul(reshape(down, [b, 1, height, h]), map);
  return matmul(rows, reshape(across, [b, 1, width, w]), { transB: true });
}

/** The matrix [length,size] of `viewed` that takes neighbours from `from` on. */
export function taken(size: number, from: number, length: number): Float32Array {
  const data = new Float32Array(length * size);
  for (let i = 0; i < length; i++) data[i * size + from + i] = 1;
  return data;
}
