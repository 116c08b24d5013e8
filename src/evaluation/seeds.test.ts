import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { bootstrapMeans } from './bootstrap.ts';
import { bootstrapSeeds, spread } from './seeds.ts';

/** Seeds x objects: an effect of each seed, of each object, and noise. */
function grid(seeds: number, objects: number, deviation: { seed: number; object: number }, name: number) {
  const random = Random.of(name, 'grid');
  const objectEffects = Array.from({ length: objects }, () => deviation.object * random.normal());
  return Array.from({ length: seeds }, () => {
    const seedEffect = deviation.seed * random.normal();
    return objectEffects.map(effect => seedEffect + effect + 0.1 * random.normal());
  });
}

describe('spread', () => {
  it('is mean, sample deviation and range', () => {
    expect(spread([2, 4, 9])).toEqual({ seeds: 3, mean: 5, std: Math.sqrt((9 + 1 + 16) / 2), min: 2, max: 9 });
    expect(spread([7])).toEqual({ seeds: 1, mean: 7, std: null, min: 7, max: 7 });
    expect(spread([3, 3])).toMatchObject({ std: 0 });
    expect(() => spread([])).toThrow(UserError);
  });
});

describe('bootstrapSeeds', () => {
  const width = ([low, high]: [number, number]) => high - low;

  it('with one seed, or equal ones, is as wide as the bootstrap over objects', () => {
    const [values] = grid(1, 200, { seed: 0, object: 1 }, 1);
    const objects = width(bootstrapMeans({ x: values }).x);
    expect(width(bootstrapSeeds({ x: [values] }).x) / objects).toBeCloseTo(1, 1);
    expect(width(bootstrapSeeds({ x: [values, values, values] }).x) / objects).toBeCloseTo(1, 1);
  });

  it('is wider where seeds differ', () => {
    const alike = width(bootstrapSeeds({ x: grid(8, 100, { seed: 0, object: 1 }, 2) }).x);
    const unlike = width(bootstrapSeeds({ x: grid(8, 100, { seed: 1, object: 1 }, 2) }).x);
    expect(unlike).toBeGreaterThan(2 * alike);
  });

  it('covers the truth about as often as it says, where the bootstrap over objects alone does not', () => {
    let [covered, objectsAlone] = [0, 0];
    for (let name = 0; name < 150; name++) {
      const values = grid(10, 20, { seed: 0.5, object: 0.5 }, name);
      const has0 = ([low, high]: [number, number]) => Number(low <= 0 && 0 <= high);
      covered += has0(bootstrapSeeds({ x: values }, { seed: name, resamples: 300 }).x);
      objectsAlone += has0(bootstrapMeans({ x: values[0] }, { seed: name, resamples: 300 }).x);
    }
    expect(covered / 150).toBeGreaterThan(0.87);
    expect(covered / 150).toBeLessThan(0.995);
    expect(objectsAlone / 150).toBeLessThan(0.6);
  });

  it('depends on the seed alone, and is paired between columns', () => {
    const x = grid(3, 15, { seed: 1, object: 1 }, 4);
    expect(bootstrapSeeds({ x })).toEqual(bootstrapSeeds({ x }));
    expect(bootstrapSeeds({ x }, { seed: 1 })).not.toEqual(bootstrapSeeds({ x }));
    const double = x.map(values => values.map(value => 2 * value + 1));
    const both = bootstrapSeeds({ x, double });
    for (const end of [0, 1]) expect(both.double[end]).toBeCloseTo(2 * both.x[end] + 1, 12);
  });

  it('refuses what makes no sense', () => {
    expect(() => bootstrapSeeds({ x: [] })).toThrow(UserError);
    expect(() => bootstrapSeeds({ x: [[]] })).toThrow(UserError);
    expect(() => bootstrapSeeds({ x: [[1, 2], [1]] })).toThrow(RangeError);
    expect(() => bootstrapSeeds({ x: [[1]], y: [[1], [2]] })).toThrow(RangeError);
    expect(() => bootstrapSeeds({ x: [[1]] }, { resamples: 0 })).toThrow(UserError);
  });
});
