import type { Random } from '../base/random.ts';
import type { Mask } from '../base/raster.ts';
import { drawFirstClick, type FirstClickConfig } from './first-click.ts';
import { type LabelMap, mapLabels } from './labels.ts';
import { dilate, erode } from './morphology.ts';
import type { Point } from './points.ts';

/** Every constant of the sampling of an object and its first clicks. */
export interface SamplerConfig {
  /** Places for positive and, again, for negative clicks. */
  maxPoints: number;
  /** A further click is this much less likely than the one before. */
  countDecay: number;
  mergeProbability: number;
  maxMerged: number;
  /** Positive clicks come from the object eroded by `erosion` px, if more than `minEroded` px remain. */
  erodeProbability: number;
  erosion: number;
  minEroded: number;
  /** Shares of the strategies for negative clicks. */
  negatives: { background: number; otherObjects: number; border: number };
  /** Width of the border band as a share of the square root of the area. */
  borderWidth: number;
  /** Whether ignored pixels may carry negative clicks, as in the paper's code. */
  clickIgnored: boolean;
  /** The first click on each object goes to its middle. Default, and the paper's: it is drawn as the others. */
  firstClick?: FirstClickConfig;
}

/** The paper's sampler (released configuration, which follows RITM, arXiv 2102.06583). */
export const PAPER_SAMPLER: SamplerConfig = {
  maxPoints: 24,
  countDecay: 0.8,
  mergeProbability: 0.15,
  maxMerged: 2,
  erodeProbability: 0.9,
  erosion: 3,
  minEroded: 10,
  negatives: { background: 0.1, otherObjects: 0.4, border: 0.5 },
  borderWidth: 0.1,
  clickIgnored: false,
};

/** An object, or several merged into one, with the clicks before the first prediction. */
export interface Selection {
  /** Indices of the objects; empty where there was none to choose. */
  selected: number[];
  /** [height*width]: 1 object, 0 background, -1 ignored. */
  target: Int8Array;
  /** Positive ones first. */
  points: Point[];
}

type Pixels = Int32Array;

/**
 * Draws an object and its clicks.
 *
 * @param candidates the objects to choose from; none gives an empty target and negative clicks only
 */
export function sampleClicks(
  labels: LabelMap,
  candidates: readonly number[],
  config: SamplerConfig,
  random: Random,
): Selection {
  const selected = chooseObjects(candidates, config, random);
  const value = selected.length > 0 ? (values: Int8Array) => merge(values, selected) : emptyTarget;
  const eroded = selected.map(object => {
    const mask = maskOf(labels, values => values[object] === 1);
    return random.chance(config.erodeProbability) ? erodeUnlessTiny(mask, config) : mask;
  });
  const positives = samplePositives(eroded, config, random);
  const hasOthers = candidates.length > selected.length;
  const negatives = sampleNegatives(labels, value, hasOthers, config, random);
  const toPoints = (pixels: number[], positive: boolean): Point[] =>
    pixels.map(p => ({ row: Math.floor(p / labels.width), col: p % labels.width, positive, round: 0 }));
  const points = [...toPoints(positives, true), ...toPoints(negatives, false)];
  return { selected, target: mapLabels(labels, value), points };
}

function chooseObjects(candidates: readonly number[], config: SamplerConfig, random: Random): number[] {
  if (candidates.length === 0) return [];
  const most = Math.min(candidates.length, config.maxMerged);
  if (most > 1 && random.chance(config.mergeProbability)) {
    const count = random.integer(2, most);
    return random.shuffle(candidates).slice(0, count);
  }
  return [random.pick(candidates)];
}

/** The union of objects: an object's pixel wins over an ignored one, that over background. */
function merge(values: Int8Array, selected: readonly number[]): number {
  let merged = 0;
  for (const object of selected) {
    if (values[object] === 1) return 1;
    if (values[object] === -1) merged = -1;
  }
  return merged;
}

function emptyTarget(values: Int8Array): number {
  return values.includes(-1) ? -1 : 0;
}

function samplePositives(objects: readonly Mask[], config: SamplerConfig, random: Random): number[] {
  const { maxPoints, countDecay, firstClick } = config;
  const masks = objects.map(pixelsOf);
  const atLeastOne = () => 1 + random.weighted(countProbabilities(maxPoints, countDecay));
  const ownPoints = masks
    .slice(0, maxPoints)
    .map((mask, i) => {
      const points = drawPixels([mask], [1], atLeastOne(), random);
      if (firstClick && points.length > 0) points[0] = drawFirstClick(objects[i], firstClick, random);
      return points;
    })
    .filter(points => points.length > 0);
  if (ownPoints.length <= 1) return ownPoints[0] ?? [];
  const first = ownPoints.map(points => points[0]);
  const count = random.weighted(countProbabilities(maxPoints + 1, countDecay));
  const further = drawPixels(
    masks,
    masks.map(() => 1),
    count,
    random,
  );
  const room = maxPoints - first.length;
  return [...first, ...(further.length <= room ? further : random.shuffle(further).slice(0, room))];
}

/** @param value the target's, from the values of all objects at a pixel */
function sampleNegatives(
  labels: LabelMap,
  value: (values: Int8Array) => number,
  hasOthers: boolean,
  config: SamplerConfig,
  random: Random,
): number[] {
  const count = random.weighted(countProbabilities(config.maxPoints + 1, config.countDecay));
  if (count === 0) return [];
  const allowed = (values: Int8Array) => value(values) === 0 || (config.clickIgnored && value(values) === -1);
  const target = maskOf(labels, values => value(values) === 1);
  if (!target.data.includes(1)) {
    const plain = maskOf(labels, values => allowed(values) && !values.includes(1));
    return drawPixels([pixelsOf(plain)], [1], count, random);
  }
  const empty = maskOf(labels, allowed);
  const background = pixelsOf(empty);
  const others = hasOthers ? pixelsOf(maskOf(labels, values => allowed(values) && values.includes(1))) : background;
  const border = borderBand(target, config.borderWidth);
  for (let i = 0; i < border.data.length; i++) border.data[i] &= empty.data[i];
  const { negatives } = config;
  const weights = [negatives.background, negatives.otherObjects, negatives.border];
  return drawPixels([background, others, pixelsOf(border)], weights, count, random);
}

/** `count` draws of a mask by its weight and then of a pixel of it, with replacement; an empty mask gives none. */
function drawPixels(masks: readonly Pixels[], weights: readonly number[], count: number, random: Random): number[] {
  const drawn: number[] = [];
  for (let i = 0; i < count; i++) {
    const mask = masks[random.weighted(weights)];
    if (mask.length > 0) drawn.push(random.pick(mask));
  }
  return drawn;
}

/** [n] probabilities proportional to decay^i. */
export function countProbabilities(n: number, decay: number): number[] {
  const powers = Array.from({ length: n }, (_, i) => decay ** i);
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map(power => power / total);
}

/** The eroded mask, or the mask itself where too little would remain. */
export function erodeUnlessTiny(mask: Mask, config: Pick<SamplerConfig, 'erosion' | 'minEroded'>): Mask {
  const eroded = erode(mask, config.erosion);
  return area(eroded) > config.minEroded ? eroded : mask;
}

/** The band around an object, `ceil(width * sqrt(area))` px wide. */
export function borderBand(mask: Mask, width: number): Mask {
  const band = dilate(mask, Math.ceil(width * Math.sqrt(area(mask))));
  for (let i = 0; i < band.data.length; i++) if (mask.data[i] !== 0) band.data[i] = 0;
  return band;
}

function area(mask: Mask): number {
  let count = 0;
  for (let i = 0; i < mask.data.length; i++) count += mask.data[i];
  return count;
}

function pixelsOf(mask: Mask): Pixels {
  const pixels = new Int32Array(area(mask));
  for (let i = 0, n = 0; i < mask.data.length; i++) if (mask.data[i] !== 0) pixels[n++] = i;
  return pixels;
}

function maskOf(labels: LabelMap, inside: (values: Int8Array) => boolean): Mask {
  const { width, height } = labels;
  return { width, height, data: new Uint8Array(mapLabels(labels, values => +inside(values)).buffer) };
}
