import { join } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { findUpsampler } from '../../upsamplers/registry.ts';
import { whyNot } from '../choose-upsamplers.ts';
import type { Config } from '../config.ts';
import type { GranularSetRequest } from '../granular-set.ts';
import { presets } from '../presets.ts';
import { resolveBackbone } from '../resolve-backbone.ts';
import { changedConfig } from '../resolve-config.ts';
import { type Asked, chooseSetUp, type SetUp } from './set-up.ts';
import type { Target, Variant } from './targets.ts';

/** Images of SBD's training set, and of the largest test set, SBD's. */
export const PUBLISHED_IMAGES = { train: 8498, test: 2857 };
/** Fewer of a set tell nothing. */
const FEWEST_TEST_IMAGES = 10;
/** Few steps need larger ones; beyond this training of a probe becomes unsteady. */
const LARGEST_RATE = 1e-3;
/** Multi-granular rows are judged by the best granularity for this IoU. */
const ORACLE = 0.9;

/** One run of a target. */
export interface Job {
  variant: Variant;
  config: Config;
  out: string;
  /** A multi-granular set that has to be made before. */
  parts?: GranularSetRequest;
}

export interface Plan {
  target: Target;
  setUp: SetUp;
  scale: number;
  jobs: Job[];
  /** Upsamplers that were published but cannot be run here, and why. */
  leftOut: { upsampler: string; reason: string }[];
}

/** Below this scale probes are narrow and see no mirrored image, as the time of so few steps would go into clicks. */
const LOOK = 0.01;

/**
 * What a scale makes of the preset `paper`: so many images an epoch and test images. Fewer steps are made larger, by the
 * root of the scale. 1 is the published setting.
 */
export function scaledEntries(scale: number, batch: number): { training: object; evaluation: object } {
  if (scale === 1) return { training: {}, evaluation: {} };
  const { learningRate } = paper.training;
  return {
    ...(scale < LOOK && { headWidth: 64, neckWidth: 32 }),
    training: {
      epochLength: Math.max(batch, Math.round(scale * PUBLISHED_IMAGES.train)),
      learningRate: Number(Math.min(LARGEST_RATE, learningRate / Math.sqrt(scale)).toPrecision(2)),
    },
    evaluation: {
      limit: Math.max(FEWEST_TEST_IMAGES, Math.ceil(scale * PUBLISHED_IMAGES.test)),
      ...(scale < LOOK && { flip: false }),
    },
  };
}

const paper = presets.find(({ name }) => name === 'paper')!.config;

/** The configuration of a variant as published: the preset `paper` with what the paper varied. */
export const publishedConfig = (target: Target, { change, upsamplers }: Variant): Config =>
  changedConfig(paper, { overrides: { backbone: target.backbone, upsamplers: [...upsamplers], ...change } });

/**
 * The runs of a target, in their order.
 *
 * @param out folder of all of them
 * @throws UserError for a scale outside 0..1, an unknown name, or where no upsampler is left to run
 */
export function planTarget(target: Target, asked: Asked, out: string): Plan {
  const scale = asked.scale ?? target.scale;
  if (!(scale > 0 && scale <= 1)) {
    throw new UserError(`--scale ${scale}: expected a share of the published data and steps, above 0 and at most 1`);
  }
  const setUp = chooseSetUp(target, asked);
  for (const name of asked.upsamplers ?? []) findUpsampler(name);
  const left = new Map<string, string>();
  const jobs: Job[] = [];
  for (const variant of target.variants) {
    const config = variantConfig(target, variant, asked, setUp, scale);
    const able = config.upsamplers.filter(name => {
      const reason = whyNot(findUpsampler(name), resolveBackbone(config), config);
      // a misfit of what was asked for is the bench's to refuse
      if (reason === undefined || asked.upsamplers?.includes(name)) return true;
      left.set(name, reason);
      return false;
    });
    for (const name of Object.keys(variant.published)) {
      if (!config.upsamplers.includes(name)) left.set(name, 'not among --upsamplers');
    }
    if (able.length === 0) continue;
    const upsamplerWeights = Object.fromEntries(
      Object.entries(config.upsamplerWeights).filter(([name]) => able.includes(name)),
    );
    jobs.push(job(variant, { ...config, upsamplers: able, upsamplerWeights }, jobs, asked, out, scale));
  }
  const idle = Object.keys(asked.upsamplerWeights).find(
    name => !jobs.some(({ config }) => config.upsamplers.includes(name)),
  );
  if (idle !== undefined) {
    throw new UserError(`--upsampler-weights ${idle}=..: ${target.name} does not run ${idle}. Name it in --upsamplers`);
  }
  return {
    ...{ target, setUp, scale, jobs },
    leftOut: [...left].map(([upsampler, reason]) => ({ upsampler, reason })),
  };
}

function variantConfig(target: Target, variant: Variant, asked: Asked, setUp: SetUp, scale: number): Config {
  const published = publishedConfig(target, variant);
  const { training, evaluation, ...widths } = scaledEntries(scale, published.training.batch);
  // makes its maps by layers of its own
  const upsamplers = variant.change.neck === 'simple-fpn' ? undefined : asked.upsamplers && [...asked.upsamplers];
  const pictures = target.shows === 'masks' ? { examples: 4, features: 0 } : { examples: 2, features: 2 };
  const changed = changedConfig(published, {
    overrides: {
      ...{ backbone: setUp.backbone, weights: asked.weights, seed: asked.seed, threads: asked.threads },
      ...{ upsamplers, upsamplerWeights: asked.upsamplerWeights, ...widths },
      training: { ...training, data: setUp.train },
      // whole curves cost clicks that no NoC up to 90 % needs
      evaluation: { ...evaluation, datasets: setUp.datasets, targetIou: 0.9 },
      report: pictures,
    },
  });
  return changedConfig(changed, { set: asked.set });
}

function job(variant: Variant, config: Config, earlier: readonly Job[], asked: Asked, out: string, scale: number): Job {
  const own = join(out, variant.name);
  if (variant.from === undefined) return { variant, config, out: own };
  const base = earlier.find(each => each.variant.name === variant.from)!;
  const parts = join(out, 'parts');
  return {
    variant,
    out: own,
    parts: {
      ...{
        from: base.out,
        upsampler: config.upsamplers.at(-1)!,
        repeats: 1,
        seed: config.seed,
        pictures: 10,
        out: parts,
      },
      source: {
        ...{ spec: config.training.data, seed: config.dataSeed, split: 'train' },
        limit: scale === 1 ? null : config.training.epochLength,
      },
      threads: asked.threads ?? null,
    },
    config: changedConfig(config, {
      overrides: {
        granularity: {
          ...{ from: base.out, place: 'early', tableStart: 'normal', trainUpsampler: false, oracle: [ORACLE] },
          lora: { projections: 'qk', rank: 8, alpha: 1 },
        },
        training: { data: `granular:${parts}` },
      },
    }),
  };
}

/** Steps of a training; `images` of its set where the configuration does not say how many make an epoch. */
export function stepsOf({ training }: Config, images: number): number {
  return training.epochs * Math.max(1, Math.floor((training.epochLength ?? images) / training.batch));
}
