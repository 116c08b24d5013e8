import { reshape } from '../graph/ops/basic.ts';
import { add, cos, div, mul, neg, sin, sub } from '../graph/ops/elementwise.ts';
import { concat, slice } from '../graph/ops/layout.ts';
import { constant, type Tensor } from '../graph/tensor.ts';

/** n numbers from `from` to `to`, both included. */
export const linspace = (from: number, to: number, n: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => (n === 1 ? from : from + ((to - from) * i) / (n - 1)));

/**
 * Rotary positions of a map [B,C,H,W] by learned frequencies [2,C] (rows, columns), as in JAFAR and AnyUp:
 * x cos(a) + r sin(a), a = y f_0 + x f_1 with the first pixel at 0 and the last at 1, r being x with its halves
 * exchanged, the second one negative.
 *
 * The angle's sum is taken apart, so that no table of cosines as large as the map is ever made.
 */
export function turnByFrequencies(map: Tensor, frequencies: Tensor): Tensor {
  const [, c, h, w] = map.shape;
  const angle = (axis: 0 | 1, size: number) => {
    const places = constant(linspace(0, 1, size), [1, size]);
    return mul(reshape(slice(frequencies, 0, axis, 1), [c, 1]), places);
  };
  const [down, across] = [reshape(angle(0, h), [c, h, 1]), reshape(angle(1, w), [c, 1, w])];
  const turned = concat([neg(slice(map, 1, c / 2, c / 2)), slice(map, 1, 0, c / 2)], 1);
  const even = add(mul(map, cos(down)), mul(turned, sin(down)));
  const odd = sub(mul(turned, cos(down)), mul(map, sin(down)));
  return add(mul(even, cos(across)), mul(odd, sin(across)));
}

/**
 * Axial rotary positions of a map [B,C,H,W] in heads, as in NAF: channels of a head turn in pairs (c, c + d/2) by
 * 2 pi u / period, u being the row for the first half of the pairs and the column for the others, from -1 to 1.
 *
 * @param periods [d/4].
 */
export function turnByPeriods(map: Tensor, periods: Tensor, heads: number): Tensor {
  const [b, c, h, w] = map.shape;
  const quarter = periods.shape[0];
  const parts = reshape(map, [b * heads, 4, quarter, h, w]);
  const part = (i: number) => slice(parts, 1, i, 1);
  const places = (size: number) => {
    const data = Float32Array.from({ length: size }, (_, i) => 2 * Math.PI * ((2 * (i + 0.5)) / size - 1));
    return div(constant(data, [1, size]), reshape(periods, [quarter, 1]));
  };
  const angles = [reshape(places(h), [quarter, h, 1]), reshape(places(w), [quarter, 1, w])];
  const first = angles.map((a, i) => sub(mul(part(i), cos(a)), mul(part(i + 2), sin(a))));
  const second = angles.map((a, i) => add(mul(part(i + 2), cos(a)), mul(part(i), sin(a))));
  return reshape(concat([...first, ...second], 1), [b, c, h, w]);
}
