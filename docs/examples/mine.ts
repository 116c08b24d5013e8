import { add, div, exp, mul, pad, slice, sub, sum, type Tensor, toSize, type Upsampler } from 'clickprobe';

/** The map [B,C,H,W] with every pixel moved along an axis; zeros come in at the border. */
const moved = (map: Tensor, axis: number, by: number): Tensor =>
  slice(pad(map, [[axis, Math.max(by, 0), Math.max(-by, 0)]]), axis, Math.max(-by, 0), map.shape[axis]);

export default {
  description: 'bilinear, then averaged with pixels around that have the same colour',
  upsample(features, image, size) {
    const [fine, colours] = [toSize(features, size), toSize(image, size)];
    let [total, weights]: [Tensor, Tensor | number] = [fine, 1];
    for (const [axis, by] of [2, 3].flatMap(axis => [4, -4].map(by => [axis, by]))) {
      const difference = sub(colours, moved(colours, axis, by));
      const alike = exp(mul(sum(mul(difference, difference), [1]), -10));
      [total, weights] = [add(total, mul(moved(fine, axis, by), alike)), add(weights, alike)];
    }
    return div(total, weights);
  },
} satisfies Upsampler;
