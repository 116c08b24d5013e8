import { Random } from '../../base/random.ts';

/** A scalar field over the plane. */
export type Field = (x: number, y: number) => number;

/** 32 mixed bits of a lattice point. */
function latticeHash(x: number, y: number, seed: number): number {
  let h = Math.imul(x | 0, 0x27d4eb2d) ^ Math.imul(y | 0, 0x165667b1) ^ seed;
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A number in [0, 1) of a lattice point. */
export function latticeValue(x: number, y: number, seed: number): number {
  return latticeHash(x, y, seed) / 4294967296;
}

/** The numbers 0..255 in a fixed random order, twice, so that an index of up to 510 needs no wrapping. */
const permutation = (() => {
  const order = Random.of(0, 'gradient noise').shuffle(Array.from({ length: 256 }, (_, i) => i));
  return Uint8Array.from([...order, ...order]);
})();

const slopeX = Float64Array.from({ length: 256 }, (_, i) => Math.cos((i / 16) * 2 * Math.PI));
const slopeY = Float64Array.from({ length: 256 }, (_, i) => Math.sin((i / 16) * 2 * Math.PI));

/** Gradient noise (Perlin 2002, quintic fade), about -1..1, one feature per unit, repeating after 256. */
export function gradientNoise(x: number, y: number, seed: number): number {
  const ix = Math.floor(x);
  const iy = Math.floor(y);
  const fx = x - ix;
  const fy = y - iy;
  const u = fx * fx * fx * (fx * (fx * 6 - 15) + 10);
  const v = fy * fy * fy * (fy * (fy * 6 - 15) + 10);
  const row = (iy + (seed >>> 8)) & 255;
  const left = permutation[(ix + seed) & 255] + row;
  const right = permutation[(ix + seed + 1) & 255] + row;
  const salt = (seed >>> 16) & 255;
  const a = permutation[left] ^ salt;
  const b = permutation[right] ^ salt;
  const c = permutation[left + 1] ^ salt;
  const d = permutation[right + 1] ^ salt;
  const p = slopeX[a] * fx + slopeY[a] * fy;
  const q = slopeX[b] * (fx - 1) + slopeY[b] * fy;
  const r = slopeX[c] * fx + slopeY[c] * (fy - 1);
  const t = slopeX[d] * (fx - 1) + slopeY[d] * (fy - 1);
  const top = p + (q - p) * u;
  return 1.5 * (top + (r + (t - r) * u - top) * v);
}

/** Fractal noise: octaves of half the size and half the height, about -1..1. */
export function fractalNoise(seed: number, octaves: number): Field {
  return (x, y) => {
    let sum = 0;
    let height = 1;
    let scale = 1;
    for (let i = 0; i < octaves; i++) {
      sum += height * gradientNoise(x * scale, y * scale, seed + i * 7919 * 257);
      height /= 2;
      scale *= 2;
    }
    return sum * 0.6;
  };
}

/**
 * Cellular noise (Worley 1996) on a jittered unit lattice: fills `out` with the distance to the nearest point,
 * the distance to the second nearest, and the nearest cell's own number in [0, 1).
 */
export function cellularNoise(x: number, y: number, seed: number, out: Float64Array): void {
  const ix = Math.floor(x);
  const iy = Math.floor(y);
  let first = 9;
  let second = 9;
  let owner = 0;
  for (let j = iy - 1; j <= iy + 1; j++) {
    for (let i = ix - 1; i <= ix + 1; i++) {
      const h = latticeHash(i, j, seed);
      const dx = i + 0.1 + (0.8 * (h & 0xffff)) / 65536 - x;
      const dy = j + 0.1 + (0.8 * (h >>> 16)) / 65536 - y;
      const d = dx * dx + dy * dy;
      if (d < first) {
        second = first;
        first = d;
        owner = h;
      } else if (d < second) second = d;
    }
  }
  out[0] = Math.sqrt(first);
  out[1] = Math.sqrt(second);
  out[2] = Math.imul(owner, 0x9e3779b1) / 4294967296 + 0.5;
}
