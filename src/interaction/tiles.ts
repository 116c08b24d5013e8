import type { Click } from '../clicks/maps.ts';
import type { Size } from './zoom.ts';

/** A picture cut into overlapping tiles of one size, row by row; every pixel is in at least one. */
export interface Tiles {
  picture: Size;
  /** Of one tile. */
  size: Size;
  tops: readonly number[];
  lefts: readonly number[];
}

/**
 * Where tiles of `side` px start so that they cover `length` px, each overlapping the one before by at least the given
 * part of a side (a fraction of a pixel is cut off): as few as possible, evenly spaced, the last one at the end.
 *
 * @param minOverlap 0 .. below 1
 * @throws RangeError where a tile is longer than what it should cover
 */
export function tileOffsets(length: number, side: number, minOverlap: number): number[] {
  if (length < side) throw new RangeError(`tiles of ${side} px cannot cover ${length} px`);
  if (length === side) return [0];
  const count = Math.ceil((length / side - minOverlap) / (1 - minOverlap));
  const overlap = (count - length / side) / (count - 1);
  const step = side - Math.trunc(side * overlap);
  return Array.from({ length: count }, (_, i) => Math.min(i * step, length - side));
}

/**
 * Tiles for a picture that is larger than a network's input, as in RITM's `Crops` (arXiv 2102.06583). A picture that
 * is smaller than a tile in height or width is one tile of its own size.
 *
 * @param minOverlap least part of a side that neighbours share, 0 .. below 1
 */
export function planTiles(picture: Size, size: Size, minOverlap = 0.2): Tiles {
  if (picture[0] < size[0] || picture[1] < size[1]) return { picture, size: picture, tops: [0], lefts: [0] };
  const [tops, lefts] = [0, 1].map(axis => tileOffsets(picture[axis], size[axis], minOverlap));
  return { picture, size, tops, lefts };
}

/** The corners of all tiles, in their order. */
export function tileCorners({ tops, lefts }: Tiles): { top: number; left: number }[] {
  return tops.flatMap(top => lefts.map(left => ({ top, left })));
}

/**
 * @param planes [C, H, W] of the picture
 * @returns [tiles, C, h, w]
 */
export function cutTiles(planes: Float32Array, tiles: Tiles): Float32Array {
  const [height, width] = tiles.picture;
  const channels = planes.length / (height * width);
  const corners = tileCorners(tiles);
  const [h, w] = tiles.size;
  const out = new Float32Array(corners.length * channels * h * w);
  let at = 0;
  for (const { top, left } of corners) {
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < h; y++, at += w) {
        const from = (c * height + top + y) * width + left;
        out.set(planes.subarray(from, from + w), at);
      }
    }
  }
  return out;
}

/** A click's place in a tile; it may lie outside. */
export function tileClick(click: Click, corner: { top: number; left: number }): Click {
  return { ...click, y: click.y - corner.top, x: click.x - corner.left };
}

/**
 * The mean of overlapping tiles.
 *
 * @param maps [tiles, h, w]
 * @returns [H, W] of the picture
 */
export function mergeTiles(maps: Float32Array, tiles: Tiles): Float32Array {
  const [height, width] = tiles.picture;
  const [h, w] = tiles.size;
  const sum = new Float32Array(height * width);
  const counts = new Uint16Array(height * width);
  let at = 0;
  for (const { top, left } of tileCorners(tiles)) {
    for (let y = 0; y < h; y++) {
      for (let to = (top + y) * width + left, x = 0; x < w; x++, to++) {
        sum[to] += maps[at++];
        counts[to]++;
      }
    }
  }
  for (let i = 0; i < sum.length; i++) sum[i] /= counts[i];
  return sum;
}
