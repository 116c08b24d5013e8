import type { Mask } from '../base/raster.ts';

/**
 * The pixels that OpenCV paints for the contours of a mask two pixels wide (`findContours` of outer borders and holes,
 * `drawContours` with thickness 2): every border pixel with its four neighbours, and beside a diagonal step of the
 * border also the neighbours at right angles to that step. Half of the line lies outside the mask.
 *
 * @returns 1 where painted
 */
export function thickOutline(mask: Mask): Mask {
  const { width, height } = mask;
  const isInside = (x: number, y: number) =>
    x >= 0 && y >= 0 && x < width && y < height && mask.data[y * width + x] !== 0;
  const data = new Uint8Array(width * height);
  const paint = (x: number, y: number) => {
    if (x >= 0 && y >= 0 && x < width && y < height) data[y * width + x] = 1;
  };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!isInside(x, y)) continue;
      const cross = [
        [x, y],
        [x - 1, y],
        [x + 1, y],
        [x, y - 1],
        [x, y + 1],
      ];
      if (cross.some(([u, v]) => !isInside(u, v))) for (const [u, v] of cross) paint(u, v);
      for (const side of [-1, 1]) {
        // a step to the row below, across a corner that is not set
        if (!isInside(x + side, y + 1) || (isInside(x + side, y) && isInside(x, y + 1))) continue;
        for (const [u, v] of [
          [x, y],
          [x + side, y + 1],
        ]) {
          paint(u + side, v - 1);
          paint(u - side, v + 1);
        }
      }
    }
  }
  return { width, height, data };
}
