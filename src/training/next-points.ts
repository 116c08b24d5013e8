import type { Random } from '../base/random.ts';
import type { Grid, ProbabilityMap } from '../base/raster.ts';
import { chamferDistance } from './chamfer.ts';
import { addPoint, type Point } from './points.ts';

/** Every constant of the corrective clicks of training. */
export interface NextPointsConfig {
  /** Probability above which a pixel counts as predicted. */
  threshold: number;
  /** Places per sign; the same as the sampler's. */
  maxPoints: number;
  /** Whether ignored pixels count as background, as in the paper's code; otherwise they are never wrong. */
  clickIgnored: boolean;
}

/** The paper's values. */
export const PAPER_NEXT_POINTS: NextPointsConfig = { threshold: 0.49, maxPoints: 24, clickIgnored: false };

/** Where a corrective click may go: row-major pixels, none where the prediction has no error. */
export interface ClickCandidates {
  positive: boolean;
  pixels: Int32Array;
}

/**
 * The inner half of the deepest error: the missed or the falsely covered part of the object, whichever has the
 * larger chamfer distance to its edge (a tie gives the second), and of it the pixels further in than half of that.
 *
 * @param target 1 object, 0 background, -1 ignored
 */
export function clickCandidates(
  prediction: ProbabilityMap,
  target: Grid<Float32Array>,
  config: NextPointsConfig,
): ClickCandidates {
  const { width, height, data } = prediction;
  const threshold = Math.fround(config.threshold);
  const missed = new Uint8Array(data.length);
  const covered = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const label = target.data[i];
    if (label > 0.5) missed[i] = +(data[i] < threshold);
    else if (label >= 0 || config.clickIgnored) covered[i] = +(data[i] > threshold);
  }
  const depths = [missed, covered].map(mask => chamferDistance({ width, height, data: mask }));
  const [missedDepth, coveredDepth] = depths.map(maximum);
  const positive = missedDepth > coveredDepth;
  return { positive, pixels: pixelsAbove(depths[positive ? 0 : 1], Math.max(missedDepth, coveredDepth) / 2) };
}

/**
 * One round of interactive training: the points of an image with one more, a random pixel of the deepest error
 * of the prediction; unchanged where there is no error.
 *
 * @param prediction probabilities for the same pixels as the target
 * @param round the number of this correction, from 1
 */
export function nextPoints(
  points: readonly Point[],
  prediction: ProbabilityMap,
  target: Grid<Float32Array>,
  round: number,
  config: NextPointsConfig,
  random: Random,
): Point[] {
  const { positive, pixels } = clickCandidates(prediction, target, config);
  if (pixels.length === 0) return [...points];
  const pixel = random.pick(pixels);
  const { width } = prediction;
  return addPoint(points, { row: Math.floor(pixel / width), col: pixel % width, positive, round }, config.maxPoints);
}

function maximum(values: Float32Array): number {
  let best = 0;
  for (let i = 0; i < values.length; i++) if (values[i] > best) best = values[i];
  return best;
}

function pixelsAbove(values: Float32Array, limit: number): Int32Array {
  let count = 0;
  for (let i = 0; i < values.length; i++) if (values[i] > limit) count++;
  const pixels = new Int32Array(count);
  for (let i = 0, n = 0; n < count; i++) if (values[i] > limit) pixels[n++] = i;
  return pixels;
}
