import { UserError } from '../../base/errors.ts';
import { Random } from '../../base/random.ts';
import type { Dataset } from '../types.ts';
import { drawScene } from './scene.ts';

/** Below this an object of the least area would fill the scene. */
const smallestSide = 96;
const largestSide = 4096;

/**
 * Drawn scenes with exact instance masks: 1 to 7 textured, shaded, overlapping, thin, concave and hollow objects
 * on varied backgrounds, RGB 0..255. Scene `i` is the same for ever for the same seed, split and size, whatever
 * `count` is; the splits share no scene. Masks are disjoint (what is hidden does not count) and hold 0 and 1 only.
 *
 * @param options.count scenes in the set, at least 1
 * @param options.width pixels, 96..4096 (default 384); `options.height` likewise (default 288)
 * @throws UserError for options out of range.
 * @example
 * const { image, objects } = await syntheticDataset({ seed: 0, split: 'val', count: 50 }).load(7);
 */
export function syntheticDataset(options: {
  seed: number;
  split: 'train' | 'val';
  count: number;
  width?: number;
  height?: number;
}): Dataset {
  const { seed, split, count, width = 384, height = 288 } = options;
  if (split !== 'train' && split !== 'val') {
    throw new UserError(`synthetic set: split is "${split}"; expected "train" or "val"`);
  }
  requireInteger('seed', seed, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  requireInteger('count', count, 1, 10_000_000);
  requireInteger('width', width, smallestSide, largestSide);
  requireInteger('height', height, smallestSide, largestSide);
  const ids = Array.from({ length: count }, (_, i) => `synthetic-${split}-${String(i).padStart(4, '0')}`);
  return {
    name: `synthetic-${split}`,
    size: count,
    ids,
    async load(index) {
      if (!Number.isInteger(index) || index < 0 || index >= count) {
        throw new UserError(`synthetic set: there is no sample ${index}; expected an index of 0 to ${count - 1}`);
      }
      return { id: ids[index], ...drawScene(Random.of(seed, 'synthetic', split, index), width, height) };
    },
  };
}

function requireInteger(name: string, value: number, low: number, high: number): void {
  if (Number.isSafeInteger(value) && value >= low && value <= high) return;
  throw new UserError(`synthetic set: ${name} is ${value}; expected a whole number of ${low} to ${high}`);
}
