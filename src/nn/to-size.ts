import { resample } from '../graph/ops/linear.ts';
import type { Tensor } from '../graph/tensor.ts';
import { bilinear } from './resize.ts';

/** A map [B,C,h,w] brought to [B,C,H,W] bilinearly; as it is where it has that size. */
export function toSize(
  map: Tensor,
  [height, width]: readonly [number, number],
  options: { alignCorners: boolean } = { alignCorners: true },
): Tensor {
  const [h, w] = map.shape.slice(2);
  const axis = (from: number, to: number) => (from === to ? undefined : bilinear(from, to, options));
  return resample(map, axis(h, height), axis(w, width));
}

/** [H,W] of a map [B,C,H,W]. */
export const sizeOf = (map: Tensor): readonly [number, number] => [map.shape[2], map.shape[3]];
