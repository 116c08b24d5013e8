import type { RgbImage } from '../base/raster.ts';
import { roundHalfEven, type Size, type Window } from './geometry.ts';

/** The two taps of each output coordinate along one axis and their weights, which sum to about 2048. */
interface Taps {
  first: Int32Array;
  second: Int32Array;
  firstWeight: Int32Array;
  secondWeight: Int32Array;
}

const WEIGHT_ONE = 2048;

/**
 * Bilinear resizing of 8-bit colour, bit for bit `cv2.resize(..., INTER_LINEAR)` of OpenCV 4 without IPP:
 * half-pixel centres, 11-bit weights, its truncations. The exact halving, for which OpenCV switches to
 * averaging areas, is not special here (it differs by at most one level).
 *
 * @param size the size of the whole result
 * @param window the part of the result to compute; all of it by default
 * @returns the window's pixels, equal to the same pixels of the whole result
 */
export function resizeLinear(image: RgbImage, size: Size, window: Window = { x: 0, y: 0, ...size }): RgbImage {
  const columns = axisTaps(image.width, size.width, window.x, window.width, true);
  const rows = axisTaps(image.height, size.height, window.y, window.height, false);
  const length = window.width * 3;
  const data = new Uint8Array(length * window.height);
  const cache = [new Int32Array(length), new Int32Array(length)];
  const cached = [-1, -1];
  const stretched = (row: number, keep: number): number => {
    const hit = cached.indexOf(row);
    if (hit >= 0) return hit;
    const into = cached[0] === keep ? 1 : 0;
    stretchRow(image, row, columns, cache[into]);
    cached[into] = row;
    return into;
  };
  for (let y = 0; y < window.height; y++) {
    const upper = cache[stretched(rows.first[y], rows.second[y])];
    const lower = cache[stretched(rows.second[y], rows.first[y])];
    const upperWeight = rows.firstWeight[y];
    const lowerWeight = rows.secondWeight[y];
    for (let i = 0, at = y * length; i < length; i++, at++) {
      data[at] = (((upperWeight * (upper[i] >> 4)) >> 16) + ((lowerWeight * (lower[i] >> 4)) >> 16) + 2) >> 2;
    }
  }
  return { width: window.width, height: window.height, data };
}

function stretchRow(image: RgbImage, row: number, columns: Taps, out: Int32Array): void {
  const { first, second, firstWeight, secondWeight } = columns;
  const { data } = image;
  const start = row * image.width * 3;
  for (let x = 0, at = 0; x < first.length; x++, at += 3) {
    const a = start + first[x] * 3;
    const b = start + second[x] * 3;
    const wa = firstWeight[x];
    const wb = secondWeight[x];
    out[at] = data[a] * wa + data[b] * wb;
    out[at + 1] = data[a + 1] * wa + data[b + 1] * wb;
    out[at + 2] = data[a + 2] * wa + data[b + 2] * wb;
  }
}

/** OpenCV clamps columns by moving the weight to the edge, rows by repeating the edge with both weights. */
function axisTaps(from: number, to: number, start: number, count: number, moveWeight: boolean): Taps {
  const scale = 1 / (to / from);
  const taps: Taps = {
    first: new Int32Array(count),
    second: new Int32Array(count),
    firstWeight: new Int32Array(count),
    secondWeight: new Int32Array(count),
  };
  for (let i = 0; i < count; i++) {
    const centre = Math.fround((start + i + 0.5) * scale - 0.5);
    const floor = Math.floor(centre);
    const outside = floor < 0 || floor >= from - 1;
    const fraction = moveWeight && outside ? 0 : Math.fround(centre - floor);
    taps.first[i] = Math.min(Math.max(floor, 0), from - 1);
    taps.second[i] = Math.min(Math.max(floor + 1, 0), from - 1);
    taps.firstWeight[i] = roundHalfEven(Math.fround(1 - fraction) * WEIGHT_ONE);
    taps.secondWeight[i] = roundHalfEven(fraction * WEIGHT_ONE);
  }
  return taps;
}

/** The source coordinate of each output coordinate along one axis, as `cv2.resize(..., INTER_NEAREST)` takes it. */
export function nearestTaps(from: number, to: number): Int32Array {
  const scale = 1 / (to / from);
  return Int32Array.from({ length: to }, (_, i) => Math.min(Math.floor(i * scale), from - 1));
}
