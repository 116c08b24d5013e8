import type { RgbImage } from '../base/raster.ts';
import type { JitterAxis } from '../upsamplers/jitter.ts';

export function jittered(
  { width, height, data }: RgbImage,
  [down, across]: readonly [JitterAxis, JitterAxis],
): RgbImage {
  const out = new Uint8Array(data.length);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++, at++) {
        let sum = 0;
        for (let j = 2 * y; j < 2 * y + 2; j++) {
          for (let i = 2 * x; i < 2 * x + 2; i++) {
            sum += down.weight[j] * across.weight[i] * data[(down.from[j] * width + across.from[i]) * 3 + c];
          }
        }
        out[at] = Math.round(sum);
      }
    }
  }
  return { width, height, data: out };
}
