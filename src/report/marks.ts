import type { Grid, RgbImage } from '../base/raster.ts';
import { type Color, fillDisk } from './canvas.ts';

/** A place to mark; `order` is the number of its click, from 0, where it has one. */
export interface Mark {
  x: number;
  y: number;
  order?: number;
}

/** Radii of the disks of the first three clicks; later ones are 2. */
const RADII = [8, 6, 4];

/**
 * A picture with points on it, as the original draws training samples: a disk of `radius`, or for a point with an
 * order one of 8, 6, 4 px for the first three and 2 px for all others. A point above the picture is padding and left
 * out. The input is not changed.
 */
export function drawPoints(image: RgbImage, points: readonly Mark[], color: Color, radius = 3): RgbImage {
  const canvas = { ...image, data: image.data.slice() };
  for (const { x, y, order } of points) {
    if (y >= 0) fillDisk(canvas, { x, y }, order === undefined ? radius : (RADII[order] ?? 2), color);
  }
  return canvas;
}

/** The colour of a label as Pascal VOC numbers them: its bits dealt to the high bits of red, green and blue in turn. */
export function labelColor(label: number): Color {
  const color: [number, number, number] = [0, 0, 0];
  for (let bit = 7, rest = label; rest > 0; rest >>= 3, bit--) {
    for (let c = 0; c < 3; c++) color[c] |= ((rest >> c) & 1) << bit;
  }
  return color;
}

/**
 * A picture with labels mixed in by their colours; label 0 leaves it as it is. The input is not changed.
 *
 * @param weight of the colours, 0..1
 */
export function paintLabels(image: RgbImage, labels: Grid<Int32Array>, weight: number): RgbImage {
  const data = image.data.slice();
  for (const [i, label] of labels.data.entries()) {
    if (label === 0) continue;
    const color = labelColor(label);
    for (let c = 0; c < 3; c++) data[3 * i + c] = Math.trunc(data[3 * i + c] * (1 - weight) + color[c] * weight);
  }
  return { ...image, data };
}
