import { isElementwise, makeNode } from '../op.ts';
import { after, slice } from '../ops/layout.ts';
import { resample } from '../ops/linear.ts';
import { type Matrix, sameShape, type Tensor } from '../tensor.ts';

/**
 * Rows `start` .. `start + length - 1` of one image of a map [B,C,H,W], computed without the rest of the map where it
 * comes from a resampling and elementwise ops: what a band does not need is then never held.
 *
 * @param wait not to be computed before this is there
 */
export function rowsOf(map: Tensor, image: number, start: number, length: number, wait?: Tensor): Tensor {
  const later = (x: Tensor) => (wait ? after(x, wait) : x);
  if (map.op === 'resample') {
    const [low] = map.inputs;
    const { vertical, horizontal } = map.attributes as { vertical?: Matrix; horizontal?: Matrix };
    if (vertical) return resample(later(slice(low, 0, image, 1)), submatrix(vertical, start, length), horizontal);
  }
  const fits = (x: Tensor) =>
    sameShape(x.shape, map.shape) || x.shape.every((n, i) => n === 1 || i === x.shape.length - 3);
  if (isElementwise(map) && map.inputs.every(fits)) {
    const inputs = map.inputs.map(x => (sameShape(x.shape, map.shape) ? rowsOf(x, image, start, length, wait) : x));
    return makeNode(map.op, inputs, map.attributes);
  }
  return later(slice(slice(map, 0, image, 1), 2, start, length));
}

const submatrix = ({ cols, data }: Matrix, start: number, length: number): Matrix => ({
  rows: length,
  cols,
  data: data.subarray(start * cols, (start + length) * cols),
});
