import type { Mask } from '../base/raster.ts';

/**
 * Dilation by a (2r+1)-sided square, which is r dilations by 3x3. Outside the frame counts as empty.
 *
 * @param radius pixels, 0 = a copy
 */
export function dilate(mask: Mask, radius: number): Mask {
  const { width, height } = mask;
  const along = new Uint8Array(mask.data.length);
  const data = new Uint8Array(mask.data.length);
  for (let y = 0; y < height; y++) spread(mask.data, along, y * width, 1, width, radius);
  for (let x = 0; x < width; x++) spread(along, data, x, width, height, radius);
  return { width, height, data };
}

/** Erosion by a (2r+1)-sided square. Outside the frame counts as set, so that objects do not shrink at the image border. */
export function erode(mask: Mask, radius: number): Mask {
  return complement(dilate(complement(mask), radius));
}

function complement({ width, height, data }: Mask): Mask {
  const inverse = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) inverse[i] = data[i] === 0 ? 1 : 0;
  return { width, height, data: inverse };
}

/** Sets every element of a line of `to` that has a set element of `from` at most `radius` away. */
function spread(from: Uint8Array, to: Uint8Array, start: number, stride: number, count: number, radius: number): void {
  let covered = 0;
  for (let i = 0; i < count; i++) {
    if (from[start + i * stride] === 0) continue;
    const end = Math.min(count, i + radius + 1);
    for (let j = Math.max(covered, i - radius); j < end; j++) to[start + j * stride] = 1;
    covered = end;
  }
}
