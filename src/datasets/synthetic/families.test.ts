import { describe, expect, it } from 'vitest';
import { Random } from '../../base/random.ts';
import { animals } from './animals.ts';
import { drawPalette } from './color.ts';
import { boundsOf } from './contour.ts';
import type { Part } from './figure.ts';
import { furniture } from './furniture.ts';
import { cut } from './paint.ts';
import { plants } from './plants.ts';
import { shapes } from './shapes.ts';
import { tools } from './tools.ts';
import { drawStyle, drawWardrobe } from './wardrobe.ts';

const families = Object.entries({ ...shapes, ...furniture, ...tools, ...plants, ...animals });
const hollow = ['hoop', 'frame', 'grate', 'gear', 'tape', 'mug', 'basket', 'bicycle', 'ladder', 'scissors', 'key'];

function draw(name: string, seed: number): Part[] {
  const random = Random.of(seed, name);
  const family = families.find(([each]) => each === name)![1];
  return family.draw(random, drawWardrobe(random, drawStyle(random, drawPalette(random)), 150));
}

/** The object drawn 180 pixels large, as a mask with a free border. */
function silhouette(parts: Part[]): { width: number; height: number; inside: Uint8Array } {
  const bounds = boundsOf(parts.flatMap(p => p.contours));
  const scale = 180 / Math.max(bounds.right - bounds.left, bounds.bottom - bounds.top);
  const { alpha } = cut(parts, [scale, 0, 0, scale, 0, 0]);
  const [width, height] = [alpha.width + 2, alpha.height + 2];
  const inside = new Uint8Array(width * height);
  alpha.data.forEach((v, i) => {
    if (v > 0.5) inside[(Math.floor(i / alpha.width) + 1) * width + (i % alpha.width) + 1] = 1;
  });
  return { width, height, inside };
}

/** Sizes of the connected regions of pixels that hold `value` (8-connected for 1, 4-connected for 0). */
function regions({ width, height, inside }: ReturnType<typeof silhouette>, value: 0 | 1): number[] {
  const seen = new Uint8Array(inside.length);
  const sizes: number[] = [];
  for (let start = 0; start < inside.length; start++) {
    if (seen[start] || inside[start] !== value) continue;
    const stack = [start];
    seen[start] = 1;
    let size = 0;
    while (stack.length > 0) {
      const p = stack.pop()!;
      size++;
      for (let dy = -1; dy <= 1; dy++) {
        for (let dx = -1; dx <= 1; dx++) {
          if (value === 0 && dx !== 0 && dy !== 0) continue;
          const [x, y] = [(p % width) + dx, Math.floor(p / width) + dy];
          const q = y * width + x;
          if (x < 0 || y < 0 || x >= width || y >= height || seen[q] || inside[q] !== value) continue;
          seen[q] = 1;
          stack.push(q);
        }
      }
    }
    sizes.push(size);
  }
  return sizes.sort((a, b) => b - a);
}

describe.each(families.map(([name]) => name))('%s', name => {
  it('is one connected object whatever its proportions', () => {
    for (let seed = 0; seed < 6; seed++) {
      const parts = draw(name, seed);
      for (const { contours } of parts) {
        for (const contour of contours) expect(contour.every(Number.isFinite)).toBe(true);
      }
      const [largest, ...rest] = regions(silhouette(parts), 1);
      expect(largest).toBeGreaterThan(700);
      // Tips thinner than a pixel may break off.
      expect(rest.reduce((a, b) => a + b, 0)).toBeLessThan(0.02 * largest);
    }
  });
});

describe.each(hollow)('%s', name => {
  it('has a hole that is not object', () => {
    for (let seed = 0; seed < 6; seed++) {
      const [outside, ...holes] = regions(silhouette(draw(name, seed)), 0);
      expect(outside).toBeGreaterThan(0);
      expect(Math.max(0, ...holes)).toBeGreaterThan(40);
    }
  });
});
