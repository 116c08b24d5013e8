import { UserError } from '../base/errors.ts';
import { Random } from '../base/random.ts';

export type Interval = [low: number, high: number];

export interface BootstrapOptions {
  /** Default 0. */
  seed?: number;
  /** Default 2,000. */
  resamples?: number;
  /** Coverage, 0..1. Default 0.95. */
  level?: number;
}

/**
 * Percentile bootstrap intervals (Efron 1979) of the means of per-object numbers: NoC, IoU after a click, whether the
 * object failed. The same seed and number of objects give the same resamples, whatever the numbers are: with the
 * differences of two methods on the same objects as column, the interval is their paired comparison.
 *
 * @param columns one number per object in each, all equally long
 * @throws UserError where there are no objects
 *
 * @example
 * const { noc90, iou1 } = bootstrapMeans({ noc90: counts, iou1: firstIous }, { seed: 0 });
 */
export function bootstrapMeans<K extends string>(
  columns: Record<K, ArrayLike<number>>,
  { seed = 0, resamples = 2000, level = 0.95 }: BootstrapOptions = {},
): Record<K, Interval> {
  const names = Object.keys(columns) as K[];
  const count = names.length === 0 ? 0 : columns[names[0]].length;
  if (count === 0) throw new UserError('no objects: an interval needs at least one');
  const odd = names.find(name => columns[name].length !== count);
  if (odd) throw new RangeError(`column ${odd} has ${columns[odd].length} numbers, ${names[0]} has ${count}`);
  checkBootstrap(resamples, level);

  const random = Random.of(seed, 'bootstrap', count);
  const values = names.map(name => Float64Array.from(columns[name]));
  const means = names.map(() => new Float64Array(resamples));
  const drawn = new Int32Array(count);
  for (let r = 0; r < resamples; r++) {
    for (let i = 0; i < count; i++) drawn[i] = random.integer(0, count - 1);
    for (let c = 0; c < values.length; c++) means[c][r] = meanAt(values[c], drawn);
  }
  const intervals = means.map(sample => percentileInterval(sample, level));
  return Object.fromEntries(names.map((name, c) => [name, intervals[c]])) as Record<K, Interval>;
}

/** @throws UserError */
export function checkBootstrap(resamples: number, level: number): void {
  if (!Number.isInteger(resamples) || resamples < 1) {
    throw new UserError(`the number of resamples is ${resamples}; it must be a whole number from 1 on, usually 2000`);
  }
  if (!(level > 0 && level < 1)) throw new UserError(`the level is ${level}; it must be between 0 and 1, usually 0.95`);
}

/** The middle part, of size `level`, of resampled values; these are sorted in place. */
export function percentileInterval(sample: Float64Array, level: number): Interval {
  sample.sort();
  return [quantile(sample, (1 - level) / 2), quantile(sample, (1 + level) / 2)];
}

function meanAt(values: Float64Array, indices: Int32Array): number {
  let sum = 0;
  for (let i = 0; i < indices.length; i++) sum += values[indices[i]];
  return sum / indices.length;
}

/** Linear between the neighbouring order statistics (the default of NumPy and R). */
function quantile(sorted: Float64Array, q: number): number {
  const position = q * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
}
