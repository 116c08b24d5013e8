import type { Random } from '../../base/random.ts';
import { coil, curve, ellipse, limb, polygon, smooth, stroke } from './contour.ts';
import { type Family, type Part, part, type Wardrobe } from './figure.ts';

/** Animals, which look to the right. */

function fish(random: Random, wear: Wardrobe): Part[] {
  const h = random.uniform(0.32, 0.55);
  const tail = random.uniform(0.3, 0.5);
  const body = smooth([
    1,
    0.02,
    0.7,
    -h * 0.7,
    0.1,
    -h,
    -0.5,
    -h * 0.5,
    -0.85,
    -0.08,
    -0.85,
    0.08,
    -0.5,
    h * 0.5,
    0.1,
    h,
    0.7,
    h * 0.7,
  ]);
  return [
    part(polygon([-0.75, 0, -1.35, -tail, -1.15, 0, -1.35, tail]), wear.second),
    part(
      [
        polygon([0.3, -h * 0.8, -0.1, -h - 0.28, -0.5, -h * 0.4]),
        polygon([0.1, h * 0.8, -0.2, h + 0.22, -0.35, h * 0.5]),
      ],
      wear.second,
    ),
    part(body, wear.main),
    part(
      polygon(curve([0.5, -h * 0.84, 0.8, -h * 0.5, 1, 0.02, 0.8, h * 0.5, 0.5, h * 0.84, 0.38, 0], 5)),
      wear.accent,
    ),
    part(ellipse(0.72, -0.09, 0.085), wear.light, 'flat'),
    part(ellipse(0.74, -0.09, 0.045), wear.dark, 'flat'),
    part(smooth([0.25, 0.02, -0.15, 0.2, -0.1, 0]), wear.second),
  ];
}

/** Dog, horse, giraffe: the same build with other proportions. */
function quadruped(random: Random, wear: Wardrobe): Part[] {
  const leg = random.uniform(0.45, 1);
  const neck = random.uniform(0.3, 1.1);
  const w = random.uniform(0.09, 0.13);
  const foot = 0.25 + leg;
  const [headX, headY] = [0.75 + neck * 0.25, -0.25 - neck];
  const hoof = (x: number) => limb(x, foot - 0.06, w * 0.95, x + 0.05, foot - 0.06);
  return [
    part([limb(-0.5, 0, w * 1.2, -0.45, foot, w * 0.7), limb(0.55, 0, w * 1.2, 0.62, foot, w * 0.7)], wear.second),
    part(stroke(curve([-0.7, -0.15, -1, 0.05, -1.05, random.uniform(-0.5, 0.5)], 5), 0.07, 0.04), wear.second),
    part([limb(-0.68, 0, w * 1.5, -0.66, foot, w * 0.75), limb(0.4, 0, w * 1.3, 0.38, foot, w * 0.75)], wear.main),
    part(
      [
        smooth([-0.85, -0.1, -0.4, -0.38, 0.3, -0.34, 0.7, -0.2, 0.6, 0.25, 0, 0.32, -0.7, 0.25]),
        limb(0.5, -0.1, 0.27, headX, headY, 0.16),
      ],
      wear.main,
    ),
    part([hoof(-0.68), hoof(0.36)], wear.dark),
    part([limb(headX - 0.06, headY - 0.1, 0.07, headX - 0.14, headY - 0.36, 0.03)], wear.second),
    part(
      limb(headX, headY, 0.22, headX + random.uniform(0.22, 0.42), headY + 0.12, 0.12),
      random.chance(0.5) ? wear.second : wear.main,
    ),
    part(ellipse(headX + 0.08, headY - 0.06, 0.045), wear.dark, 'flat'),
  ];
}

function cat(random: Random, wear: Wardrobe): Part[] {
  const head = random.uniform(0.42, 0.5);
  const ear = (side: number) => polygon([0.1 * side, -1, 0.42 * side, -1.38, 0.44 * side, -0.8]);
  return [
    part(stroke(curve([0.35, 0.85, 0.85, 0.85, 1, 0.4, 0.8, random.uniform(0, 0.2)], 6), 0.11, 0.07), wear.second),
    part(smooth([0, -0.6, 0.38, -0.2, 0.58, 0.6, 0.45, 1, -0.45, 1, -0.58, 0.6, -0.38, -0.2]), wear.main),
    part(ellipse(0, 0.4, 0.22, 0.45), wear.light),
    part([limb(-0.22, 0.4, 0.12, -0.22, 0.92), limb(0.22, 0.4, 0.12, 0.22, 0.92)], wear.main),
    part([ear(1), ear(-1)], wear.second),
    part(ellipse(0, -0.75, head, head * 0.86), random.chance(0.6) ? wear.main : wear.second, 'ball'),
    part(
      [ellipse(-0.17, -0.8, 0.065, 0.08), ellipse(0.17, -0.8, 0.065, 0.08), ellipse(0, -0.62, 0.05)],
      wear.dark,
      'flat',
    ),
  ];
}

function duck(random: Random, wear: Wardrobe): Part[] {
  const rise = random.uniform(0.45, 0.8);
  return [
    part(
      [
        limb(-0.05, 0.4, 0.04, -0.05, 0.75),
        limb(0.2, 0.4, 0.04, 0.2, 0.75),
        limb(-0.05, 0.78, 0.05, 0.12, 0.78),
        limb(0.2, 0.78, 0.05, 0.37, 0.78),
      ],
      wear.accent,
    ),
    part(polygon([0.8, -rise - 0.1, 1.15, -rise + 0.02, 0.8, -rise + 0.12]), wear.accent),
    part(
      [
        smooth([-1.1, -0.3, -0.5, -0.15, 0.2, -0.25, 0.6, -0.05, 0.5, 0.4, 0, 0.52, -0.6, 0.35]),
        limb(0.4, 0, 0.24, 0.58, -rise, 0.16),
      ],
      wear.main,
    ),
    part(ellipse(0.6, -rise, 0.27), wear.second, 'ball'),
    part(smooth([-0.75, -0.05, -0.2, -0.16, 0.25, 0.05, -0.15, 0.28]), wear.second),
    part(ellipse(0.68, -rise - 0.06, 0.05), wear.dark, 'flat'),
  ];
}

function snail(random: Random, wear: Wardrobe): Part[] {
  const r = random.uniform(0.55, 0.68);
  return [
    part([limb(0.85, 0.1, 0.04, 0.75, -0.4, 0.05), limb(0.95, 0.15, 0.04, 1.1, -0.3, 0.05)], wear.second),
    part([...stroke(curve([-1.2, 0.52, 0, 0.45, 0.6, 0.42, 0.9, 0.15]), 0.08, 0.2)], wear.second),
    part(ellipse(-0.15, -0.12, r), wear.main, 'ball'),
    part(stroke(coil(-0.15, -0.12, r * 0.88, r * 0.13, 11), 0.045, 0.02), wear.dark, 'flat'),
  ];
}

function turtle(random: Random, wear: Wardrobe): Part[] {
  const legs = [
    [0.55, 0.62],
    [0.55, -0.62],
    [-0.55, 0.6],
    [-0.55, -0.6],
  ] as const;
  const plates = [
    [0, 0],
    [0.42, 0],
    [-0.42, 0],
    [0.2, 0.36],
    [0.2, -0.36],
    [-0.22, 0.36],
    [-0.22, -0.36],
  ] as const;
  const size = random.uniform(0.15, 0.2);
  return [
    part(
      legs.map(([x, y]) => limb(x * 0.7, y * 0.6, 0.18, x * 1.25, y * 1.25, 0.12)),
      wear.second,
    ),
    part([limb(0.7, 0, 0.16, 1.12, random.uniform(-0.1, 0.1), 0.2), limb(-0.75, 0, 0.1, -1.1, 0, 0.02)], wear.second),
    part(ellipse(0, 0, 0.85, 0.7), wear.main),
    part(
      plates.map(([x, y]) => ellipse(x, y, size)),
      wear.accent,
    ),
  ];
}

function bird(random: Random, wear: Wardrobe): Part[] {
  const lift = random.uniform(0.5, 0.9);
  return [
    part(smooth([0.15, -0.05, -0.05, -lift, -0.55, -lift - 0.2, -0.3, 0]), wear.second),
    part(polygon([-0.6, 0.02, -1.25, -0.16, -1.15, 0.16]), wear.second),
    part(smooth([0.85, -0.08, 0.4, -0.26, -0.3, -0.16, -0.75, 0.02, -0.2, 0.24, 0.45, 0.18]), wear.main),
    part(polygon([0.86, -0.2, 1.15, -0.1, 0.86, -0.02]), wear.accent),
    part(ellipse(0.72, -0.12, 0.2), wear.main, 'ball'),
    part(smooth([0.25, 0, -0.2, lift * 0.8, -0.65, lift * 0.9, -0.3, 0.05]), wear.second),
    part(ellipse(0.78, -0.17, 0.04), wear.dark, 'flat'),
  ];
}

function butterfly(random: Random, wear: Wardrobe): Part[] {
  const top = random.uniform(0.7, 1);
  const side = (s: number) => [
    part(smooth([0.04 * s, -0.05, 0.4 * s, -top * 0.9, s, -top, 0.95 * s, -0.25, 0.4 * s, 0.08]), wear.main),
    part(smooth([0.04 * s, 0.05, 0.6 * s, 0.05, 0.75 * s, 0.5, 0.35 * s, 0.8]), wear.second),
    part([ellipse(0.66 * s, -top * 0.62, 0.14), ellipse(0.45 * s, 0.42, 0.1)], wear.accent, 'flat'),
  ];
  return [
    ...side(1),
    ...side(-1),
    part(
      [
        ...stroke(curve([0, -0.4, 0.1, -0.75, 0.25, -0.9], 4), 0.025),
        ...stroke(curve([0, -0.4, -0.1, -0.75, -0.25, -0.9], 4), 0.025),
      ],
      wear.dark,
      'flat',
    ),
    part(limb(0, -0.38, 0.08, 0, 0.62, 0.05), wear.dark),
  ];
}

export const animals: Record<string, Family> = {
  fish: { pose: 'lie', draw: fish },
  quadruped: { pose: 'stand', draw: quadruped },
  cat: { pose: 'stand', draw: cat },
  duck: { pose: 'stand', draw: duck },
  snail: { pose: 'any', draw: snail },
  turtle: { pose: 'lie', draw: turtle },
  bird: { pose: 'fly', draw: bird },
  butterfly: { pose: 'fly', draw: butterfly },
};
