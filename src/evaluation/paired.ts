import { UserError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { type BootstrapOptions, bootstrapMeans, type Interval } from './bootstrap.ts';
import { mean } from './metrics.ts';

/** A second method against a first on the same objects. */
export interface PairedDifference {
  /** Mean over objects of second minus first. */
  difference: number;
  /** Percentile bootstrap over objects of `difference`. */
  interval: Interval;
  /** Two-sided, of the sign-flip test: how often chance alone gives a difference at least so large. */
  p: number;
}

/**
 * Compares two methods object by object, which removes what the objects themselves contribute: some are hard for both.
 *
 * @param first one number per object in each column, all equally long
 * @param second the same columns and objects, in the same order
 * @throws UserError where there are no objects
 *
 * @example
 * const { noc90 } = pairedDifferences({ noc90: bilinear }, { noc90: jbu }, { seed: 0 });
 */
export function pairedDifferences<K extends string>(
  first: Record<K, ArrayLike<number>>,
  second: Record<K, ArrayLike<number>>,
  options: BootstrapOptions = {},
): Record<K, PairedDifference> {
  const names = Object.keys(first) as K[];
  const differences = Object.fromEntries(names.map(name => [name, subtract(first[name], second[name])]));
  const intervals = bootstrapMeans(differences, options);
  const entries = names.map(name => {
    const d = differences[name];
    return [name, { difference: mean(d), interval: intervals[name], p: signFlipTest(d, options) }];
  });
  return Object.fromEntries(entries) as Record<K, PairedDifference>;
}

function subtract(first: ArrayLike<number>, second: ArrayLike<number>): Float64Array {
  if (first.length !== second.length) {
    throw new RangeError(`${first.length} objects of the first method, ${second.length} of the second`);
  }
  return Float64Array.from({ length: first.length }, (_, i) => second[i] - first[i]);
}

export interface SignFlipOptions {
  /** Default 0. */
  seed?: number;
  /** Default 10,000. Where fewer sign patterns exist, all are tried and the value is exact. */
  permutations?: number;
}

/**
 * Two-sided p-value of paired differences by permutation (Fisher 1935): if the methods were interchangeable, each
 * difference could as well have the other sign. The share of sign patterns whose sum is at least as far from 0 as the
 * one found; drawn patterns count the one found too (Phipson and Smyth 2010), so that p is never 0. 1 for methods that
 * agree on every object.
 *
 * @param differences per object
 * @throws UserError for a number of permutations that is none
 */
export function signFlipTest(
  differences: ArrayLike<number>,
  { seed = 0, permutations = 10_000 }: SignFlipOptions = {},
): number {
  if (!Number.isInteger(permutations) || permutations < 1) {
    throw new UserError(`the number of permutations is ${permutations}; it must be a whole number from 1 on`);
  }
  const sizes = Float64Array.from(differences).filter(d => d !== 0);
  const total = sizes.reduce((sum, d) => sum + Math.abs(d), 0);
  // sums in another order differ in the last digits
  const found = Math.abs(sizes.reduce((sum, d) => sum + d, 0)) - 1e-12 * total;
  if (2 ** sizes.length <= permutations) return exactShare(sizes, found);

  const random = Random.of(seed, 'sign flip', sizes.length);
  let extreme = 0;
  for (let r = 0; r < permutations; r++) {
    let sum = 0;
    let bits = 0;
    for (let i = 0; i < sizes.length; i++) {
      if (i % 32 === 0) bits = random.uint32();
      sum += bits & 1 ? sizes[i] : -sizes[i];
      bits >>>= 1;
    }
    if (Math.abs(sum) >= found) extreme++;
  }
  return (extreme + 1) / (permutations + 1);
}

function exactShare(sizes: Float64Array, found: number): number {
  const patterns = 2 ** sizes.length;
  let extreme = 0;
  for (let pattern = 0; pattern < patterns; pattern++) {
    let sum = 0;
    for (let i = 0; i < sizes.length; i++) sum += (pattern >> i) & 1 ? sizes[i] : -sizes[i];
    if (Math.abs(sum) >= found) extreme++;
  }
  return extreme / patterns;
}
