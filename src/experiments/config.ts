import { z } from 'zod';
import { onnxDefaults, onnxSchema } from '../backbones/imported/options.ts';
import { granularityPlaces } from '../granularity/granularity.ts';
import { tableStarts } from '../granularity/table.ts';
import { defaultPasses } from '../graph/passes/prepare.ts';
import { injections } from '../probe/probe.ts';
import { bytesOf } from './memory-size.ts';

/** What `clickables.ts` knows how to load. */
export const baselineNames = ['sam'] as const;

const fraction = z.number().min(0).max(1);
const positive = z.number().positive();
const count = z.int().min(1);
const range = z.tuple([z.number(), z.number()]);

const augment = z.strictObject({
  scale: z.tuple([positive, positive]),
  flip: fraction,
  quarterTurn: fraction,
  shiftRotate: z.strictObject({ probability: fraction, shift: fraction, degrees: z.number().min(0) }),
  brightnessContrast: z.strictObject({ probability: fraction, contrast: range, brightness: range }),
  rgbShift: z.strictObject({ probability: fraction, limit: z.number().min(0) }),
});

const sampler = z.strictObject({
  maxPoints: count,
  countDecay: fraction,
  mergeProbability: fraction,
  maxMerged: count,
  erodeProbability: fraction,
  erosion: z.int().min(0),
  minEroded: z.int().min(0),
  negatives: z.strictObject({ background: fraction, otherObjects: fraction, border: fraction }),
  borderWidth: z.number().min(0),
  clickIgnored: z.boolean(),
  /** RITM's first click in the middle of an object; null: drawn as the others. */
  firstClick: z.strictObject({ inner: z.number().min(0), anywhere: fraction }).nullable(),
});

const training = z.strictObject({
  /** KIND:PATH of the training set, or `synthetic`. */
  data: z.string().min(1),
  /** Side of the training crop, px. */
  size: count,
  epochs: count,
  /** Images per epoch; null: the size of the training set. */
  epochLength: count.nullable(),
  batch: count,
  learningRate: positive,
  /** Epochs after which the learning rate is multiplied by gamma. */
  milestones: z.array(z.number().min(0)),
  gamma: positive,
  /** Corrective clicks before a step: 0 to this many. */
  maxRounds: z.int().min(0),
  /** Of the normalised focal loss. */
  alpha: fraction,
  /** Smaller objects, px after augmentation, are not trained on. */
  minArea: z.number().min(0),
  keepBackground: fraction,
  augment,
  sampler,
  nextPoints: z.strictObject({ threshold: fraction, clickIgnored: z.boolean() }),
  /** Time between checkpoints. */
  checkpointSeconds: positive,
  /** Threads that draw samples ahead; 0: the training thread itself; null: by the number of processor cores. */
  workers: z.int().min(0).nullable(),
});

const evaluation = z.strictObject({
  /** KIND:PATH of each set, or `synthetic`. */
  datasets: z.array(z.string().min(1)),
  /** How the network gets to see a picture: fixed224, cvpr, native ..; see docs/evaluation-modes.md. */
  mode: z.string().min(1),
  flip: z.boolean(),
  zoomIn: z.strictObject({ expansion: positive, minCrop: count, recomputeIou: fraction, threshold: fraction }),
  maxClicks: count,
  /** Stop an object here; null: never, so that curves are whole. */
  targetIou: fraction.nullable(),
  threshold: fraction,
  /** Images per set; null: all. */
  limit: count.nullable(),
  /** Evaluate each set once more with so many users who click at random inside the error; 0: not. */
  randomClicks: z.int().min(0),
  /** The network is shown the first so many clicks only; null: all. */
  clickLimit: count.nullable(),
  /** Faults of the original that change published numbers, off by default; see docs/protocol.md. */
  quirks: z.strictObject({ stopByFloat64: z.boolean(), emptyIouIsNaN: z.boolean() }),
  /** Measure the boundary IoU too. */
  boundary: z.boolean(),
  /** Of the bootstrap. */
  resamples: count,
});

/** See `Granularity`. */
const granularity = z.strictObject({
  /** Run folder whose trained probes are started from. */
  from: z.string().min(1),
  place: z.enum(granularityPlaces),
  tableStart: z.enum(tableStarts),
  lora: z.strictObject({ projections: z.enum(['qk', 'qv']), rank: count, alpha: positive }),
  trainUpsampler: z.boolean(),
  /** Target IoUs of the oracle over granularities; none: no oracle. */
  oracle: z.array(fraction),
});

const report = z.strictObject({
  /** Objects shown with their masks, per set. */
  examples: z.int().min(0),
  /** Images shown with their features. */
  features: z.int().min(0),
});

/** Everything that decides a run's numbers. */
export const configSchema = z.strictObject({
  backbone: z.string().min(1),
  /** File of the backbone's weights; null: where the backbone finds them itself. */
  weights: z.string().nullable(),
  /** How a backbone that is a file is used. Runs of earlier versions had none. */
  onnx: onnxSchema.default(onnxDefaults),
  /** Names, or files of one's own as FILE or NAME=FILE. */
  upsamplers: z.array(z.string().min(1)).min(1),
  /** Files of learned upsamplers' weights, by name; by default the official ones. Runs of earlier versions had none. */
  upsamplerWeights: z.record(z.string(), z.string().min(1)).default({}),
  /** Rows beside the probes. */
  baselines: z.array(z.enum(baselineNames)),
  /** Null: `conv`, with a neck `segformer`. */
  head: z.string().min(1).nullable(),
  /** Channels inside the head; null: those of the backbone, with a neck 256. */
  headWidth: count.nullable(),
  /** Several maps for the head instead of one; `none`: one. Runs of earlier versions had none. */
  neck: z.string().min(1).default('none'),
  /** Channels C of the neck's maps, C, 2C, 4C and 8C from fine to coarse. */
  neckWidth: count.default(128),
  clickEncoder: z.string().min(1),
  injection: z.enum(injections),
  /** The multi-granular architecture; null: without. Runs of earlier versions had none. */
  granularity: granularity.nullable().default(null),
  clicks: z.strictObject({ form: z.enum(['disk', 'tanh']), radius: positive }),
  training,
  evaluation,
  report,
  /** Of initial weights, training samples, random clicks and resampling. */
  seed: z.int().min(0),
  /** Of what the synthetic sets draw: runs of other seeds are evaluated on the same objects. */
  dataSeed: z.int().min(0),
  /** Processor threads; null: all. */
  threads: count.nullable(),
  device: z.enum(['cpu', 'webgpu']),
  /** Bytes that intermediate values may take, or text as `2GB`; see docs/engine.md. Runs of earlier versions had none. */
  memory: z
    .preprocess(bytesOf, z.number('expected bytes, or text such as 2GB').min(16e6, 'expected at least 16MB'))
    .default(2e9),
  /** How the graph is computed, never what; see docs/engine.md. */
  passes: z.strictObject({
    commute: z.boolean(),
    winograd: z.boolean(),
    split: z.boolean(),
    // runs of earlier versions had none
    attentionBytes: positive.default(defaultPasses.attentionBytes),
    bandBytes: positive,
    keepBytes: positive,
  }),
});

export type Config = z.infer<typeof configSchema>;
