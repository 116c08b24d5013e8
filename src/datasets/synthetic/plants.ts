import type { Random } from '../../base/random.ts';
import { arc, curve, ellipse, limb, polygon, radial, smooth, stroke } from './contour.ts';
import { type Family, type Part, part, type Wardrobe } from './figure.ts';

/** Plants and what grows on them. */

function tree(random: Random, wear: Wardrobe): Part[] {
  const crown = Array.from({ length: random.integer(4, 7) }, () => {
    const angle = random.uniform(0, 2 * Math.PI);
    return ellipse(0.5 * Math.cos(angle), -0.6 + 0.35 * Math.sin(angle), random.uniform(0.35, 0.5));
  });
  const width = random.uniform(0.09, 0.15);
  return [
    part([limb(0, 1, width * 1.4, 0, -0.4, width * 0.7), limb(0, 0.3, width * 0.7, 0.35, -0.3, 0.04)], wear.bark),
    part([...crown, ellipse(0, -0.6, 0.45)], wear.leaf),
  ];
}

function conifer(random: Random, wear: Wardrobe): Part[] {
  const tiers = random.integer(3, 5);
  const parts = [part(limb(0, 0.6, 0.1, 0, 1), wear.bark)];
  for (let i = tiers - 1; i >= 0; i--) {
    const t = (i + 1) / tiers;
    const [top, bottom] = [-1.1 + i * (1.5 / tiers), -0.7 + t * 1.45];
    const w = 0.2 + 0.45 * t;
    parts.push(
      part(
        smooth([
          0,
          top - 0.1,
          w * 0.5,
          (top + bottom) / 2,
          w,
          bottom,
          0,
          bottom + 0.08,
          -w,
          bottom,
          -w * 0.5,
          (top + bottom) / 2,
        ]),
        wear.leaf,
      ),
    );
  }
  return parts;
}

function mushroom(random: Random, wear: Wardrobe): Part[] {
  const h = random.uniform(0.6, 0.9);
  const cap = polygon([...arc(0, -0.2, 0.9, h, Math.PI, 2 * Math.PI), ...arc(0, -0.2, 0.9, 0.16, 0, Math.PI)]);
  const spots = Array.from({ length: random.integer(3, 6) }, (_, i) =>
    ellipse(-0.55 + i * 0.24, -0.35 - random.uniform(0.05, 0.3), random.uniform(0.06, 0.12)),
  );
  return [
    part(smooth([-0.2, -0.3, 0.2, -0.3, 0.22, 0.4, 0.32, 0.9, -0.32, 0.9, -0.22, 0.4]), wear.light, 'cylinder'),
    part(cap, wear.main),
    part(spots, random.chance(0.7) ? wear.light : wear.second, 'flat'),
  ];
}

function cactus(random: Random, wear: Wardrobe): Part[] {
  const arm = (side: number, y: number) =>
    stroke(curve([0, y, 0.5 * side, y, 0.55 * side, y - random.uniform(0.35, 0.6)], 5), 0.15);
  return [
    part([...arm(1, random.uniform(0, 0.3)), ...arm(-1, random.uniform(-0.1, 0.4))], wear.leaf),
    part(limb(0, -0.85, 0.24, 0, 0.75), wear.leaf, 'cylinder'),
    part(polygon([-0.5, 0.65, 0.5, 0.65, 0.38, 1.2, -0.38, 1.2]), wear.main, 'cylinder'),
    ...(random.chance(0.6) ? [part(ellipse(0.02, -1.08, 0.13), wear.accent)] : []),
  ];
}

function flower(random: Random, wear: Wardrobe): Part[] {
  const petals = random.integer(5, 9);
  const turn = random.uniform(0, 1);
  const outline = Array.from({ length: petals }, (_, i) => {
    const angle = turn + (i / petals) * 2 * Math.PI;
    return ellipse(0.42 * Math.cos(angle), -0.6 + 0.42 * Math.sin(angle), 0.34, (1.25 / petals) * 0.9, angle);
  });
  return [
    part(stroke(curve([0, -0.5, 0.08, 0.2, -0.05, 1.1]), 0.05), wear.leaf),
    part(smooth([0, 0.6, 0.3, 0.25, 0.62, 0.2, 0.35, 0.5]), wear.leaf),
    ...outline.map(petal => part(petal, wear.main)),
    part(ellipse(0, -0.6, 0.24), wear.second, 'ball'),
  ];
}

function leaf(random: Random, wear: Wardrobe): Part[] {
  const wide = random.uniform(0.28, 0.55);
  const lobes = random.pick([0, 0, 5, 7]);
  const outline =
    lobes > 0
      ? radial(angle => 0.62 + 0.3 * Math.abs(Math.cos((lobes * angle) / 2)) * (1.1 - 0.25 * Math.cos(angle)), 120)
      : smooth([-1, 0, -0.4, -wide, 0.3, -wide * 0.8, 1, 0, 0.3, wide * 0.8, -0.4, wide]);
  return [
    part(limb(-1.35, 0.05, 0.045, -0.4, 0, 0.03), wear.bark),
    part(outline, random.chance(0.6) ? wear.leaf : wear.main),
    part(
      [
        limb(-0.9, 0, 0.03, 0.75, 0, 0.01),
        ...[-0.4, 0, 0.4].flatMap(x => [
          limb(x, 0, 0.018, x + 0.25, 0.22, 0.008),
          limb(x, 0, 0.018, x + 0.25, -0.22, 0.008),
        ]),
      ],
      wear.second,
      'flat',
    ),
  ];
}

function fruit(random: Random, wear: Wardrobe): Part[] {
  const outline = radial(
    angle => 0.85 + 0.12 * Math.abs(Math.cos(angle)) - 0.16 * Math.exp(-8 * (1 + Math.sin(angle))),
    80,
  );
  return [
    part(stroke(curve([0, -0.65, 0.04, -0.95, 0.16, -1.15], 4), 0.05), wear.bark),
    part(outline, random.chance(0.6) ? wear.main : wear.accent, 'ball'),
    part(smooth([0.05, -0.85, 0.3, -1.15, 0.7, -1.1, 0.4, -0.85]), wear.leaf),
  ];
}

export const plants: Record<string, Family> = {
  tree: { pose: 'stand', draw: tree },
  conifer: { pose: 'stand', draw: conifer },
  mushroom: { pose: 'stand', draw: mushroom },
  cactus: { pose: 'stand', draw: cactus },
  flower: { pose: 'any', draw: flower },
  leaf: { pose: 'lie', draw: leaf },
  fruit: { pose: 'any', draw: fruit },
};
