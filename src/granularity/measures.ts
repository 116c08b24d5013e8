import type { Mask, ProbabilityMap } from '../base/raster.ts';

/** To the nearest tenth; halves go to the even one, as Python's `round(x, 1)` has it. */
export function roundTenth(value: number): number {
  const isHalf = Math.abs(value * 4) % 2 === 1;
  if (!isHalf) return Number(value.toFixed(1));
  const below = Math.floor(value * 10);
  return (below % 2 === 0 ? below : below + 1) / 10;
}

/** GraCo's scale granularity of a part: its share of the object's pixels in tenths, at least .1. Above 1 it is none. */
export const scaleGranularity = (part: number, object: number): number => Math.max(0.1, roundTenth(part / object));

/**
 * GraCo's semantic granularity: the range of probabilities inside the part against that inside the object, in tenths, at
 * most 1. Where the object has no range at all nothing tells its parts apart: 1.
 *
 * @param probability after one click inside the part
 */
export function semanticGranularity(probability: ProbabilityMap, part: Mask, object: Mask): number {
  const whole = range(probability, object);
  return whole === 0 ? 1 : Math.min(roundTenth(range(probability, part) / whole), 1);
}

function range({ data }: ProbabilityMap, mask: Mask): number {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < data.length; i++) {
    if (mask.data[i] === 0) continue;
    if (data[i] < low) low = data[i];
    if (data[i] > high) high = data[i];
  }
  return Math.max(0, high - low);
}

/**
 * The granularity that a part is trained with, from both of its measures. Both are tenths, and so close together the
 * sum rounds to the scale: the result is always the scale. The rule is GraCo's, kept to the letter.
 */
export const mergedGranularity = (semantic: number, scale: number): number =>
  Math.abs(scale - semantic) < 0.1 ? roundTenth(0.1 * semantic + 0.9 * scale) : scale;

/**
 * How often each part of an image is drawn: inversely to how many parts of its granularity the whole set has, shared
 * among those that the image has.
 *
 * @param own granularities of an image's parts
 * @param counts how many parts of the set have each granularity
 */
export function partWeights(own: readonly number[], counts: ReadonlyMap<number, number>): number[] {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return own.map(g => total / counts.get(g)! / own.filter(other => other === g).length);
}
