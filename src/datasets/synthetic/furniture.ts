import type { Random } from '../../base/random.ts';
import { arc, box, curve, ellipse, limb, polygon, ring, smooth, stroke } from './contour.ts';
import { type Family, type Part, part, type Wardrobe } from './figure.ts';

/** Made things that stand on their lowest point, each of several differently coloured parts. */

function mug(random: Random, wear: Wardrobe): Part[] {
  const h = random.uniform(0.7, 1.1);
  const thick = random.uniform(0.08, 0.13);
  const parts = [
    part(stroke(arc(0.72, 0, 0.38, h * 0.55, -Math.PI / 2, Math.PI / 2), thick), wear.main),
    part([box(-0.8, -h, 0.8, h, 0.18)], wear.main, 'cylinder'),
    part(ellipse(0, -h, 0.8, 0.2), wear.main, 'flat'),
    part(ellipse(0, -h + 0.02, 0.7, 0.15), random.chance(0.5) ? wear.dark : wear.bark, 'flat'),
  ];
  if (random.chance(0.6)) parts.splice(2, 0, part(box(-0.8, -h * 0.3, 0.8, h * 0.35), wear.second, 'cylinder'));
  return parts;
}

function bottle(random: Random, wear: Wardrobe): Part[] {
  const shoulder = random.uniform(-0.5, 0);
  const body = random.uniform(0.38, 0.5);
  const neck = random.uniform(0.12, 0.18);
  const outline = smooth([
    -neck,
    -1.3,
    neck,
    -1.3,
    neck,
    -0.8,
    body * 0.8,
    shoulder - 0.12,
    body,
    shoulder + 0.2,
    body,
    0.6,
    body * 0.96,
    1.18,
    0,
    1.24,
    -body * 0.96,
    1.18,
    -body,
    0.6,
    -body,
    shoulder + 0.2,
    -body * 0.8,
    shoulder - 0.12,
    -neck,
    -0.8,
  ]);
  return [
    part(outline, wear.main, 'cylinder'),
    part(box(-body * 0.99, 0.2, body * 0.99, random.uniform(0.6, 0.95)), wear.light, 'cylinder'),
    part(box(-body * 0.99, 0.3, body * 0.99, 0.5), wear.second, 'cylinder'),
    part(box(-neck * 1.25, -1.5, neck * 1.25, -1.15, 0.05), wear.accent, 'cylinder'),
  ];
}

function pottedPlant(random: Random, wear: Wardrobe): Part[] {
  const leaves: Part[] = [];
  const n = random.integer(6, 11);
  for (let i = 0; i < n; i++) {
    const angle = -Math.PI / 2 + random.uniform(-1.25, 1.25);
    const length = random.uniform(0.8, 1.5);
    const [x, y] = [length * Math.cos(angle), length * Math.sin(angle)];
    const wide = random.uniform(0.1, 0.2);
    const [dx, dy] = [wide * Math.sin(angle), wide * Math.cos(angle)];
    const blade = [0, 0, x * 0.5 - dx, y * 0.6 + dy, x * 1.1, y * 0.9, x * 0.5 + dx, y * 0.6 - dy];
    leaves.push(part(smooth(blade), wear.leaf));
  }
  const pot = polygon([-0.55, -0.1, 0.55, -0.1, 0.4, 0.85, -0.4, 0.85]);
  return [
    ...leaves,
    part(pot, wear.main, 'cylinder'),
    part(box(-0.62, -0.2, 0.62, 0.08, 0.06), wear.second, 'cylinder'),
  ];
}

function lamp(random: Random, wear: Wardrobe): Part[] {
  const top = random.uniform(0.25, 0.5);
  const shade = polygon([-top, -1, top, -1, 0.75, -0.2, -0.75, -0.2]);
  return [
    part(limb(0, -0.3, 0.06, 0, 1.05), wear.dark),
    part(ellipse(0, random.uniform(0.2, 0.6), random.uniform(0.12, 0.26)), wear.second, 'ball'),
    part(smooth([-0.5, 1.2, 0, 0.95, 0.5, 1.2, 0, 1.24]), wear.second),
    part(shade, wear.main, 'cylinder'),
  ];
}

function chair(random: Random, wear: Wardrobe): Part[] {
  const w = random.uniform(0.05, 0.08);
  const back = random.uniform(0.9, 1.3);
  const slats = random.integer(1, 3);
  const bars = Array.from({ length: slats }, (_, i) => {
    const y = -back + 0.15 + (i / slats) * (back - 0.25);
    return box(-0.5, y - 0.07, 0.22, y + 0.08, 0.04);
  });
  return [
    part([limb(-0.3, 0, w, -0.32, 0.75), limb(0.62, 0, w, 0.66, 0.75)], wear.dark),
    part([limb(-0.5, -back, w, -0.5, 1), limb(0.22, -back, w, 0.22, 0.1)], wear.main),
    part(bars, wear.second),
    part(limb(0.42, 0.1, w, 0.42, 1), wear.main),
    part(smooth([-0.6, 0.12, -0.3, -0.1, 0.72, -0.1, 0.5, 0.14]), wear.accent),
  ];
}

function table(random: Random, wear: Wardrobe): Part[] {
  const w = random.uniform(0.05, 0.09);
  const h = random.uniform(0.5, 0.9);
  return [
    part([limb(-0.7, 0, w, -0.68, h * 0.8), limb(0.7, 0, w, 0.68, h * 0.8)], wear.dark),
    part([limb(-0.9, 0, w, -0.92, h), limb(0.9, 0, w, 0.92, h)], wear.main),
    part(box(-0.98, -0.02, 0.98, 0.16), wear.main, 'flat'),
    part(polygon([-1.1, 0, -0.8, -0.26, 0.8, -0.26, 1.1, 0]), wear.second, 'flat'),
  ];
}

function car(random: Random, wear: Wardrobe): Part[] {
  const roof = random.uniform(-0.62, -0.45);
  const [from, to] = [random.uniform(-0.75, -0.5), random.uniform(0.3, 0.65)];
  const cabin = polygon(curve([from - 0.2, 0, from, roof, to - 0.2, roof, to + 0.15, 0], 6));
  const body = smooth([
    -1.2, 0.05, -0.9, -0.12, 0.4, -0.14, 1.1, -0.02, 1.25, 0.2, 1.15, 0.42, -1.15, 0.42, -1.28, 0.25,
  ]);
  const middle = (from + to) / 2;
  const glass = [
    polygon([from, -0.1, from + 0.06, roof + 0.1, middle - 0.05, roof + 0.1, middle - 0.05, -0.1]),
    polygon([middle + 0.04, -0.1, middle + 0.04, roof + 0.1, to - 0.22, roof + 0.1, to - 0.02, -0.1]),
  ];
  const wheels = [-0.72, 0.72];
  return [
    part(cabin, wear.main),
    part(body, wear.main),
    part(glass, wear.dark, 'flat'),
    part(limb(-1.1, 0.3, 0.05, 1.1, 0.3), wear.second),
    ...wheels.flatMap(x => [part(ellipse(x, 0.42, 0.28), wear.dark), part(ellipse(x, 0.42, 0.14), wear.light, 'ball')]),
  ];
}

function house(random: Random, wear: Wardrobe): Part[] {
  const h = random.uniform(0.5, 0.9);
  const door = random.uniform(-0.45, 0.3);
  return [
    part(box(0.3, -0.95, 0.5, -0.3), wear.accent, 'flat'),
    part(box(-0.8, -0.1, 0.8, h), wear.main, 'flat'),
    part(polygon([-1, 0, -0.1, -0.9, 0.1, -0.9, 1, 0]), wear.second, 'flat'),
    part(box(door, h - 0.5, door + 0.28, h), wear.bark, 'flat'),
    part([box(door + 0.42, 0.1, door + 0.64, 0.34), box(door - 0.3, 0.1, door - 0.1, 0.34)], wear.dark, 'flat'),
  ];
}

function bicycle(random: Random, wear: Wardrobe): Part[] {
  const r = random.uniform(0.42, 0.5);
  const w = 0.045;
  const tubes: [number, number, number, number][] = [
    [-0.62, 0, -0.2, -0.5],
    [-0.62, 0, -0.1, 0.05],
    [-0.1, 0.05, -0.25, -0.62],
    [-0.1, 0.05, 0.42, -0.45],
    [-0.2, -0.5, 0.42, -0.45],
    [0.66, 0, 0.36, -0.7],
  ];
  return [
    part([...ring(-0.62, 0, r, r, 0.085), ...ring(0.66, 0, r, r, 0.085)], wear.dark),
    part(
      tubes.map(([x0, y0, x1, y1]) => limb(x0, y0, w, x1, y1)),
      wear.main,
    ),
    part([limb(-0.42, -0.64, 0.06, -0.12, -0.64), limb(0.36, -0.7, 0.05, 0.56, -0.76)], wear.second),
  ];
}

function teapot(random: Random, wear: Wardrobe): Part[] {
  const h = random.uniform(0.6, 0.8);
  return [
    part(stroke(curve([0.5, 0.25, 0.95, 0.1, 1.1, -0.5]), 0.16, 0.08), wear.main),
    part(stroke(arc(-0.75, 0, 0.42, 0.42, Math.PI * 0.4, Math.PI * 1.6), 0.08), wear.second),
    part(ellipse(0, 0, 0.82, h), wear.main, 'ball'),
    part(box(-0.45, h - 0.12, 0.45, h + 0.06, 0.05), wear.second),
    part(smooth([-0.45, -h + 0.12, 0, -h - 0.14, 0.45, -h + 0.12, 0, -h + 0.18]), wear.second),
    part(ellipse(0, -h - 0.12, 0.1), wear.accent, 'ball'),
  ];
}

function basket(random: Random, wear: Wardrobe): Part[] {
  const rise = random.uniform(0.8, 1.1);
  return [
    part(stroke(arc(0, -0.1, 0.78, rise, Math.PI, 2 * Math.PI), 0.07), wear.second),
    part(polygon([-0.9, -0.1, 0.9, -0.1, 0.65, 0.75, -0.65, 0.75]), wear.main, 'cylinder'),
    part(limb(-0.88, -0.08, 0.09, 0.88, -0.08), wear.second),
  ];
}

function ladder(random: Random, wear: Wardrobe): Part[] {
  const rungs = random.integer(4, 6);
  const lean = random.uniform(0, 0.12);
  const bars = Array.from({ length: rungs }, (_, i) => {
    const y = -0.85 + (1.7 * i) / (rungs - 1);
    return limb(-0.36, y, 0.05, 0.36, y);
  });
  return [
    part(bars, wear.second),
    part([limb(-0.36 + lean, -1.1, 0.065, -0.4, 1.1), limb(0.36 - lean, -1.1, 0.065, 0.4, 1.1)], wear.main),
  ];
}

function cone(random: Random, wear: Wardrobe): Part[] {
  const at = (y: number) => 0.1 + (0.4 * (y + 1)) / 1.9;
  const slice = (y0: number, y1: number) => polygon([-at(y0), y0, at(y0), y0, at(y1), y1, -at(y1), y1]);
  const first = random.uniform(-0.5, -0.3);
  return [
    part(box(-0.75, 0.85, 0.75, 1, 0.05), wear.second),
    part(slice(-1, 0.9), wear.main, 'cylinder'),
    part(slice(first, first + 0.3), wear.light, 'cylinder'),
    part(slice(first + 0.6, first + 0.9), wear.light, 'cylinder'),
  ];
}

export const furniture: Record<string, Family> = {
  mug: { pose: 'stand', draw: mug },
  bottle: { pose: 'stand', draw: bottle },
  pottedPlant: { pose: 'stand', draw: pottedPlant },
  lamp: { pose: 'stand', draw: lamp },
  chair: { pose: 'stand', draw: chair },
  table: { pose: 'stand', draw: table },
  car: { pose: 'stand', draw: car },
  house: { pose: 'stand', draw: house },
  bicycle: { pose: 'stand', draw: bicycle },
  teapot: { pose: 'stand', draw: teapot },
  basket: { pose: 'stand', draw: basket },
  ladder: { pose: 'stand', draw: ladder },
  cone: { pose: 'stand', draw: cone },
};
