import type { Random } from '../base/random.ts';
import type { Mask } from '../base/raster.ts';
import { squaredDistances } from '../interaction/distance.ts';

/** How the first click on an object is drawn, where it is not drawn as the others (RITM's `first_click_center`). */
export interface FirstClickConfig {
  /** From the pixels deeper than the deepest one divided by this; 0: any pixel, by its depth. */
  inner: number;
  /** Probability that it may be any pixel of the object after all. */
  anywhere: number;
}

/** Exact distance to the nearest pixel outside, px; the frame's border is outside. [height*width] */
export function depths(mask: Mask): Float32Array {
  return Float32Array.from(squaredDistances(mask).data, Math.sqrt);
}

/** The pixels deeper than the deepest one divided by `inner`, row-major; none of an empty mask. */
export function innerPixels(mask: Mask, inner: number): Int32Array {
  const depth = depths(mask);
  const limit = Math.fround(depth.reduce((a, b) => Math.max(a, b), 0) / inner);
  return Int32Array.from([...depth.keys()].filter(i => depth[i] > limit));
}

/** A probability for every pixel in proportion to its depth; zeros for an empty mask. [height*width] */
export function depthProbabilities(mask: Mask): Float32Array {
  const depth = depths(mask);
  const total = Math.max(
    depth.reduce((a, b) => a + b, 0),
    1e-6,
  );
  return depth.map(value => value / total);
}

/** Draws a row-major pixel of an object for its first click. The object must not be empty. */
export function drawFirstClick(mask: Mask, { inner, anywhere }: FirstClickConfig, random: Random): number {
  if (random.chance(anywhere)) return random.pick([...mask.data.keys()].filter(i => mask.data[i] !== 0));
  return inner > 0 ? random.pick(innerPixels(mask, inner)) : random.weighted(depthProbabilities(mask));
}
