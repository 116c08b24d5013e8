import type { RgbImage } from '../base/raster.ts';

export type Color = readonly [red: number, green: number, blue: number];

/** Mixes a colour into a pixel, in place; pixels off the canvas are skipped. */
export function blend(canvas: RgbImage, x: number, y: number, color: Color, weight: number): void {
  if (weight <= 0 || x < 0 || y < 0 || x >= canvas.width || y >= canvas.height) return;
  const at = 3 * (y * canvas.width + x);
  for (let c = 0; c < 3; c++) canvas.data[at + c] = Math.round(canvas.data[at + c] * (1 - weight) + color[c] * weight);
}

/** A filled disk around a pixel, in place: `cv2.circle`. Fractions of the centre are cut off. */
export function fillDisk(canvas: RgbImage, at: { x: number; y: number }, radius: number, color: Color): void {
  for (let dy = -radius; dy <= radius; dy++) {
    for (let dx = -radius; dx <= radius; dx++) {
      if (dx * dx + dy * dy <= radius * radius) blend(canvas, Math.trunc(at.x) + dx, Math.trunc(at.y) + dy, color, 1);
    }
  }
}

/** Python's and OpenCV's rounding. */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
