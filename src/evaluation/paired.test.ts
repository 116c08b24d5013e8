import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { pairedDifferences, signFlipTest } from './paired.ts';

const normals = (count: number, seed: number, mean = 0) => {
  const random = Random.of(seed, 'test');
  return Float64Array.from({ length: count }, () => mean + random.normal());
};

describe('signFlipTest', () => {
  it('is exact where few patterns exist', () => {
    // only +++ and --- are as extreme
    expect(signFlipTest([1, 2, 3])).toBe(2 / 8);
    // sums of +-1 +-2 +-4 +-8 are all odd numbers to 15; at least 11 away: 11, 13, 15
    expect(signFlipTest([1, -2, 4, 8])).toBe(6 / 16);
    expect(signFlipTest([5])).toBe(1);
    expect(signFlipTest([1, -1])).toBe(1);
  });

  it('counts equal sums as equal, whatever the rounding', () => {
    // .1 + .2 + .3 and .3 + .2 + .1 differ in the last bit
    expect(signFlipTest([0.1, 0.2, 0.3])).toBe(signFlipTest([1, 2, 3]));
    expect(signFlipTest([0.3, 0.2, 0.1])).toBe(2 / 8);
  });

  it('is 1 for methods that agree, and leaves objects without difference out', () => {
    expect(signFlipTest([0, 0, 0])).toBe(1);
    expect(signFlipTest(new Float64Array(100))).toBe(1);
    expect(signFlipTest([0, 1, 0, 2, 3, 0])).toBe(2 / 8);
  });

  it('draws where there are many, near the exact value', () => {
    const d = Array.from(normals(12, 3, 0.4));
    const exact = signFlipTest(d, { permutations: 4096 });
    const drawn = signFlipTest(d, { permutations: 4095 });
    // four standard errors of a share of 4095
    expect(Math.abs(drawn - exact)).toBeLessThan(4 * Math.sqrt((exact * (1 - exact)) / 4095) + 1 / 4096);
    expect(drawn).not.toBe(exact);
    expect(signFlipTest(normals(100, 1, 2), { permutations: 999 })).toBe(1 / 1000);
  });

  it('is near the t-test for many normal differences', () => {
    const d = normals(400, 7, 0.09);
    const mean = d.reduce((a, b) => a + b) / 400;
    const deviation = Math.sqrt(d.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 399);
    const z = Math.abs(mean) / (deviation / 20);
    const expected = 2 * (1 - normalCdf(z));
    expect(Math.abs(signFlipTest(d) - expected)).toBeLessThan(0.02);
  });

  it('raises a false alarm about as often as it says', () => {
    let alarms = 0;
    for (let seed = 0; seed < 400; seed++) {
      if (signFlipTest(normals(25, seed), { seed, permutations: 400 }) <= 0.1) alarms++;
    }
    expect(alarms / 400).toBeGreaterThan(0.06);
    expect(alarms / 400).toBeLessThan(0.14);
  });

  it('does not depend on direction or unit, and on chance by the seed alone', () => {
    const differences = fc.array(fc.integer({ min: -19, max: 19 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(differences, fc.constantFrom(-1, 4, -0.5), (d, factor) => {
        const p = signFlipTest(d, { permutations: 200 });
        expect(
          signFlipTest(
            d.map(x => factor * x),
            { permutations: 200 },
          ),
        ).toBe(p);
        expect(p).toBeGreaterThan(0);
        expect(p).toBeLessThanOrEqual(1);
      }),
    );
    const d = normals(50, 1, 0.2);
    expect(signFlipTest(d, { seed: 1 })).not.toBe(signFlipTest(d, { seed: 2 }));
  });

  it('refuses what makes no sense', () => {
    expect(() => signFlipTest([1], { permutations: 0 })).toThrow(UserError);
  });
});

describe('pairedDifferences', () => {
  it('finds a small difference between methods that vary much', () => {
    const hardness = normals(60, 1).map(x => 8 + 5 * x);
    const better = hardness.map((x, i) => x - 0.3 + 0.1 * (i % 3));
    const { noc } = pairedDifferences({ noc: hardness }, { noc: better });
    expect(noc.difference).toBeCloseTo(-0.2, 9);
    expect(noc.interval[1]).toBeLessThan(-0.15);
    expect(noc.p).toBeLessThan(0.001);
  });

  it('gives 0, [0, 0] and p = 1 for the same method', () => {
    const x = normals(30, 1);
    expect(pairedDifferences({ x }, { x }).x).toEqual({ difference: 0, interval: [0, 0], p: 1 });
  });

  it('mirrors when the two change places', () => {
    const [a, b] = [normals(30, 1), normals(30, 2, 0.5)];
    const [there, back] = [pairedDifferences({ x: a }, { x: b }).x, pairedDifferences({ x: b }, { x: a }).x];
    expect(back.difference).toBeCloseTo(-there.difference, 12);
    expect(back.interval[0]).toBeCloseTo(-there.interval[1], 12);
    expect(back.interval[1]).toBeCloseTo(-there.interval[0], 12);
    expect(back.p).toBe(there.p);
  });

  it('covers the true difference about as often as it says, also of skewed click counts', () => {
    // NoC-like: most objects take few clicks, some the maximum; the second method saves a click on 4 of 10 objects
    let covered = 0;
    for (let seed = 0; seed < 300; seed++) {
      const random = Random.of(seed, 'clicks');
      const first = Array.from({ length: 50 }, () =>
        random.chance(0.15) ? 20 : 2 + Math.floor(-3 * Math.log(1 - random.uniform())),
      );
      const second = first.map(clicks => clicks - Number(random.chance(0.4)));
      const [low, high] = pairedDifferences({ x: first }, { x: second }, { seed, resamples: 300 }).x.interval;
      if (low <= -0.4 && -0.4 <= high) covered++;
    }
    expect(covered / 300).toBeGreaterThan(0.9);
    expect(covered / 300).toBeLessThan(0.99);
  });

  it('refuses other objects and none', () => {
    expect(() => pairedDifferences({ x: [1, 2] }, { x: [1] })).toThrow(RangeError);
    expect(() => pairedDifferences({ x: [] }, { x: [] })).toThrow(UserError);
  });
});

/** Abramowitz and Stegun 7.1.26, error below 1e-6 here. */
function normalCdf(z: number): number {
  const t = 1 / (1 + 0.3275911 * (z / Math.SQRT2));
  const tail =
    ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) *
    t *
    Math.exp((-z * z) / 2);
  return 1 - tail / 2;
}
