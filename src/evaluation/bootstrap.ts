import { UserError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { mean } from './metrics.ts';

export type Interval = [low: number, high: number];

export interface BootstrapOptions {
  /** Default 0. */
  seed?: number;
  /** Default 2,000. */
  resamples?: number;
  /** Coverage, 0..1. Default 0.95. */
  level?: number;
  /** What the interval is about. Default: the mean. */
  statistic?: (sample: Float64Array) => number;
}

/**
 * A percentile bootstrap interval (Efron 1979) of a statistic over objects. The same seed and number of objects give
 * the same resamples, whatever the values: for two methods on the same objects, the interval of the differences of
 * their values is the paired comparison.
 *
 * @param values one per object
 * @throws UserError where there are no values
 */
export function bootstrapInterval(values: ArrayLike<number>, options: BootstrapOptions = {}): Interval {
  const { seed = 0, resamples = 2000, level = 0.95, statistic = mean } = options;
  if (values.length === 0) throw new UserError('no objects: an interval needs at least one');
  if (!Number.isInteger(resamples) || resamples < 1) {
    throw new UserError(`the number of resamples is ${resamples}; it must be a whole number from 1 on, usually 2000`);
  }
  if (!(level > 0 && level < 1)) throw new UserError(`the level is ${level}; it must be between 0 and 1, usually 0.95`);
  const random = Random.of(seed, 'bootstrap', values.length);
  const sample = new Float64Array(values.length);
  const results = new Float64Array(resamples);
  for (let r = 0; r < resamples; r++) {
    for (let i = 0; i < sample.length; i++) sample[i] = values[random.integer(0, values.length - 1)];
    results[r] = statistic(sample);
  }
  results.sort();
  return [quantile(results, (1 - level) / 2), quantile(results, (1 + level) / 2)];
}

/** Linear between the neighbouring order statistics (the default of NumPy and R). */
function quantile(sorted: Float64Array, q: number): number {
  const position = q * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
}
