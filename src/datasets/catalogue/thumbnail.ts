import type { RgbImage } from '../../base/raster.ts';

/**
 * A photo at few grey values (0..255, fractions kept), row-major: every value is the mean luma (ITU-R BT.601) of its
 * share of the photo. It hardly depends on file format, JPEG quality, decoder or size.
 */
export type Thumbnail = Float32Array;

/** @param side rows and columns of the thumbnail */
export function thumbnailOf({ width, height, data }: RgbImage, side: number): Thumbnail {
  const columns = shares(width, side);
  const thumbnail = new Float32Array(side * side);
  for (const [row, [top, bottom]] of shares(height, side).entries()) {
    for (const [column, [left, right]] of columns.entries()) {
      let sum = 0;
      for (let y = top; y < bottom; y++) {
        for (let x = left, at = 3 * (y * width + left); x < right; x++, at += 3) {
          sum += 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
        }
      }
      thumbnail[row * side + column] = sum / ((bottom - top) * (right - left));
    }
  }
  return thumbnail;
}

/** Where each share of a length begins and ends; of a length below their number they overlap. */
const shares = (length: number, side: number): [number, number][] =>
  Array.from({ length: side }, (_, i) => {
    const start = Math.floor((i * length) / side);
    return [start, Math.max(start + 1, Math.floor(((i + 1) * length) / side))];
  });

/** Mean absolute difference of two thumbnails in grey values; beyond `enough` only a lower bound of it. */
export function thumbnailDistance(a: Thumbnail, b: Thumbnail, enough = Number.POSITIVE_INFINITY): number {
  let sum = 0;
  for (let i = 0; i < a.length && sum <= enough * a.length; i++) sum += Math.abs(a[i] - b[i]);
  return sum / a.length;
}

export const meanOf = (thumbnail: Thumbnail): number =>
  thumbnail.reduce((sum, value) => sum + value, 0) / thumbnail.length;
