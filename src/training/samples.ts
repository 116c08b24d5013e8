import { UserError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import type { RgbImage } from '../base/raster.ts';
import type { Dataset } from '../datasets/types.ts';
import { type AugmentConfig, augmentImage, drawAugmentation, sourcePixels } from './augment.ts';
import { gatherLabels, type LabelMap, objectAreas, onlyObject } from './labels.ts';
import type { Point } from './points.ts';
import { type DecodedSample, decodeSample, type SampleCache } from './sample-cache.ts';
import { type SamplerConfig, sampleClicks } from './sampler.ts';

/** What one place of a batch holds before the first prediction. */
export interface TrainingSample {
  id: string;
  width: number;
  height: number;
  /** [3, height, width], RGB, 0..1, not normalised. */
  image: Float32Array;
  /** [1, height, width]: 1 object, 0 background, -1 ignored. */
  target: Float32Array;
  /** Up to `maxPoints` positive ones, then up to as many negative ones. */
  points: Point[];
  /** Of the part that was drawn, where the set has parts. */
  granularity?: number;
}

export interface SampleOptions {
  seed: number;
  /** Training and validation draw from separate streams. */
  stream: 'train' | 'validation';
  /** Number of the training step (or validation batch) and place in its batch. */
  step: number;
  slot: number;
  /** null leaves the image as it is, at its own size. */
  augment: AugmentConfig | null;
  sampler: SamplerConfig;
  /** Smaller objects, in px after augmentation, are not chosen. */
  minArea: number;
  /** Chance to keep an augmentation that lost every object; the paper has .01 for training, 0 for validation. */
  keepBackground: number;
  /** One weight per image, see `imageWeights`; without it all images are equally likely. */
  weights?: ArrayLike<number>;
  /** Of the same dataset; without it every sample is decoded anew. */
  cache?: SampleCache;
}

/** The paper's values; `seed`, `step`, `slot`, `augment` and `sampler` are the caller's. */
export const PAPER_SAMPLE = { stream: 'train', minArea: 80, keepBackground: 0.01 } as const;

/** An image whose objects are a few stray pixels could be augmented for ever; after this it is taken as background. */
const MAX_ATTEMPTS = 1000;

/**
 * Draws an image, augments it, chooses an object and its first clicks. The result depends on the seed, stream,
 * step and slot alone: any number of workers, and a resumed run, draw the same.
 *
 * @throws UserError where the dataset is empty or damaged, or the weights do not fit it
 */
export async function trainingSample(dataset: Dataset, options: SampleOptions): Promise<TrainingSample> {
  const random = randomOf(options);
  const index = drawIndex(dataset, options.weights, random);
  const whole = await (options.cache?.load(index) ?? decodeSample(dataset, index));
  const part = whole.parts?.length ? random.weighted(whole.parts.map(({ weight }) => weight)) : null;
  // a part is drawn before the augmentation and stands alone, as GraCo's training has it
  const decoded = part === null ? whole : { ...whole, labels: onlyObject(whole.labels, part) };
  const { image, labels } = augmentSample(decoded, options, random);
  const areas = objectAreas(labels);
  const candidates = [...areas.keys()].filter(object => areas[object] >= options.minArea);
  const { target, points } = sampleClicks(labels, candidates, options.sampler, random);
  return {
    id: decoded.id,
    width: image.width,
    height: image.height,
    image: toPlanes(image),
    target: new Float32Array(target),
    points,
    ...(part !== null && { granularity: whole.parts![part].granularity }),
  };
}

/** The index of the image that `trainingSample` takes, known before anything is decoded. @throws UserError as there */
export function sampleIndex(dataset: Dataset, options: SampleOptions): number {
  return drawIndex(dataset, options.weights, randomOf(options));
}

/**
 * Weights for `trainingSample` from a list of how hard each image is, such as the paper's for SBD
 * (1 - the score of its file).
 *
 * @param hardness >= 0, one per image
 * @param exponent the paper's is 1.25
 */
export function imageWeights(hardness: ArrayLike<number>, exponent = 1.25): Float64Array {
  return Float64Array.from(hardness, value => value ** exponent);
}

const randomOf = ({ seed, stream, step, slot }: SampleOptions): Random => Random.of(seed, stream, step, slot);

function drawIndex(dataset: Dataset, weights: ArrayLike<number> | undefined, random: Random): number {
  if (dataset.size === 0) {
    throw new UserError(`dataset ${dataset.name} has no images to train on; check its folder and split`);
  }
  if (weights === undefined) return random.integer(0, dataset.size - 1);
  if (weights.length !== dataset.size) {
    throw new UserError(
      `${weights.length} image weights were given for the ${dataset.size} images of dataset ${dataset.name}; ` +
        'give one per image, in the order of its ids',
    );
  }
  const unusable = Array.prototype.findIndex.call(weights, (weight: number) => !(weight >= 0 && weight < Infinity));
  if (unusable >= 0) {
    throw new UserError(
      `the weight of image ${dataset.ids[unusable]} is ${weights[unusable]}; weights must be finite and not negative`,
    );
  }
  const index = random.weighted(weights);
  if (weights[index] === 0) {
    throw new UserError(`all image weights of dataset ${dataset.name} are 0; at least one must be larger`);
  }
  return index;
}

/** Augments until an object survives. An image that never had one is background from the start. */
function augmentSample(
  { image, labels }: DecodedSample,
  { augment, keepBackground }: SampleOptions,
  random: Random,
): { image: RgbImage; labels: LabelMap } {
  if (augment === null) return { image, labels };
  const hasObject = labels.values.map(values => values.includes(1));
  const hopeless = !hasObject.includes(true);
  for (let attempt = 1; ; attempt++) {
    const augmentation = drawAugmentation(image, augment, random);
    const moved = gatherLabels(labels, sourcePixels(augmentation), augmentation.crop);
    const keep = random.chance(keepBackground);
    if (keep || hopeless || attempt === MAX_ATTEMPTS || holdsAny(moved.codes, hasObject)) {
      return { image: augmentImage(image, augmentation), labels: moved };
    }
  }
}

function holdsAny(codes: ArrayLike<number>, wanted: readonly boolean[]): boolean {
  for (let i = 0; i < codes.length; i++) if (wanted[codes[i]]) return true;
  return false;
}

/** [height, width, 3] of 0..255 to [3, height, width] of 0..1. */
function toPlanes({ width, height, data }: RgbImage): Float32Array {
  const pixels = width * height;
  const planes = new Float32Array(3 * pixels);
  for (let i = 0; i < pixels; i++) {
    planes[i] = data[3 * i] / 255;
    planes[pixels + i] = data[3 * i + 1] / 255;
    planes[2 * pixels + i] = data[3 * i + 2] / 255;
  }
  return planes;
}
