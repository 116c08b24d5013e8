import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from './random.ts';

const draw = (random: Random, count: number) => Array.from({ length: count }, () => random.uint32());

/** Pearson's statistic of counts against expected ones. */
const chiSquare = (counts: readonly number[], expected: readonly number[]): number =>
  counts.reduce((sum, count, i) => sum + (count - expected[i]) ** 2 / expected[i], 0);

// seeds are fixed, so a test passes always or never; the bounds are passed by chance once in 10^5 seeds
describe('streams', () => {
  it('are the same for the same seed and path, from one version to the next', () => {
    expect(draw(Random.of(3, 'train', 7), 50)).toEqual(draw(Random.of(3, 'train', 7), 50));
    expect(draw(Random.of(0), 3)).toEqual([1294373824, 2586832129, 2783732394]);
    expect(draw(Random.of(1, 'augment', 17), 3)).toEqual([681562034, 13841765, 2617779539]);
  });

  it('differ where seed or path differ', () => {
    const paths: [number, ...(string | number)[]][] = [
      [0],
      [1],
      [10],
      [0, 0],
      [0, 1],
      [0, 'a'],
      [0, 'b'],
      [0, 'a', 'b'],
      [0, 'b', 'a'],
      [0, 'ab'],
      [0, 11, 1],
      [0, 1, 11],
      [-1],
    ];
    const starts = paths.map(path => draw(Random.of(...path), 4).join());
    expect(new Set(starts).size).toBe(paths.length);
  });

  it('of neighbouring names are not correlated', () => {
    const count = 4000;
    const series = (...path: number[]) => Array.from({ length: count }, (_, i) => Random.of(0, ...path, i).uniform());
    const correlation = (a: number[], b: number[]) =>
      a.reduce((sum, value, i) => sum + (value - 0.5) * (b[i] - 0.5), 0) / (count / 12);
    const [a, b] = [series(0), series(1)];
    const bound = 4.4 / Math.sqrt(count);
    expect(Math.abs(correlation(a, b))).toBeLessThan(bound);
    expect(Math.abs(correlation(a.slice(1), a.slice(0, -1)))).toBeLessThan(bound);
  });

  it('start anywhere: first numbers of many streams are spread evenly', () => {
    const counts = new Array(16).fill(0);
    for (let i = 0; i < 16000; i++) counts[Random.of(0, 'sample', i).uint32() >>> 28]++;
    // chi-square, 15 degrees of freedom
    expect(chiSquare(counts, new Array(16).fill(1000))).toBeLessThan(50);
  });
});

describe('numbers', () => {
  it('are in their ranges', () => {
    const bound = fc.integer({ min: -1000, max: 1000 });
    fc.assert(
      fc.property(fc.nat(), bound, fc.integer({ min: 0, max: 50 }), (seed, low, span) => {
        const random = Random.of(seed, 'range');
        for (let i = 0; i < 20; i++) {
          const integer = random.integer(low, low + span);
          expect(Number.isInteger(integer) && integer >= low && integer <= low + span).toBe(true);
          const uniform = random.uniform(low, low + span + 1);
          expect(uniform >= low && uniform < low + span + 1).toBe(true);
          const raw = random.uint32();
          expect(Number.isInteger(raw) && raw >= 0 && raw < 2 ** 32).toBe(true);
        }
      }),
    );
  });

  it('reach both ends of an integer range equally often', () => {
    const random = Random.of(1, 'dice');
    const counts = new Array(6).fill(0);
    for (let i = 0; i < 12000; i++) counts[random.integer(1, 6) - 1]++;
    // 5 degrees of freedom
    expect(chiSquare(counts, new Array(6).fill(2000))).toBeLessThan(31);
  });

  it('are uniform in mean and variance', () => {
    const random = Random.of(2, 'uniform');
    const values = Array.from({ length: 20000 }, () => random.uniform());
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    const square = values.reduce((sum, v) => sum + (v - 0.5) ** 2, 0) / values.length;
    expect(Math.abs(mean - 1 / 2)).toBeLessThan((4.4 * Math.sqrt(1 / 12)) / Math.sqrt(20000));
    expect(Math.abs(square - 1 / 12)).toBeLessThan((4.4 * Math.sqrt(1 / 180)) / Math.sqrt(20000));
  });

  it('happen with their chance', () => {
    const random = Random.of(3, 'chance');
    let hits = 0;
    for (let i = 0; i < 10000; i++) hits += Number(random.chance(0.2));
    expect(Math.abs(hits - 2000)).toBeLessThan(4.4 * Math.sqrt(10000 * 0.2 * 0.8));
    expect(random.chance(0)).toBe(false);
    expect(random.chance(1)).toBe(true);
  });

  it('are normal: moments and tails', () => {
    const random = Random.of(4, 'normal');
    const count = 20000;
    const values = Array.from({ length: count }, () => random.normal());
    const moment = (power: number) => values.reduce((sum, v) => sum + v ** power, 0) / count;
    // the variance of x^p is E x^2p - (E x^p)^2
    expect(Math.abs(moment(1))).toBeLessThan(4.4 / Math.sqrt(count));
    expect(Math.abs(moment(2) - 1)).toBeLessThan((4.4 * Math.sqrt(2)) / Math.sqrt(count));
    expect(Math.abs(moment(3))).toBeLessThan((4.4 * Math.sqrt(15)) / Math.sqrt(count));
    expect(Math.abs(moment(4) - 3)).toBeLessThan((4.4 * Math.sqrt(96)) / Math.sqrt(count));
    const beyond = values.filter(v => Math.abs(v) > 1.959964).length;
    expect(Math.abs(beyond - 0.05 * count)).toBeLessThan(4.4 * Math.sqrt(count * 0.05 * 0.95));
    expect(values.every(Number.isFinite)).toBe(true);
  });
});

describe('choices', () => {
  it('pick every item equally often, and refuse an empty list', () => {
    const random = Random.of(5, 'pick');
    const counts = { a: 0, b: 0, c: 0 };
    for (let i = 0; i < 6000; i++) counts[random.pick(['a', 'b', 'c'] as const)]++;
    // 2 degrees of freedom
    expect(chiSquare(Object.values(counts), [2000, 2000, 2000])).toBeLessThan(23);
    expect(() => random.pick([])).toThrow(RangeError);
  });

  it('follow weights of any sum, and never take one of 0', () => {
    const weights = [0, 3, 1, 0, 6, 0];
    const random = Random.of(6, 'weighted');
    const counts = weights.map(() => 0);
    for (let i = 0; i < 10000; i++) counts[random.weighted(weights)]++;
    expect([counts[0], counts[3], counts[5]]).toEqual([0, 0, 0]);
    expect(chiSquare([counts[1], counts[2], counts[4]], [3000, 1000, 6000])).toBeLessThan(23);
  });

  it('shuffle: a permutation, each as likely as any other, the list left as it was', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.nat(), (items, seed) => {
        const before = [...items];
        const shuffled = Random.of(seed, 'shuffle').shuffle(items);
        expect(items).toEqual(before);
        expect(shuffled.toSorted((a, b) => a - b)).toEqual(before.toSorted((a, b) => a - b));
      }),
    );
    const random = Random.of(7, 'orders');
    const orders = new Map<string, number>();
    for (let i = 0; i < 12000; i++) {
      const order = random.shuffle([0, 1, 2, 3]).join('');
      orders.set(order, (orders.get(order) ?? 0) + 1);
    }
    expect(orders.size).toBe(24);
    // 23 degrees of freedom
    expect(chiSquare([...orders.values()], new Array(24).fill(500))).toBeLessThan(63);
  });
});
