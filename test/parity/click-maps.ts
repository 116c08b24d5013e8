import { type ClickMapOptions, drawClickMaps } from '../../src/clicks/maps.ts';
import { allNear, type Check } from './case.ts';

interface Numbers {
  shape: readonly number[];
  data: ArrayLike<number | bigint>;
}

/**
 * Click maps against the reference's.
 *
 * @param points [B, 2N, 3], rows (y, x, order), the first N positive
 * @param expected [B, 2, H, W]
 * @param scale coordinates are multiplied by this
 */
export function checkClickMaps(
  what: string,
  points: Numbers,
  expected: Numbers,
  options: ClickMapOptions,
  scale = 1,
): Check {
  const [batch, , height, width] = expected.shape;
  const count = points.shape[1];
  const size = 2 * height * width;
  const found = new Float32Array(batch * size);
  for (let b = 0; b < batch; b++) {
    const clicks = Array.from({ length: count }, (_, i) => {
      const [y, x] = [0, 1].map(axis => Number(points.data[3 * (b * count + i) + axis]) * scale);
      return { y, x, positive: i < count / 2 };
    });
    drawClickMaps(clicks, height, width, options, found.subarray(b * size, (b + 1) * size));
  }
  return allNear(what, found, Float64Array.from(expected.data, Number), options.form === 'disk' ? 0 : 2.5e-7);
}
