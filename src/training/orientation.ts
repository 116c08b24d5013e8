import type { RgbImage } from '../base/raster.ts';
import type { Size, Window } from './geometry.ts';

/**
 * One of the eight flips and quarter turns of a frame. The result has `width` x `height` pixels; its pixel
 * (x, y) is the frame's pixel (xx*x + xy*y + x0, yx*x + yy*y + y0).
 */
export interface Orientation extends Size {
  xx: number;
  xy: number;
  x0: number;
  yx: number;
  yy: number;
  y0: number;
}

export function upright(frame: Size): Orientation {
  return { width: frame.width, height: frame.height, xx: 1, xy: 0, x0: 0, yx: 0, yy: 1, y0: 0 };
}

/** `before`, then left and right exchanged. */
export function flipColumns(before: Orientation): Orientation {
  const last = before.width - 1;
  const { xx, x0, yx, y0 } = before;
  return { ...before, xx: -xx, x0: x0 + xx * last, yx: -yx, y0: y0 + yx * last };
}

/** `before`, then top and bottom exchanged. */
export function flipRows(before: Orientation): Orientation {
  const last = before.height - 1;
  const { xy, x0, yy, y0 } = before;
  return { ...before, xy: -xy, x0: x0 + xy * last, yy: -yy, y0: y0 + yy * last };
}

/** `before`, then a quarter turn counter-clockwise (`np.rot90`). */
export function quarterTurn(before: Orientation): Orientation {
  const last = before.width - 1;
  const { width, height, xx, xy, x0, yx, yy, y0 } = before;
  return { width: height, height: width, xx: xy, xy: -xx, x0: x0 + xx * last, yx: yy, yy: -yx, y0: y0 + yx * last };
}

/** The window of the frame that holds exactly the pixels of a window of the result. */
export function sourceWindow(orientation: Orientation, window: Window): Window {
  const { xx, xy, x0, yx, yy, y0 } = orientation;
  const right = window.x + window.width - 1;
  const bottom = window.y + window.height - 1;
  const xs = [xx * window.x + xy * window.y + x0, xx * right + xy * bottom + x0];
  const ys = [yx * window.x + yy * window.y + y0, yx * right + yy * bottom + y0];
  const x = Math.min(...xs);
  const y = Math.min(...ys);
  return { x, y, width: Math.abs(xs[1] - xs[0]) + 1, height: Math.abs(ys[1] - ys[0]) + 1 };
}

/**
 * Turns a part of a frame.
 *
 * @param part the pixels of `sourceWindow(orientation, window)`
 * @returns the pixels of `window`
 */
export function orient(part: RgbImage, orientation: Orientation, window: Window): RgbImage {
  const { xx, xy, x0, yx, yy, y0 } = orientation;
  const from = sourceWindow(orientation, window);
  const { width, height } = window;
  const data = new Uint8Array(width * height * 3);
  const step = (yx * part.width + xx) * 3;
  for (let y = 0, to = 0; y < height; y++) {
    const column = xx * window.x + xy * (window.y + y) + x0 - from.x;
    const row = yx * window.x + yy * (window.y + y) + y0 - from.y;
    for (let x = 0, at = (row * part.width + column) * 3; x < width; x++, at += step, to += 3) {
      data[to] = part.data[at];
      data[to + 1] = part.data[at + 1];
      data[to + 2] = part.data[at + 2];
    }
  }
  return { width, height, data };
}
