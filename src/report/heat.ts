import type { ProbabilityMap, RgbImage } from '../base/raster.ts';
import { roundHalfToEven } from './canvas.ts';

/** Black, red, yellow, white: the colours of levels 0 .. 255, [256][3], as `cv2.COLORMAP_HOT` has them (but RGB). */
export const heatColors: Uint8Array = tabulate();

/** A map of probabilities as a picture; a probability p has the colour of level floor(255 p). */
export function heatPicture({ width, height, data }: ProbabilityMap): RgbImage {
  const out = new Uint8Array(3 * data.length);
  for (let i = 0; i < data.length; i++) {
    const level = Math.min(255, Math.max(0, Math.trunc(Math.fround(data[i] * 255))));
    out.set(heatColors.subarray(3 * level, 3 * level + 3), 3 * i);
  }
  return { width, height, data: out };
}

/** OpenCV holds 64 samples of each colour and interpolates in float32, which shows in the last bit. */
function tabulate(): Uint8Array {
  const { fround } = Math;
  const samples = 64;
  const places = (count: number) => Array.from({ length: count }, (_, i) => fround(i * fround(1 / (count - 1))));
  const ramp = (start: number, slope: number) =>
    Array.from({ length: samples }, (_, k) => fround(Math.min(1, Math.max(0, (slope * k) / (samples - 1) - start))));
  const knots = places(samples);
  const channels = [ramp(0, 2.5), ramp(1, 2.5), ramp(4, 5)];
  return Uint8Array.from(
    places(256).flatMap(x => {
      const high = Math.max(
        1,
        knots.findIndex(knot => knot >= x),
      );
      const low = high - 1;
      return channels.map(values => {
        const slope = fround(fround(values[high] - values[low]) / fround(knots[high] - knots[low]));
        return roundHalfToEven(fround(255 * fround(values[low] + fround(fround(x - knots[low]) * slope))));
      });
    }),
  );
}
