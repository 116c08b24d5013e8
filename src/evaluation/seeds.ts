import { UserError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { type BootstrapOptions, checkBootstrap, type Interval, percentileInterval } from './bootstrap.ts';
import { mean } from './metrics.ts';

/** How a number varies between training seeds. */
export interface Spread {
  seeds: number;
  mean: number;
  /** Sample standard deviation (n - 1); null of a single seed. */
  std: number | null;
  min: number;
  max: number;
}

/**
 * @param values one per seed
 * @throws UserError where there are none
 */
export function spread(values: readonly number[]): Spread {
  if (values.length === 0) throw new UserError('no seeds: a spread needs the value of at least one');
  const centre = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  return {
    seeds: values.length,
    mean: centre,
    std: values.length === 1 ? null : Math.sqrt(squares / (values.length - 1)),
    min: Math.min(...values),
    max: Math.max(...values),
  };
}

/**
 * Bootstrap intervals of means over training seeds and objects. A resample draws seeds and objects, both with
 * replacement, and takes the mean over every drawn seed at every drawn object: all seeds are evaluated on the same
 * objects, so that the two levels cross (Owen, "The pigeonhole bootstrap", 2007). The interval covers what another
 * training and other objects would change. With a single seed it is that of the objects alone.
 *
 * @param columns for each seed one number per object; equally many seeds and objects in all
 * @throws UserError where there are no seeds or objects
 */
export function bootstrapSeeds<K extends string>(
  columns: Record<K, readonly ArrayLike<number>[]>,
  { seed = 0, resamples = 2000, level = 0.95 }: BootstrapOptions = {},
): Record<K, Interval> {
  const names = Object.keys(columns) as K[];
  const seeds = names.length === 0 ? 0 : columns[names[0]].length;
  const objects = seeds === 0 ? 0 : columns[names[0]][0].length;
  if (objects === 0) throw new UserError('no seeds or no objects: an interval needs at least one of each');
  for (const name of names) {
    if (columns[name].length !== seeds || columns[name].some(values => values.length !== objects)) {
      throw new RangeError(`column ${name} differs from ${names[0]}, ${seeds} seeds of ${objects} objects`);
    }
  }
  checkBootstrap(resamples, level);

  const random = Random.of(seed, 'bootstrap', seeds, objects);
  const means = names.map(() => new Float64Array(resamples));
  const seedTimes = new Int32Array(seeds);
  const objectTimes = new Int32Array(objects);
  for (let r = 0; r < resamples; r++) {
    drawTimes(seedTimes, random);
    drawTimes(objectTimes, random);
    for (const [c, name] of names.entries()) {
      let sum = 0;
      for (let s = 0; s < seeds; s++) {
        if (seedTimes[s] !== 0) sum += seedTimes[s] * weightedSum(columns[name][s], objectTimes);
      }
      means[c][r] = sum / (seeds * objects);
    }
  }
  return Object.fromEntries(names.map((name, c) => [name, percentileInterval(means[c], level)])) as Record<K, Interval>;
}

/** How often each index comes in as many draws as there are indices. */
function drawTimes(times: Int32Array, random: Random): void {
  times.fill(0);
  for (let i = 0; i < times.length; i++) times[random.integer(0, times.length - 1)]++;
}

function weightedSum(values: ArrayLike<number>, weights: Int32Array): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += weights[i] * values[i];
  return sum;
}
