import type { RgbImage } from '../base/raster.ts';
import { clipWindow, roundHalfEven, type Size, type Window } from './geometry.ts';

/** A 2x3 affine matrix, row-major: x' = m[0]x + m[1]y + m[2], y' = m[3]x + m[4]y + m[5]. */
export type Affine = readonly [number, number, number, number, number, number];

const FIXED_BITS = 10;
const FIXED_ONE = 1 << FIXED_BITS;
const FRACTION_BITS = 5;
const FRACTION_ONE = 1 << FRACTION_BITS;

/**
 * Rotation about the centre of a frame, then a shift.
 *
 * @param degrees counter-clockwise
 * @param shift as a fraction of width and height
 */
export function rotateShift(frame: Size, degrees: number, shift: { x: number; y: number }): Affine {
  const angle = (degrees * Math.PI) / 180;
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  const x = frame.width / 2;
  const y = frame.height / 2;
  return [
    cos,
    sin,
    (1 - cos) * x - sin * y + shift.x * frame.width,
    -sin,
    cos,
    sin * x + (1 - cos) * y + shift.y * frame.height,
  ];
}

/** The inverse, in OpenCV's order of operations so that its roundings are met. Singular matrices do not occur here. */
export function invertAffine(m: Affine): Affine {
  const d = 1 / (m[0] * m[4] - m[1] * m[3]);
  const [a, b, c, e] = [m[4] * d, m[1] * -d, m[3] * -d, m[0] * d];
  return [a, b, -a * m[2] - b * m[5], c, e, -c * m[2] - e * m[5]];
}

/**
 * The part of a frame that the pixels of a window read when warped by `inverse`, with a margin for the
 * interpolation and its fixed-point coordinates.
 */
export function warpedFrom(inverse: Affine, window: Window, frame: Size): Window {
  const xs: number[] = [];
  const ys: number[] = [];
  for (const x of [window.x, window.x + window.width - 1]) {
    for (const y of [window.y, window.y + window.height - 1]) {
      xs.push(inverse[0] * x + inverse[1] * y + inverse[2]);
      ys.push(inverse[3] * x + inverse[4] * y + inverse[5]);
    }
  }
  const x = Math.floor(Math.min(...xs)) - 2;
  const y = Math.floor(Math.min(...ys)) - 2;
  const width = Math.ceil(Math.max(...xs)) + 4 - x;
  const height = Math.ceil(Math.max(...ys)) + 4 - y;
  return clipWindow({ x, y, width, height }, frame);
}

/** The steps of the source coordinates along a row of output pixels, in 1/1024 px. */
function rowSteps(inverse: Affine, window: Window): { x: Int32Array; y: Int32Array } {
  const steps = (slope: number) =>
    Int32Array.from({ length: window.width }, (_, i) => roundHalfEven(slope * (window.x + i) * FIXED_ONE));
  return { x: steps(inverse[0]), y: steps(inverse[3]) };
}

/**
 * Warps 8-bit colour, bit for bit `cv2.warpAffine(..., INTER_LINEAR, BORDER_CONSTANT, 0)` of OpenCV 4 (below 4.11):
 * coordinates to 1/32 px, 15-bit weights.
 *
 * @param part the pixels of `at`, a window of the frame; what lies outside it counts as black, so it must
 *   hold `warpedFrom(inverse, window, frame)`
 * @param inverse maps output pixels to pixels of the frame
 * @returns the pixels of `window`
 */
export function warpLinear(part: RgbImage, at: Window, inverse: Affine, window: Window): RgbImage {
  const shift = FIXED_BITS - FRACTION_BITS;
  const half = FIXED_ONE / FRACTION_ONE / 2;
  const steps = rowSteps(inverse, window);
  const { width, height, data: source } = part;
  const data = new Uint8Array(window.width * window.height * 3);
  const stride = width * 3;
  const lastX = width - 1;
  const lastY = height - 1;
  for (let y = 0, to = 0; y < window.height; y++) {
    const row = window.y + y;
    const startX = roundHalfEven((inverse[1] * row + inverse[2]) * FIXED_ONE) + half;
    const startY = roundHalfEven((inverse[4] * row + inverse[5]) * FIXED_ONE) + half;
    for (let x = 0; x < window.width; x++, to += 3) {
      const fixedX = (startX + steps.x[x]) >> shift;
      const fixedY = (startY + steps.y[x]) >> shift;
      const left = (fixedX >> FRACTION_BITS) - at.x;
      const top = (fixedY >> FRACTION_BITS) - at.y;
      if (left < -1 || top < -1 || left > lastX || top > lastY) continue;
      const right = fixedX & (FRACTION_ONE - 1);
      const lower = fixedY & (FRACTION_ONE - 1);
      let wa = (FRACTION_ONE - right) * (FRACTION_ONE - lower);
      let wb = right * (FRACTION_ONE - lower);
      let wc = (FRACTION_ONE - right) * lower;
      let wd = right * lower;
      let a = top * stride + left * 3;
      let b = a + 3;
      let c = a + stride;
      let d = c + 3;
      // a tap outside gets weight 0 and, to stay inside the array, another tap's place
      if (left < 0) [wa, a, wc, c] = [0, b, 0, d];
      else if (left === lastX) [wb, b, wd, d] = [0, a, 0, c];
      if (top < 0) [wa, a, wb, b] = [0, c, 0, d];
      else if (top === lastY) [wc, c, wd, d] = [0, a, 0, b];
      data[to] = (wa * source[a] + wb * source[b] + wc * source[c] + wd * source[d] + 512) >> 10;
      data[to + 1] = (wa * source[a + 1] + wb * source[b + 1] + wc * source[c + 1] + wd * source[d + 1] + 512) >> 10;
      data[to + 2] = (wa * source[a + 2] + wb * source[b + 2] + wc * source[c + 2] + wd * source[d + 2] + 512) >> 10;
    }
  }
  return { width: window.width, height: window.height, data };
}

/**
 * The source pixel of each pixel of a window under `cv2.warpAffine(..., INTER_NEAREST)`.
 *
 * @returns columns and rows in the frame, row-major over the window; they may lie outside the frame
 */
export function warpNearest(inverse: Affine, window: Window): { columns: Int32Array; rows: Int32Array } {
  const steps = rowSteps(inverse, window);
  const columns = new Int32Array(window.width * window.height);
  const rows = new Int32Array(columns.length);
  for (let y = 0, to = 0; y < window.height; y++) {
    const row = window.y + y;
    const startX = roundHalfEven((inverse[1] * row + inverse[2]) * FIXED_ONE) + FIXED_ONE / 2;
    const startY = roundHalfEven((inverse[4] * row + inverse[5]) * FIXED_ONE) + FIXED_ONE / 2;
    for (let x = 0; x < window.width; x++, to++) {
      columns[to] = (startX + steps.x[x]) >> FIXED_BITS;
      rows[to] = (startY + steps.y[x]) >> FIXED_BITS;
    }
  }
  return { columns, rows };
}
