import type { Random } from '../base/random.ts';
import type { RgbImage } from '../base/raster.ts';

/** How one axis is made anew: output i is `weight[2i]` of `from[2i]` plus `weight[2i+1]` of `from[2i+1]`. */
interface Axis {
  from: Int32Array;
  weight: Float32Array;
}

/** An image moved, enlarged and perhaps mirrored; its size stays. */
export interface Jitter {
  down: Axis;
  across: Axis;
}

/** FeatUp pads a picture of this side by `PAD` pixels, and others in proportion. */
const SIDE = 224;
const PAD = 20;
const MOST_ZOOM = 2;

/** FeatUp's transformation: mirrored borders, half of the time a zoom of 1 to 2, a place, half of the time mirrored columns. */
export function drawJitter(side: number, random: Random): Jitter {
  const pad = Math.min(side - 1, Math.round((PAD * side) / SIDE));
  const zoom = random.chance(0.5) ? random.uniform(1, MOST_ZOOM) : 1;
  const room = Math.floor((side + 2 * pad) * zoom) - side;
  const axis = (flip: boolean) => jitterAxis(side, pad, zoom, random.integer(0, room), flip);
  const flip = random.chance(0.5);
  return { down: axis(false), across: axis(flip) };
}

function jitterAxis(side: number, pad: number, zoom: number, start: number, flip: boolean): Axis {
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

/** An axis as a matrix [side,side], row-major. */
export function jitterMatrix({ from, weight }: Axis): Float32Array {
  const side = from.length / 2;
  const data = new Float32Array(side * side);
  for (let i = 0; i < from.length; i++) data[Math.floor(i / 2) * side + from[i]] += weight[i];
  return data;
}

export function jittered({ width, height, data }: RgbImage, { down, across }: Jitter): RgbImage {
  const out = new Uint8Array(data.length);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++, at++) {
        let sum = 0;
        for (let j = 2 * y; j < 2 * y + 2; j++) {
          for (let i = 2 * x; i < 2 * x + 2; i++) {
            sum += down.weight[j] * across.weight[i] * data[(down.from[j] * width + across.from[i]) * 3 + c];
          }
        }
        out[at] = Math.round(sum);
      }
    }
  }
  return { width, height, data: out };
}
