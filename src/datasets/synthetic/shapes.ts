import type { Random } from '../../base/random.ts';
import {
  arc,
  box,
  type Contour,
  coil,
  curve,
  ellipse,
  hole,
  limb,
  polygon,
  radial,
  ring,
  smooth,
  stroke,
  transform,
} from './contour.ts';
import { type Family, type Form, type Part, part, type Wardrobe } from './figure.ts';

/** Families without a name in the world: smooth, spiky, thin, concave, hollow. */

const anyForm = (random: Random): Form => random.pick(['round', 'round', 'round', 'flat'] as const);

/** Cuts the solid in two differently coloured pieces now and then, so that one colour is not one object. */
function painted(random: Random, contours: Contour[], wear: Wardrobe, form: Form): Part[] {
  return [part(contours, random.chance(0.7) ? wear.main : wear.second, form)];
}

function blobOutline(random: Random, roughness: number): Contour {
  const waves = [2, 3, 4, 5].map(n => ({
    n,
    height: (random.normal() * roughness) / n,
    phase: random.uniform(0, 2 * Math.PI),
  }));
  const stretch = random.uniform(0.6, 1);
  const outline = radial(angle =>
    Math.max(
      0.35,
      waves.reduce((sum, w) => sum + w.height * Math.cos(w.n * angle + w.phase), 1),
    ),
  );
  return transform(outline, [1, 0, 0, stretch, 0, 0]);
}

function blob(random: Random, wear: Wardrobe): Part[] {
  const outline = blobOutline(random, 0.45);
  const parts = [part(outline, wear.main)];
  const spots = random.chance(0.4) ? random.integer(1, 3) : 0;
  for (let i = 0; i < spots; i++) {
    const angle = random.uniform(0, 2 * Math.PI);
    const size = random.uniform(0.1, 0.22);
    parts.push(part(ellipse(0.28 * Math.cos(angle), 0.2 * Math.sin(angle), size), wear.second, 'flat'));
  }
  return parts;
}

function ball(random: Random, wear: Wardrobe): Part[] {
  const parts = [part(ellipse(0, 0, 1), wear.main, 'ball')];
  return random.chance(0.3) ? [...parts, part(ellipse(0, 0, 1, 0.28), wear.second, 'ball')] : parts;
}

/** |x|^p + |y|^p = 1, from an astroid-like cushion to a rounded square. */
function superellipse(random: Random, wear: Wardrobe): Part[] {
  const power = random.pick([0.9, 1.3, 2.6, 3.5, 5]);
  const ratio = random.uniform(0.5, 1);
  const outline = radial(
    angle => (Math.abs(Math.cos(angle)) ** power + Math.abs(Math.sin(angle)) ** power) ** (-1 / power),
  );
  const squeezed = transform(outline, [1, 0, 0, ratio, 0, 0]);
  const parts = [part(squeezed, wear.main, anyForm(random))];
  if (random.chance(0.5)) parts.push(part(transform(squeezed, [0.6, 0, 0, 0.6, 0, 0]), wear.second));
  return parts;
}

function star(random: Random, wear: Wardrobe): Part[] {
  const points = random.integer(4, 8);
  const inner = random.uniform(0.35, 0.65);
  const corners: number[] = [];
  for (let i = 0; i < points * 2; i++) {
    const r = i % 2 === 0 ? 1 : inner;
    corners.push(r * Math.cos((i * Math.PI) / points), r * Math.sin((i * Math.PI) / points));
  }
  return painted(random, [polygon(corners)], wear, anyForm(random));
}

/** A polygon in two or three pieces, each in its own colour: a flood fill stops half way. */
function patchwork(random: Random, wear: Wardrobe): Part[] {
  const n = random.integer(4, 7);
  const turn = random.uniform(0, Math.PI);
  const corners: number[] = [];
  for (let i = 0; i < n; i++) {
    const angle = turn + ((i + random.uniform(-0.25, 0.25)) / n) * 2 * Math.PI;
    const r = random.uniform(0.8, 1.1);
    corners.push(r * Math.cos(angle), r * Math.sin(angle));
  }
  const form = anyForm(random);
  const half = corners.slice(0, 2 * (Math.floor(n / 2) + 1));
  const parts = [part(polygon(corners), wear.main, form), part(polygon(half), wear.second, form)];
  if (random.chance(0.5)) parts.push(part(ellipse(0, 0, random.uniform(0.2, 0.38)), wear.accent));
  return parts;
}

function rod(random: Random, wear: Wardrobe): Part[] {
  const width = random.uniform(0.035, 0.09);
  const parts = [part(limb(-1, 0, width, 1, 0, width * random.uniform(0.5, 1)), wear.main)];
  if (random.chance(0.6)) parts.push(part(limb(-1, 0, width * 1.25, random.uniform(-0.7, -0.3), 0), wear.second));
  if (random.chance(0.4)) parts.push(part(ellipse(1, 0, width * 2), wear.accent, 'ball'));
  return parts;
}

function wire(random: Random, wear: Wardrobe): Part[] {
  const bends = random.integer(4, 6);
  const line: number[] = [];
  for (let i = 0; i < bends; i++) line.push((2 * i) / (bends - 1) - 1, random.uniform(-0.55, 0.55));
  return [part(stroke(curve(line, 9), random.uniform(0.035, 0.07)), wear.main)];
}

function spiral(random: Random, wear: Wardrobe): Part[] {
  const turns = random.uniform(1.6, 2.6);
  const width = random.uniform(0.05, 0.1);
  return [part(stroke(coil(0, 0, 0.12, 1, turns * 2 * Math.PI), width, width * random.uniform(0.6, 1.2)), wear.main)];
}

/** Letter-like strokes on a grid of 3 columns and 5 rows. */
const letters = [
  '04 00 20 22 02',
  '00 04 24',
  '20 00 02 22 24 04',
  '04 10 24',
  '00 20 04 24',
  '04 00 24 20',
  '00 22 04',
  '20 00 04 24',
  '00 14 20',
  '04 00 12 20 24',
  '00 20 22 12 22 24 04',
  '10 14 04 24',
];

function letter(random: Random, wear: Wardrobe): Part[] {
  const corners = random
    .pick(letters)
    .split(' ')
    .flatMap(([x, y]) => [Number(x) * 0.55, Number(y) * 0.42]);
  const line = random.chance(0.4) ? curve(corners) : corners;
  return [part(stroke(line, random.uniform(0.1, 0.19)), wear.main, anyForm(random))];
}

function crescent(random: Random, wear: Wardrobe): Part[] {
  const bite = random.uniform(0.3, 0.6);
  const tip = random.uniform(0.7, 1.1);
  const outer = arc(0, 0, 1, 1, tip, 2 * Math.PI - tip);
  const [x, y] = [Math.cos(tip), Math.sin(tip)];
  const inward = Math.atan2(y, x - bite);
  const inner = arc(bite, 0, Math.hypot(x - bite, y), Math.hypot(x - bite, y), 2 * Math.PI - inward, inward);
  return painted(random, [polygon([...outer, ...inner])], wear, 'round');
}

function horseshoe(random: Random, wear: Wardrobe): Part[] {
  const gap = random.uniform(0.4, 1.2);
  const width = random.uniform(0.14, 0.3);
  const line = arc(0, 0, 0.8, random.uniform(0.6, 0.9), gap, 2 * Math.PI - gap);
  const parts = [part(stroke(line, width), wear.main)];
  if (random.chance(0.5)) {
    const n = 2 * Math.ceil(line.length / 10);
    parts.push(part(stroke(line.slice(0, n), width), wear.second));
    parts.push(part(stroke(line.slice(-n), width), wear.second));
  }
  return parts;
}

function gear(random: Random, wear: Wardrobe): Part[] {
  const teeth = random.integer(7, 13);
  const depth = random.uniform(0.15, 0.28);
  const outline = radial(angle => 1 - depth / (1 + Math.exp(12 * Math.cos(teeth * angle))), teeth * 14);
  const contours = [outline, hole(ellipse(0, 0, random.uniform(0.2, 0.45)))];
  const parts = [part(contours, wear.main)];
  if (random.chance(0.4)) parts.push(part(ring(0, 0, 0.62, 0.62, 0.13), wear.second));
  return parts;
}

function hoop(random: Random, wear: Wardrobe): Part[] {
  const rx = 1;
  const ry = random.uniform(0.6, 1);
  const width = random.uniform(0.1, 0.45) * ry;
  const parts = [part(ring(0, 0, rx, ry, width), wear.main)];
  const pieces = random.chance(0.4) ? random.integer(2, 4) : 0;
  for (let i = 0; i < pieces; i++) {
    const from = (i / pieces) * 2 * Math.PI;
    const line = arc(0, 0, rx - width / 2, ry - width / 2, from, from + 2.2 / pieces);
    parts.push(part(stroke(line, (width / 2) * 1.02), wear.second));
  }
  return parts;
}

function frame(random: Random, wear: Wardrobe): Part[] {
  const h = random.uniform(0.6, 1.2);
  const w = random.uniform(0.1, 0.24);
  const parts = [part([box(-1, -h, 1, h, 0.06), hole(box(w - 1, w - h, 1 - w, h - w))], wear.main)];
  if (random.chance(0.5)) {
    const v = w * 0.55;
    parts.push(part([box(v - 1, v - h, 1 - v, h - v), hole(box(w - 1, w - h, 1 - w, h - w))], wear.second, 'flat'));
  }
  return parts;
}

/** A net of crossing bars: many small holes. */
function grate(random: Random, wear: Wardrobe): Part[] {
  const n = random.integer(2, 4);
  const width = random.uniform(0.07, 0.12);
  const at = (i: number) => (2 * i) / n - 1;
  const bars = Array.from({ length: n + 1 }, (_, i) => limb(at(i), -1, width, at(i), 1));
  const rails = Array.from({ length: n + 1 }, (_, i) => limb(-1, at(i), width, 1, at(i)));
  return [part(bars, wear.main), part(rails, random.chance(0.4) ? wear.second : wear.main)];
}

function cross(random: Random, wear: Wardrobe): Part[] {
  const arms = random.integer(3, 6);
  const width = random.uniform(0.12, 0.24);
  const end = width * random.uniform(0.5, 1.3);
  const limbs = Array.from({ length: arms }, (_, i) => {
    const angle = (i / arms) * 2 * Math.PI;
    return limb(0, 0, width, (1 - end) * Math.cos(angle), (1 - end) * Math.sin(angle), end);
  });
  return [part(limbs, wear.main), part(ellipse(0, 0, width * 1.3), wear.second, 'ball')];
}

function bean(random: Random, wear: Wardrobe): Part[] {
  const bend = random.uniform(0.3, 0.7);
  const outline = smooth([-1, 0.1, -0.6, -0.5, 0, -0.5 + bend * 0.4, 0.6, -0.5, 1, 0.1, 0.5, 0.6, -0.5, 0.6]);
  return painted(random, [outline], wear, 'round');
}

export const shapes: Record<string, Family> = {
  blob: { pose: 'any', draw: blob },
  ball: { pose: 'any', draw: ball },
  superellipse: { pose: 'any', draw: superellipse },
  star: { pose: 'lie', draw: star },
  patchwork: { pose: 'any', draw: patchwork },
  rod: { pose: 'lie', draw: rod },
  wire: { pose: 'lie', draw: wire },
  spiral: { pose: 'lie', draw: spiral },
  letter: { pose: 'any', draw: letter },
  crescent: { pose: 'lie', draw: crescent },
  horseshoe: { pose: 'lie', draw: horseshoe },
  gear: { pose: 'any', draw: gear },
  hoop: { pose: 'any', draw: hoop },
  frame: { pose: 'any', draw: frame },
  grate: { pose: 'any', draw: grate },
  cross: { pose: 'lie', draw: cross },
  bean: { pose: 'lie', draw: bean },
};
