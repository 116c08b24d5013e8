import type { Random } from '../../base/random.ts';
import { mix, type Rgb, shift } from './color.ts';
import { cellularNoise, type Field, fractalNoise, gradientNoise, latticeValue } from './noise.ts';

/** Writes the colour (linear light) at a point of the surface into `out`; coordinates in pixels. */
export type Texture = (x: number, y: number, out: Float32Array) => void;

/** Two or more colours and the size in pixels of what repeats make a texture. */
type Pattern = (random: Random, colours: readonly Rgb[], period: number) => Texture;

/** Writes the mix of two colours times a brightness. */
function put(out: Float32Array, a: Rgb, b: Rgb, t: number, gain: number): void {
  out[0] = (a[0] + (b[0] - a[0]) * t) * gain;
  out[1] = (a[1] + (b[1] - a[1]) * t) * gain;
  out[2] = (a[2] + (b[2] - a[2]) * t) * gain;
}

/** Anti-aliased step: 0 to 1 as a signed distance in pixels goes from -.5 to .5. */
const step = (distance: number) => (distance <= -0.5 ? 0 : distance >= 0.5 ? 1 : distance + 0.5);
const wrap = (x: number, period: number) => x - Math.floor(x / period) * period;
/** 1 in the middle `share` of every period, with soft borders. */
const band = (x: number, period: number, share: number) =>
  step((period * share) / 2 - Math.abs(wrap(x, period) - period / 2));

/** Slight unevenness, which every real surface has. */
function unevenness(random: Random, period: number, amount: number): Field {
  const noise = fractalNoise(random.uint32(), 2);
  const scale = 1 / (period * 1.3);
  return (x, y) => 1 + amount * noise(x * scale, y * scale);
}

function rotated(random: Random, texture: Texture, angles: readonly number[] = []): Texture {
  const angle = angles.length > 0 ? random.pick(angles) : random.uniform(0, Math.PI);
  const c = Math.cos(angle);
  const s = Math.sin(angle);
  return (x, y, out) => texture(c * x + s * y, c * y - s * x, out);
}

const plain: Pattern = (random, [a, b], period) => {
  const noise = fractalNoise(random.uint32(), 3);
  const near = mix(a, b, random.uniform(0.05, 0.3));
  return (x, y, out) => {
    const n = noise(x / period, y / period);
    put(out, a, near, 0.5 + n, 1 + 0.12 * n);
  };
};

const stripes: Pattern = (random, [a, b, c = b], period) => {
  const gain = unevenness(random, period, 0.15);
  const share = random.uniform(0.25, 0.65);
  const bend = random.chance(0.4) ? period * random.uniform(0.2, 0.7) : 0;
  const seed = random.uint32();
  const fine = random.chance(0.35);
  return rotated(random, (x, y, out) => {
    const at = y + bend * gradientNoise(x / (period * 2.5), y / (period * 2.5), seed);
    put(out, a, b, band(at, period, share), gain(x, y));
    if (!fine) return;
    const line = band(at + period / 2, period, 0.1);
    for (let i = 0; i < 3; i++) out[i] += (c[i] - out[i]) * line;
  });
};

const chevrons: Pattern = (random, [a, b], period) => {
  const gain = unevenness(random, period, 0.12);
  return rotated(random, (x, y, out) => {
    const zigzag = Math.abs(wrap(x, period * 2) - period);
    put(out, a, b, band(y + zigzag, period * 1.2, 0.5), gain(x, y));
  });
};

const dots: Pattern = (random, [a, b], period) => {
  const gain = unevenness(random, period, 0.12);
  const radius = period * random.uniform(0.2, 0.36);
  return rotated(random, (x, y, out) => {
    const row = Math.floor(y / (period * 0.87));
    const dx = wrap(x + (row & 1) * period * 0.5, period) - period / 2;
    const dy = y - (row + 0.5) * period * 0.87;
    put(out, a, b, step(radius - Math.hypot(dx, dy)), gain(x, y));
  });
};

const checker: Pattern = (random, [a, b], period) => {
  const gain = unevenness(random, period, 0.15);
  return rotated(random, (x, y, out) => {
    const s = band(x, period * 2, 0.5);
    const t = band(y, period * 2, 0.5);
    put(out, a, b, s + t - 2 * s * t, gain(x, y));
  });
};

const plaid: Pattern = (random, [a, b, c = a], period) => {
  const share = random.uniform(0.25, 0.5);
  const gain = unevenness(random, period, 0.1);
  return rotated(random, (x, y, out) => {
    const thread = 0.06 * Math.sin(x * 1.9) * Math.sin(y * 1.9);
    const wide = 0.5 * (band(x, period * 2, share) + band(y, period * 2, share));
    put(out, a, b, wide, gain(x, y) + thread);
    const line = 0.6 * Math.max(band(x + period, period * 2, 0.07), band(y + period, period * 2, 0.07));
    for (let i = 0; i < 3; i++) out[i] += (c[i] - out[i]) * line;
  });
};

const patches: Pattern = (random, [a, b], period) => {
  const noise = fractalNoise(random.uint32(), 3);
  const gain = unevenness(random, period, 0.15);
  const level = random.uniform(-0.08, 0.15);
  const scale = 1 / (period * 1.6);
  return (x, y, out) => {
    put(out, a, b, step((noise(x * scale, y * scale) - level) * period), gain(x, y));
  };
};

const speckle: Pattern = (random, [a, b, c = b], period) => {
  const seed = random.uint32();
  const cell = Math.max(3.5, period * 0.28);
  const share = random.uniform(0.3, 0.7);
  const gain = unevenness(random, period, 0.15);
  return (x, y, out) => {
    const i = Math.floor(x / cell);
    const j = Math.floor(y / cell);
    const v = latticeValue(i, j, seed);
    const radius = cell * (0.18 + 0.25 * latticeValue(i, j, seed + 1));
    const dx = x - (i + 0.5) * cell - 0.12 * cell * (v * 16 - Math.floor(v * 16) - 0.5);
    const dy = y - (j + 0.5) * cell;
    const on = v < share ? step(radius - Math.hypot(dx, dy)) : 0;
    put(out, a, v < share / 2 ? b : c, on, gain(x, y));
  };
};

/** Long grain in boards; with one board as large as the surface it is a piece of timber. */
const wood: Pattern = (random, [a, b], period) => {
  const seed = random.uint32();
  const long = fractalNoise(seed, 3);
  const boards = random.chance(0.7);
  const width = period * random.uniform(1.8, 3.5);
  const length = width * random.uniform(5, 9);
  const dark = shift(mix(a, b, 0.6), -0.16);
  return rotated(
    random,
    (x, y, out) => {
      const row = boards ? Math.floor(y / width) : 0;
      const shifted = x + length * latticeValue(row, 0, seed + 3);
      const board = boards ? Math.floor(shifted / length) : 0;
      const tone = latticeValue(row, board, seed);
      const warp = long(x / (period * 7) + tone * 40, y / (period * 0.9) + tone * 17);
      const grain = 0.5 + 0.5 * Math.sin((y / period) * 3 + warp * 7);
      const fibre = gradientNoise(x / 22, y * 0.9, seed + 11);
      put(out, a, b, 0.25 * tone + 0.55 * grain * grain, (boards ? 0.88 + 0.22 * tone : 1) + 0.07 * fibre);
      if (!boards) return;
      const gap = Math.max(
        step(1.1 - Math.abs(wrap(y + width / 2, width) - width / 2)),
        step(0.9 - Math.abs(wrap(shifted + length / 2, length) - length / 2)),
      );
      for (let i = 0; i < 3; i++) out[i] += (dark[i] - out[i]) * gap * 0.75;
    },
    [0, Math.PI / 2, random.uniform(-0.6, 0.6)],
  );
};

function masonry(aspect: number, offset: number): Pattern {
  return (random, [a, b, c = a], period) => {
    const seed = random.uint32();
    const gain = unevenness(random, period, 0.2);
    const joint = Math.max(0.9, period * random.uniform(0.04, 0.09));
    const mortar = random.chance(0.5) ? shift(c, 0.06) : shift(mix(a, b, 0.5), -0.12);
    const turn = offset > 0 ? [0] : [0, 0, Math.PI / 4, random.uniform(0, 1)];
    return rotated(
      random,
      (x, y, out) => {
        const row = Math.floor(y / period);
        const along = x + row * offset * period * aspect;
        const column = Math.floor(along / (period * aspect));
        const dx = along - column * period * aspect;
        const dy = y - row * period;
        const inside = Math.min(dx, period * aspect - dx, dy, period - dy) - joint;
        const tone = latticeValue(column, row, seed);
        put(out, a, b, tone * tone, gain(x, y) * (0.9 + 0.2 * latticeValue(column, row, seed + 1)));
        const t = 1 - step(inside);
        for (let i = 0; i < 3; i++) out[i] += (mortar[i] - out[i]) * t;
      },
      turn,
    );
  };
}

/** Pebbles, scales, cracked earth: cells with a dark seam. */
const cells: Pattern = (random, [a, b], period) => {
  const seed = random.uint32();
  const seam = random.uniform(0.25, 0.6);
  const gain = unevenness(random, period, 0.15);
  const found = new Float64Array(3);
  return (x, y, out) => {
    cellularNoise(x / period, y / period, seed, found);
    const border = Math.min(1, (found[1] - found[0]) * 4);
    put(out, a, b, found[2], gain(x, y) * (1 - seam + seam * border) * (1.06 - 0.16 * found[0]));
  };
};

const marble: Pattern = (random, [a, b], period) => {
  const noise = fractalNoise(random.uint32(), 4);
  const bend = fractalNoise(random.uint32(), 2);
  const scale = 1 / (period * 3);
  return rotated(random, (x, y, out) => {
    const w = bend(x * scale, y * scale);
    const vein = 1 - Math.min(1, Math.abs(noise(x * scale * 0.7 + w, y * scale * 1.6 + w)) * 4);
    put(out, a, b, vein * vein * 0.8, 1 + 0.1 * w);
  });
};

const clouds: Pattern = (random, [a, b], period) => {
  const noise = fractalNoise(random.uint32(), 4);
  const scale = 1 / (period * 4);
  return (x, y, out) => {
    const n = noise(x * scale, y * scale);
    put(out, a, b, Math.min(1, Math.max(0, 0.5 + n * 1.1)), 1 + 0.08 * n);
  };
};

/** Blades, fur, brushed metal: noise stretched one way. */
const fibres: Pattern = (random, [a, b], period) => {
  const seed = random.uint32();
  const broad = fractalNoise(random.uint32(), 2);
  const thick = random.uniform(1.3, 2.4);
  return rotated(
    random,
    (x, y, out) => {
      const w = broad(x / (period * 3), y / (period * 3));
      const n = gradientNoise(x / thick + w * 2, y / (thick * 6), seed);
      put(out, a, b, Math.min(1, Math.max(0, 0.4 + 0.45 * n + 0.4 * w)), 1 + 0.16 * n);
    },
    [0, 0.2, -0.2, Math.PI / 2],
  );
};

const scales: Pattern = (random, [a, b], period) => {
  const size = Math.max(7, period * 0.7);
  const gain = unevenness(random, period, 0.1);
  return (x, y, out) => {
    const row = Math.floor(y / (size * 0.5));
    const dx = wrap(x + (row & 1) * size * 0.5, size) - size / 2;
    const dy = y - row * size * 0.5;
    const d = Math.min(1, Math.hypot(dx, dy) / (size * 0.62));
    put(out, a, b, d * d, gain(x, y) * (1.05 - 0.35 * d ** 4));
  };
};

const patterns = {
  ...{ plain, stripes, chevrons, dots, checker, plaid, patches, speckle, wood, cells, marble, clouds, fibres, scales },
  tiles: masonry(1, 0),
  bricks: masonry(2.3, 0.5),
};

export type PatternName = keyof typeof patterns;

/** A texture of the named pattern; `period` is the size in pixels of what repeats. */
export function drawTexture(random: Random, pattern: PatternName, colours: readonly Rgb[], period: number): Texture {
  return patterns[pattern](random, colours, period);
}

/** The colour a texture has from far away. */
export function meanColour(texture: Texture): Rgb {
  const out = new Float32Array(3);
  const sum = [0, 0, 0];
  const n = 144;
  for (let i = 0; i < n; i++) {
    texture((i % 12) * 17.3, Math.floor(i / 12) * 13.7, out);
    for (let c = 0; c < 3; c++) sum[c] += out[c] / n;
  }
  return [sum[0], sum[1], sum[2]];
}
