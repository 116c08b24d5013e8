import type { Random } from '../base/random.ts';
import type { Matrix } from '../graph/tensor.ts';

/** FeatUp's transformation of a picture: it is padded with its mirror image, enlarged, cut out again, perhaps mirrored. */
export interface Jitter {
  /** Pixels. */
  pad: number;
  zoom: number;
  /** The first row and column of what is cut out, in pixels of the enlarged picture. */
  start: readonly [number, number];
  /** Whether columns are mirrored. */
  flip: boolean;
}

/** How one axis is made anew: output i is `weight[2i]` of `from[2i]` plus `weight[2i+1]` of `from[2i+1]`. */
export interface JitterAxis {
  from: Int32Array;
  weight: Float32Array;
}

/** FeatUp pads a picture of this side by `PAD` pixels, and others in proportion. */
const SIDE = 224;
const PAD = 20;
const MOST_ZOOM = 2;

/** Mirrored borders, half of the time a zoom of 1 to 2, a place, half of the time mirrored columns. */
export function drawJitter([height, width]: readonly [number, number], random: Random): Jitter {
  const side = Math.min(height, width);
  const pad = Math.min(side - 1, Math.round((PAD * side) / SIDE));
  const zoom = random.chance(0.5) ? random.uniform(1, MOST_ZOOM) : 1;
  const flip = random.chance(0.5);
  const start = (size: number) => random.integer(0, Math.floor((size + 2 * pad) * zoom) - size);
  return { pad, zoom, flip, start: [start(height), start(width)] };
}

/** The same on a grid that is `factor` times as fine. */
export const finer = ({ pad, zoom, start: [y, x], flip }: Jitter, factor: number): Jitter => ({
  pad: pad * factor,
  zoom,
  start: [y * factor, x * factor],
  flip,
});

/** Rows and columns of a picture of that size. */
export const jitterAxes = (
  { pad, zoom, start, flip }: Jitter,
  [height, width]: readonly [number, number],
): [JitterAxis, JitterAxis] => [axis(height, pad, zoom, start[0], false), axis(width, pad, zoom, start[1], flip)];

function axis(side: number, pad: number, zoom: number, start: number, flip: boolean): JitterAxis {
  const from = new Int32Array(2 * side);
  const weight = new Float32Array(2 * side);
  const padded = side + 2 * pad;
  for (let i = 0; i < side; i++) {
    const at = Math.max(0, (start + (flip ? side - 1 - i : i) + 0.5) / zoom - 0.5);
    const low = Math.min(Math.floor(at), padded - 1);
    [low, Math.min(low + 1, padded - 1)].forEach((place, k) => {
      const inside = Math.abs(place - pad);
      from[2 * i + k] = inside < side ? inside : 2 * (side - 1) - inside;
    });
    weight[2 * i + 1] = at - low;
    weight[2 * i] = 1 - weight[2 * i + 1];
  }
  return { from, weight };
}

export function jitterMatrix({ from, weight }: JitterAxis): Matrix {
  const side = from.length / 2;
  const data = new Float32Array(side * side);
  for (let i = 0; i < from.length; i++) data[Math.floor(i / 2) * side + from[i]] += weight[i];
  return { rows: side, cols: side, data };
}
