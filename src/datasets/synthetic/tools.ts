import type { Random } from '../../base/random.ts';
import { arc, box, curve, ellipse, hole, limb, polygon, ring, smooth, stroke } from './contour.ts';
import { type Family, type Part, part, type Wardrobe } from './figure.ts';

/** Made things that lie on a table or hang in the air, each of several differently coloured parts. */

function spectacles(random: Random, wear: Wardrobe): Part[] {
  const r = random.uniform(0.36, 0.42);
  const ry = random.uniform(0.28, 0.4);
  const w = random.uniform(0.06, 0.1);
  return [
    part([limb(-0.98, -0.1, w / 2, -0.75, -0.75), limb(0.98, -0.1, w / 2, 0.75, -0.75)], wear.second),
    part([...ring(-0.55, 0, r + w, ry + w, w), ...ring(0.55, 0, r + w, ry + w, w)], wear.main),
    part(stroke(arc(0, 0, 0.16, 0.12, Math.PI, 2 * Math.PI), w / 2), wear.main),
  ];
}

function key(random: Random, wear: Wardrobe): Part[] {
  const bits = random.integer(2, 3);
  const teeth = Array.from({ length: bits }, (_, i) =>
    box(0.85 - i * 0.2, 0, 0.95 - i * 0.2, random.uniform(0.18, 0.32)),
  );
  return [
    part([...ring(-0.62, 0, 0.42, 0.36, 0.14), limb(-0.2, 0, 0.065, 1, 0), ...teeth], wear.main),
    part(box(-0.24, -0.11, -0.12, 0.11, 0.03), wear.second),
  ];
}

function scissors(random: Random, wear: Wardrobe): Part[] {
  const open = random.uniform(0.1, 0.3);
  const blade = (side: number) => polygon([-0.1, -0.09 * side, 1.15, -open * side, 0.1, 0.1 * side]);
  const grip = (side: number) => [
    ...ring(-0.75, (open + 0.16) * side, 0.34, 0.25, 0.1),
    limb(-0.5, (open + 0.05) * side, 0.07, 0, 0),
  ];
  return [
    part(blade(1), wear.light),
    part(grip(1), wear.main),
    part(blade(-1), wear.light),
    part(grip(-1), wear.main),
    part(ellipse(0, 0, 0.06), wear.dark),
  ];
}

function guitar(random: Random, wear: Wardrobe): Part[] {
  const waist = random.uniform(0.24, 0.32);
  const body = smooth([
    -1.1,
    0,
    -0.9,
    -0.42,
    -0.5,
    -0.44,
    -0.25,
    -waist,
    0.08,
    -0.34,
    0.25,
    0,
    0.08,
    0.34,
    -0.25,
    waist,
    -0.5,
    0.44,
    -0.9,
    0.42,
  ]);
  return [
    part(body, wear.main),
    part(ellipse(-0.3, 0, 0.15), wear.dark, 'flat'),
    part(box(-0.85, -0.14, -0.77, 0.14), wear.dark, 'flat'),
    part(box(-0.3, -0.055, 1.25, 0.055), wear.second, 'flat'),
    part(box(1.2, -0.1, 1.5, 0.1, 0.04), wear.bark),
  ];
}

function spoon(random: Random, wear: Wardrobe): Part[] {
  const width = random.uniform(0.045, 0.07);
  return [
    part([limb(-1, 0, width * 1.3, 0.6, 0, width), ellipse(0.8, 0, 0.3, 0.21)], wear.main),
    part(ellipse(0.82, 0, 0.22, 0.14), wear.second, 'flat'),
    ...(random.chance(0.5) ? [part(limb(-1, 0, width * 1.5, -0.4, 0), wear.accent)] : []),
  ];
}

function plate(random: Random, wear: Wardrobe): Part[] {
  const parts = [
    part(ellipse(0, 0, 1), wear.light),
    part(ring(0, 0, 0.95, 0.95, random.uniform(0.1, 0.25)), wear.main, 'flat'),
  ];
  for (let i = random.integer(0, 3); i > 0; i--) {
    const angle = random.uniform(0, 2 * Math.PI);
    parts.push(
      part(ellipse(0.3 * Math.cos(angle), 0.3 * Math.sin(angle), random.uniform(0.15, 0.28)), wear.accent, 'ball'),
    );
  }
  return parts;
}

function tape(random: Random, wear: Wardrobe): Part[] {
  const inner = random.uniform(0.45, 0.65);
  return [
    part([ellipse(0, 0, 1), hole(ellipse(0, 0, inner))], wear.main),
    part(ring(0, 0, inner + 0.12, inner + 0.12, 0.12), wear.bark, 'flat'),
  ];
}

function umbrella(random: Random, wear: Wardrobe): Part[] {
  const panels = random.integer(3, 5);
  const rim: number[] = [];
  for (let i = 0; i <= panels * 6; i++) {
    const t = i / (panels * 6);
    rim.push(1 - 2 * t, -0.1 - 0.1 * Math.abs(Math.sin(t * panels * Math.PI)));
  }
  const dome = arc(0, -0.1, 1, 0.85, Math.PI, 2 * Math.PI);
  const third = 2 * Math.floor(dome.length / 6);
  return [
    part(stroke([0, -0.9, 0, 0.95, 0.06, 1.06, 0.18, 1.06, 0.22, 0.92], 0.045), wear.bark),
    part(polygon([...dome, ...rim]), wear.main),
    part(polygon([...dome.slice(third, -third), 0.14, -0.12, -0.14, -0.12]), wear.second),
  ];
}

function balloon(random: Random, wear: Wardrobe): Part[] {
  const sag = random.uniform(-0.25, 0.25);
  return [
    part(stroke(curve([0, 0.95, sag, 1.35, -sag, 1.8, 0, 2.2]), 0.035), wear.dark),
    part(smooth([0, -1, 0.72, -0.55, 0.72, 0.1, 0.1, 0.92, -0.1, 0.92, -0.72, 0.1, -0.72, -0.55]), wear.main, 'ball'),
    part(polygon([0, 0.85, 0.14, 1.05, -0.14, 1.05]), wear.second),
  ];
}

function kite(random: Random, wear: Wardrobe): Part[] {
  const w = random.uniform(0.5, 0.7);
  return [
    part(stroke(curve([0, 0.9, 0.2, 1.2, -0.1, 1.5, 0.15, 1.9]), 0.04), wear.bark),
    part(polygon([0, -0.9, w, -0.2, 0, 0.95, -w, -0.2]), wear.main, 'flat'),
    part(polygon([0, -0.9, w, -0.2, 0, -0.2]), wear.second, 'flat'),
    part(polygon([0, -0.2, 0, 0.95, -w, -0.2]), wear.second, 'flat'),
  ];
}

export const tools: Record<string, Family> = {
  spectacles: { pose: 'lie', draw: spectacles },
  key: { pose: 'lie', draw: key },
  scissors: { pose: 'lie', draw: scissors },
  guitar: { pose: 'lie', draw: guitar },
  spoon: { pose: 'lie', draw: spoon },
  plate: { pose: 'lie', draw: plate },
  tape: { pose: 'lie', draw: tape },
  umbrella: { pose: 'any', draw: umbrella },
  balloon: { pose: 'fly', draw: balloon },
  kite: { pose: 'fly', draw: kite },
};
