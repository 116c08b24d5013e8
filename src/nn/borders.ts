import { concat, reverse, slice } from '../graph/ops/layout.ts';
import { GraphError, show, type Tensor } from '../graph/tensor.ts';

/**
 * A map [B,C,H,W] with its mirror image about the border pixels around it. For the narrow borders of convolutions of
 * large maps, where copies are cheaper than the matrix of `reflectPad`.
 *
 * @throws GraphError where the border is as wide as the map.
 */
export function reflectBorder(map: Tensor, border: number): Tensor {
  if (border === 0) return map;
  if (map.shape.slice(2).some(size => size <= border)) {
    throw new GraphError(`reflectBorder: ${border} pixels cannot be mirrored at the border of ${show(map.shape)}`);
  }
  return [2, 3].reduce((x, axis) => {
    const before = reverse(slice(x, axis, 1, border), axis);
    const after = reverse(slice(x, axis, x.shape[axis] - 1 - border, border), axis);
    return concat([before, x, after], axis);
  }, map);
}
