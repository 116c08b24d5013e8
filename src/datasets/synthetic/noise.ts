/** A scalar field over the plane. */
export type Field = (x: number, y: number) => number;

/** 32 mixed bits of a lattice point. */
export function latticeHash(x: number, y: number, seed: number): number {
  let h = Math.imul(x | 0, 0x27d4eb2d) ^ Math.imul(y | 0, 0x165667b1) ^ seed;
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A number in [0, 1) of a lattice point. */
export function latticeValue(x: number, y: number, seed: number): number {
  return latticeHash(x, y, seed) / 4294967296;
}

const directions = Float64Array.from({ length: 32 }, (_, i) => {
  const angle = ((i >> 1) / 16) * 2 * Math.PI;
  return i & 1 ? Math.sin(angle) : Math.cos(angle);
});

function corner(x: number, y: number, dx: number, dy: number, seed: number): number {
  const d = (latticeHash(x, y, seed) & 15) * 2;
  return directions[d] * dx + directions[d + 1] * dy;
}

/** Gradient noise (Perlin 2002, quintic fade), about -1..1, one feature per unit. */
export function gradientNoise(x: number, y: number, seed: number): number {
  const ix = Math.floor(x);
  const iy = Math.floor(y);
  const fx = x - ix;
  const fy = y - iy;
  const u = fx * fx * fx * (fx * (fx * 6 - 15) + 10);
  const v = fy * fy * fy * (fy * (fy * 6 - 15) + 10);
  const a = corner(ix, iy, fx, fy, seed);
  const b = corner(ix + 1, iy, fx - 1, fy, seed);
  const c = corner(ix, iy + 1, fx, fy - 1, seed);
  const d = corner(ix + 1, iy + 1, fx - 1, fy - 1, seed);
  const top = a + (b - a) * u;
  return 1.5 * (top + (c + (d - c) * u - top) * v);
}

/** Fractal noise: octaves of half the size and half the height, about -1..1. */
export function fractalNoise(seed: number, octaves: number): Field {
  return (x, y) => {
    let sum = 0;
    let height = 1;
    let scale = 1;
    for (let i = 0; i < octaves; i++) {
      sum += height * gradientNoise(x * scale, y * scale, seed + i * 7919);
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
