import { UserError } from '../base/errors.ts';
import type { Dataset } from '../datasets/types.ts';
import { resample } from '../graph/ops/linear.ts';
import { prepare } from '../graph/passes/prepare.ts';
import { GraphError, input, nameOf, sources } from '../graph/tensor.ts';
import { IMAGENET } from '../nn/imagenet.ts';
import { bilinear } from '../nn/resize.ts';
import { Scope } from '../nn/scope.ts';
import { compile } from '../runtime/node.ts';
import type { CompileOptions, Program } from '../runtime/program.ts';
import { bicubicInterpolation, bilinearInterpolation, nearestNeighbour } from '../upsamplers/interpolation.ts';
import type { Upsampler } from '../upsamplers/types.ts';
import { largeEnough, middleCut, planes, resized } from './cut.ts';
import { type FrozenFeatures, normalised } from './features.ts';
import { type Pair, scoreFitted } from './fitted.ts';
import { OWN } from './graph.ts';
import { cosineLoss, squaredLoss } from './losses.ts';

export interface ScoreRow {
  upsampler: string;
  /** Cells of the target for one of the input, along a side. */
  ratio: number;
  /** Mean cosine to the features of the larger image, -1..1. */
  cosine: number;
  /** Mean squared difference, of features scaled as in a probe. */
  mse: number;
  images: number;
}

interface Candidate {
  name: string;
  upsampler: Pick<Upsampler, 'upsample'>;
  /** Of its parameters, by full name. */
  values: ReadonlyMap<string, Float32Array>;
}

const none: ReadonlyMap<string, Float32Array> = new Map();
const half = { alignCorners: false };

const CENTRES = 'bilinear-centres';
const FITTED = 'bilinear-fitted';

/** What a trained upsampler must beat. */
const interpolations: readonly Candidate[] = [
  { name: 'nearest', upsampler: nearestNeighbour, values: none },
  { name: 'bilinear', upsampler: bilinearInterpolation, values: none },
  {
    // features of a larger image lie at pixels' centres, which aligned corners miss
    name: CENTRES,
    upsampler: {
      upsample: (map, _, [height, width]) =>
        resample(map, bilinear(map.shape[2], height, half), bilinear(map.shape[3], width, half)),
    },
    values: none,
  },
  { name: 'bicubic', upsampler: bicubicInterpolation, values: none },
];

const RATIOS = [2, 4];

export interface ScoreOptions {
  /** As in training; the target is the features of the image at twice this size. */
  size: number;
  /** Images to score with, at most. */
  limit: number;
  program?: CompileOptions;
  signal: AbortSignal;
  onProgress(done: number, all: number): void;
  /** What is left out, and why. */
  onNote(text: string): void;
}

/**
 * How near upsampled features of a small image come to the features of the same image at a larger size: at twice and four
 * times the cells, for a trained upsampler, for the interpolations, and for bilinear interpolation with channels scaled and
 * shifted to fit these images.
 *
 * @param trained its name, and its values by the names of parameters `upsampler.*`
 * @throws UserError where no image is large enough
 */
export async function scoreUpsamplers(
  trained: { upsampler: Upsampler; values: Candidate['values'] },
  features: FrozenFeatures,
  images: Dataset,
  options: ScoreOptions,
): Promise<ScoreRow[]> {
  const { size, limit, signal, onProgress } = options;
  const { stride } = features.backbone;
  const high = 2 * size;
  const ratios = RATIOS.filter(ratio => high % (ratio * stride) === 0);
  const candidates = [{ name: trained.upsampler.name, ...trained }, ...interpolations];
  const entries: Entry[] = [];
  const pairs = new Map<number, Pair[]>(ratios.map(ratio => [ratio, []]));
  let used = 0;
  try {
    for (const ratio of ratios) {
      for (const candidate of candidates) {
        try {
          entries.push(await entryOf(candidate, features, high, ratio, options.program));
        } catch (error) {
          if (!(error instanceof GraphError)) throw error;
          options.onNote(`${candidate.name} is not scored at x${ratio}: ${error.message}`);
        }
      }
    }
    const all = Math.min(limit, images.size);
    for (let index = 0; index < images.size && used < all; index++) {
      const { image } = await images.load(index);
      if (!largeEnough(image, high)) continue;
      const whole = middleCut(image, high).image;
      const target = await features.of(whole);
      for (const ratio of ratios) {
        const seen = resized(whole, high / ratio);
        const feeds = { target, image: planes(seen), features: await features.of(seen) };
        for (const entry of entries) {
          if (entry.ratio !== ratio) continue;
          const fed = Object.entries(feeds).filter(([name]) => entry.inputs.has(name));
          const { cosine, mse, map } = await entry.program.run('score', Object.fromEntries(fed));
          if (entry.name === CENTRES) pairs.get(ratio)!.push({ map: map.slice(), target });
          entry.cosine += 1 - cosine[0];
          entry.mse += mse[0];
        }
      }
      used++;
      onProgress(used, all);
      await new Promise(setImmediate);
      signal.throwIfAborted();
    }
  } finally {
    for (const { program } of entries) await program.release();
  }
  if (used === 0) {
    throw new UserError(
      `no held-out image has ${high / 2} px on its shorter side, which --size ${size} needs to score`,
    );
  }
  return ratios.flatMap(ratio => [
    ...entries
      .filter(entry => entry.ratio === ratio)
      .map(({ name, cosine, mse }) => ({
        upsampler: name,
        ratio,
        cosine: cosine / used,
        mse: mse / used,
        images: used,
      })),
    { upsampler: FITTED, ratio, ...scoreFitted(pairs.get(ratio)!, features.backbone.channels), images: used },
  ]);
}

interface Entry {
  name: string;
  ratio: number;
  program: Program;
  inputs: ReadonlySet<string>;
  /** Sums so far. */
  cosine: number;
  mse: number;
}

async function entryOf(
  { name, upsampler, values }: Candidate,
  { backbone }: FrozenFeatures,
  high: number,
  ratio: number,
  options: CompileOptions = {},
): Promise<Entry> {
  const { stride, channels } = backbone;
  const [side, cells] = [high / ratio, high / ratio / stride];
  const image = input('image', [1, 3, side, side], 'image');
  const low = input('features', [1, channels, cells, cells], 'image');
  const target = input('target', [1, channels, cells * ratio, cells * ratio], 'image');
  const scope = Scope.frozen(OWN.slice(0, -1));
  const size = [cells * ratio, cells * ratio] as const;
  const made = upsampler.upsample(low, normalised(image, IMAGENET), size, scope);
  const own = made.shape[2];
  const axis = own === size[0] ? undefined : bilinear(own, size[0], half);
  const map = resample(made, axis, axis);
  const losses = [cosineLoss(map, target), squaredLoss(map, target)];
  const [cosine, mse, whole] = prepare([...losses, map], undefined, { forGradient: false });
  const program = await compile({ score: { cosine, mse, map: whole } }, { ...options, split: false, bound: values });
  const inputs = new Set(sources([cosine, mse]).map(nameOf));
  return { name, ratio, program, inputs, cosine: 0, mse: 0 };
}
