import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { bootstrapMeans } from './bootstrap.ts';

const normal = (count: number, seed: number) => {
  const random = Random.of(seed, 'test');
  return Float64Array.from({ length: count }, () => random.normal());
};

describe('bootstrapMeans', () => {
  it('is near the interval of the normal distribution where that applies', () => {
    const values = normal(400, 1);
    const mean = values.reduce((a, b) => a + b) / 400;
    const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 400);
    const { low, high } = { low: mean - (1.96 * deviation) / 20, high: mean + (1.96 * deviation) / 20 };
    const [a, b] = bootstrapMeans({ values }).values;
    expect(Math.abs(a - low)).toBeLessThan(0.01);
    expect(Math.abs(b - high)).toBeLessThan(0.01);
    const [c, d] = bootstrapMeans({ values }, { level: 0.5 }).values;
    expect((d - c) / (b - a)).toBeCloseTo(0.674 / 1.96, 1);
  });

  it('covers the truth about as often as it says', () => {
    let covered = 0;
    for (let seed = 0; seed < 200; seed++) {
      const [low, high] = bootstrapMeans({ x: normal(50, seed) }, { seed, resamples: 400 }).x;
      if (low <= 0 && 0 <= high) covered++;
    }
    expect(covered / 200).toBeGreaterThan(0.88);
    expect(covered / 200).toBeLessThan(0.99);
  });

  it('depends on the seed alone, and is paired between columns', () => {
    const x = normal(30, 1);
    expect(bootstrapMeans({ x })).toEqual(bootstrapMeans({ x }));
    expect(bootstrapMeans({ x }, { seed: 1 })).not.toEqual(bootstrapMeans({ x }));
    const shifted = x.map(v => 2 * v + 1);
    const both = bootstrapMeans({ x, shifted });
    for (const end of [0, 1]) expect(both.shifted[end]).toBeCloseTo(2 * both.x[end] + 1, 12);
    expect(bootstrapMeans({ shifted })).toEqual({ shifted: both.shifted });
  });

  it('stays between the smallest and the largest value', () => {
    const values = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(values, x => {
        const [low, high] = bootstrapMeans({ x }, { resamples: 50 }).x;
        expect(low).toBeLessThanOrEqual(high);
        expect(low).toBeGreaterThanOrEqual(Math.min(...x) - 1e-9);
        expect(high).toBeLessThanOrEqual(Math.max(...x) + 1e-9);
      }),
    );
  });

  it('interpolates between order statistics', () => {
    // one object of 0 and one of 1: the sorted means of 4 resamples, ends at positions .25 * 3 and .75 * 3
    const means = (resamples: number) => {
      const random = Random.of(0, 'bootstrap', 2);
      const sums = Array.from({ length: resamples }, () => random.integer(0, 1) + random.integer(0, 1));
      return sums.map(sum => sum / 2).sort((a, b) => a - b);
    };
    const sorted = means(4);
    const [low, high] = bootstrapMeans({ x: [0, 1] }, { resamples: 4, level: 0.5 }).x;
    expect(low).toBeCloseTo(sorted[0] + 0.75 * (sorted[1] - sorted[0]), 12);
    expect(high).toBeCloseTo(sorted[2] + 0.25 * (sorted[3] - sorted[2]), 12);
  });

  it('refuses what makes no sense', () => {
    expect(() => bootstrapMeans({ x: [] })).toThrow(UserError);
    expect(() => bootstrapMeans({ x: [1] }, { level: 95 })).toThrow(UserError);
    expect(() => bootstrapMeans({ x: [1] }, { resamples: 0 })).toThrow(UserError);
    expect(() => bootstrapMeans({ x: [1], y: [1, 2] })).toThrow(RangeError);
  });
});
