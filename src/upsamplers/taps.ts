import { reshape } from '../graph/ops/basic.ts';
import { concat, slice } from '../graph/ops/layout.ts';
import type { Tensor } from '../graph/tensor.ts';

/**
 * What the k x k taps of every pixel see in a map that has their reach around it.
 *
 * @param map [B,C, rows + (k-1) * dilation[0], width + (k-1) * dilation[1]].
 * @param dilation pixels between two taps, down and across
 * @returns for each column of taps [B,C,k,rows,width], its taps from top to bottom.
 */
export function neighbours(
  map: Tensor,
  k: number,
  dilation: readonly [number, number],
  [rows, width]: readonly [number, number],
): Tensor[] {
  const [b, c, , wide] = map.shape;
  const each = Array.from({ length: k }, (_, i) => i);
  const tall = concat(
    each.map(i => reshape(slice(map, 2, i * dilation[0], rows), [b, c, 1, rows, wide])),
    2,
  );
  return each.map(j => slice(tall, 4, j * dilation[1], width));
}

/** One number per tap from one for each column of taps, [B,1,k,rows,width] of k columns -> [B,k*k,rows,width], row-major. */
export function tapsOf(columns: readonly Tensor[]): Tensor {
  const [b, , k, rows, width] = columns[0].shape;
  const apart = columns.map(column => reshape(column, [b, k, 1, rows, width]));
  return reshape(concat(apart, 2), [b, k * columns.length, rows, width]);
}
