import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../base/errors.ts';
import type { Sample } from '../types.ts';
import { syntheticDataset } from './dataset.ts';
import { minimumArea } from './scene.ts';

const area = (mask: { data: Int8Array }) => mask.data.reduce((total, v) => total + v, 0);
const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const small = { seed: 3, count: 8, width: 128, height: 96 } as const;

describe('the same scene again', () => {
  it('has the same bytes whatever was drawn before and however large the set', async () => {
    const set = syntheticDataset({ ...small, split: 'val' });
    const first = await set.load(5);
    await set.load(2);
    expect(await set.load(5)).toEqual(first);
    expect(await syntheticDataset({ ...small, count: 6, split: 'val' }).load(5)).toEqual(first);
  });

  it('differs with the seed, the split and the index', async () => {
    const sets = [
      syntheticDataset({ ...small, split: 'val' }),
      syntheticDataset({ ...small, split: 'train' }),
      syntheticDataset({ ...small, seed: 4, split: 'val' }),
    ];
    const pictures = await Promise.all(sets.flatMap(set => [0, 1, 2].map(async i => (await set.load(i)).image.data)));
    const distinct = new Set(pictures.map(data => Buffer.from(data).toString('base64')));
    expect(distinct.size).toBe(pictures.length);
  });
});

describe('forty scenes', () => {
  const set = syntheticDataset({ seed: 0, split: 'train', count: 40 });
  let scenes: Sample[];
  beforeAll(async () => {
    scenes = await Promise.all(set.ids.map((_, i) => set.load(i)));
  });

  it('carry names in order and the standard size', () => {
    expect(set.size).toBe(40);
    expect(set.ids[7]).toBe('synthetic-train-0007');
    scenes.forEach((scene, i) => {
      expect(scene.id).toBe(set.ids[i]);
      expect([scene.image.width, scene.image.height]).toEqual([384, 288]);
      expect(scene.image.data.length).toBe(384 * 288 * 3);
    });
  });

  it('have disjoint masks of 0 and 1, each large enough', () => {
    for (const { objects, image } of scenes) {
      const covered = new Uint8Array(image.width * image.height);
      for (const mask of objects) {
        expect([mask.width, mask.height]).toEqual([image.width, image.height]);
        expect(mask.data.length).toBe(covered.length);
        expect(mask.data.every(v => v === 0 || v === 1)).toBe(true);
        expect(area(mask)).toBeGreaterThanOrEqual(minimumArea);
        mask.data.forEach((v, i) => {
          covered[i] += v;
        });
      }
      expect(Math.max(...covered)).toBeLessThanOrEqual(1);
    }
  });

  it('vary in the number and the size of their objects', () => {
    const counts = scenes.map(s => s.objects.length);
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...counts)).toBeLessThanOrEqual(7);
    expect(new Set(counts).size).toBeGreaterThanOrEqual(4);
    const areas = scenes.flatMap(s => s.objects.map(area)).sort((a, b) => a - b);
    const quantile = (q: number) => areas[Math.floor(q * areas.length)];
    expect(quantile(0.9) / quantile(0.1)).toBeGreaterThan(4);
    expect(areas.at(-1)!).toBeLessThan(0.45 * 384 * 288);
  });

  it('show more contrast across a mask border than inside', () => {
    const ratios = scenes.map(({ image, objects }) => {
      const border: number[] = [];
      const inner: number[] = [];
      for (const { data, width } of objects) {
        for (let i = 0; i + 1 < data.length; i++) {
          if (!data[i] || (i + 1) % width === 0) continue;
          const step = Math.abs(image.data[3 * i] - image.data[3 * i + 3]);
          (data[i + 1] ? inner : border).push(step);
        }
      }
      return mean(border) / mean(inner);
    });
    expect(mean(ratios)).toBeGreaterThan(2);
  });

  it('cannot be solved by colour alone', () => {
    const best = scenes
      .slice(0, 20)
      .flatMap(({ image, objects }) => objects.map(o => bestByColour(image.data, o.data)));
    expect(mean(best)).toBeLessThan(0.4);
    expect(Math.max(...best)).toBeLessThan(0.95);
  });
});

/** The best IoU that any limit on the distance to the object's mean colour reaches. */
function bestByColour(rgb: Uint8Array, mask: Int8Array): number {
  const centre = [0, 0, 0];
  let total = 0;
  for (let i = 0; i < mask.length; i++) {
    if (!mask[i]) continue;
    total++;
    for (let c = 0; c < 3; c++) centre[c] += rgb[3 * i + c];
  }
  const hit = new Uint32Array(443);
  const miss = new Uint32Array(443);
  for (let i = 0; i < mask.length; i++) {
    let d = 0;
    for (let c = 0; c < 3; c++) d += (rgb[3 * i + c] - centre[c] / total) ** 2;
    (mask[i] ? hit : miss)[Math.floor(Math.sqrt(d))]++;
  }
  let best = 0;
  let [hits, misses] = [0, 0];
  for (let d = 0; d < hit.length; d++) {
    hits += hit[d];
    misses += miss[d];
    best = Math.max(best, hits / (total + misses));
  }
  return best;
}

describe('other sizes', () => {
  it('hold at least one object each', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.integer({ min: 96, max: 220 }),
        fc.integer({ min: 96, max: 220 }),
        async (seed, width, height) => {
          const { image, objects } = await syntheticDataset({ seed, split: 'val', count: 1, width, height }).load(0);
          expect(image.data.length).toBe(width * height * 3);
          expect(objects.length).toBeGreaterThanOrEqual(1);
          for (const mask of objects) expect(area(mask)).toBeGreaterThanOrEqual(minimumArea);
        },
      ),
      { numRuns: 25 },
    );
  });
});

describe('bad options', () => {
  it.each([
    [{ count: 0 }, /count is 0; expected a whole number of 1/],
    [{ count: 2.5 }, /count is 2.5/],
    [{ seed: Number.NaN }, /seed is NaN/],
    [{ width: 32 }, /width is 32; expected a whole number of 96/],
    [{ height: 10_000 }, /height is 10000/],
    [{ split: 'test' as 'val' }, /split is "test"; expected "train" or "val"/],
  ])('%o is refused', (options, message) => {
    const open = () => syntheticDataset({ seed: 0, split: 'val', count: 4, ...options });
    expect(open).toThrow(UserError);
    expect(open).toThrow(message);
  });

  it('refuses an index outside the set', async () => {
    const set = syntheticDataset({ ...small, split: 'val' });
    for (const index of [-1, 8, 1.5]) await expect(set.load(index)).rejects.toThrow(UserError);
    await expect(set.load(8)).rejects.toThrow(/no sample 8; expected an index of 0 to 7/);
  });
});
