import { reshape } from '../graph/ops/basic.ts';
import { pad, slice, transpose } from '../graph/ops/layout.ts';
import type { Tensor } from '../graph/tensor.ts';

/** Cells [B,H,W,C] -> windows [B*n,window*window,C]. Zeros, unmasked, fill those that the cells do not. */
export function toWindows(cells: Tensor, window: number): Tensor {
  const [b, h, w, c] = cells.shape;
  const [rows, columns] = [Math.ceil(h / window), Math.ceil(w / window)];
  const padded = pad(cells, [
    [1, 0, rows * window - h],
    [2, 0, columns * window - w],
  ]);
  const cut = transpose(reshape(padded, [b, rows, window, columns, window, c]), [0, 1, 3, 2, 4, 5]);
  return reshape(cut, [b * rows * columns, window * window, c]);
}

/** Back to cells of the given shape, without the padding. */
export function fromWindows(windows: Tensor, [b, h, w, c]: readonly number[]): Tensor {
  const window = Math.sqrt(windows.shape[1]);
  const [rows, columns] = [Math.ceil(h / window), Math.ceil(w / window)];
  const joined = transpose(reshape(windows, [b, rows, columns, window, window, c]), [0, 1, 3, 2, 4, 5]);
  const padded = reshape(joined, [b, rows * window, columns * window, c]);
  return slice(slice(padded, 1, 0, h), 2, 0, w);
}
