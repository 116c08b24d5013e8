import type { ImportedBackbone } from '../backbones/imported/backbone.ts';
import { fileBackbone, isModelFile } from '../backbones/imported/model-file.ts';
import { findBackbone } from '../backbones/registry.ts';
import type { Backbone } from '../backbones/types.ts';
import { UserError } from '../base/errors.ts';
import { openDataset } from '../datasets/registry.ts';
import { input } from '../graph/tensor.ts';
import { modeSettings } from '../interaction/modes.ts';
import { Scope } from '../nn/scope.ts';
import { none } from '../upsamplers/interpolation.ts';
import type { Weights } from '../weights/weight.ts';
import type { Config } from './config.ts';
import { FeatureMaps } from './feature-maps.ts';

type Named = Pick<Config, 'backbone' | 'onnx' | 'training' | 'evaluation' | 'injection'>;

/**
 * The backbone of a configuration: one of the registry by its name, or a file.
 *
 * @throws UserError for an unknown name, a file that cannot be imported, or one that does not take the sizes or the
 *   clicks that the configuration asks for
 */
export function resolveBackbone(config: Named): Backbone {
  if (!isModelFile(config.backbone)) return findBackbone(config.backbone);
  const { size } = config.training;
  const backbone = fileBackbone(config.backbone, config.onnx, size);
  if (config.injection === 'early' && backbone.earlyRefusal !== null) throw new UserError(backbone.earlyRefusal);
  // what the stride does not divide is refused for every backbone alike
  if (size % backbone.stride === 0) requireSize(backbone, [size, size]);
  for (const set of ['', 'DAVIS']) {
    const { size: seen } = modeSettings(config.evaluation.mode, set, backbone.stride);
    if (seen) requireSize(backbone, seen);
    else if (backbone.size) {
      throw new UserError(
        `${backbone.name} takes images of ${backbone.size.join(' x ')} px alone, the evaluation mode ` +
          `${config.evaluation.mode} shows it others: use --mode fixed${new Set(backbone.size).size === 1 ? backbone.size[0] : backbone.size}`,
      );
    }
  }
  return backbone;
}

/** Builds what is run hours later, so that an error comes now. */
export function requireSize(backbone: ImportedBackbone, size: readonly [number, number]): void {
  backbone.features(input('image', [1, 3, ...size], 'image'), Scope.frozen('w'));
}

/** Scenes drawn to measure features on. */
const SCENES = 4;

/**
 * A configuration whose features have a scale: where that of a file is `auto`, what brings their standard deviation,
 * measured on drawn scenes, to about 1 (docs/decisions/0006-*). Two digits, so that it does not depend on the order in
 * which a machine adds.
 *
 * @throws UserError where the features are all the same
 */
export async function withMeasuredScale(config: Config, onNote: (text: string) => void): Promise<Config> {
  if (!isModelFile(config.backbone) || config.onnx.scale !== 'auto') return config;
  const backbone = resolveBackbone(config);
  const weights = await backbone.weights(config.weights ?? undefined);
  const { size } = config.training;
  const scale = await measuredScale(backbone, weights, [size, size], config.threads, onNote);
  return { ...config, onnx: { ...config.onnx, scale } };
}

/**
 * What the features of a backbone are to be multiplied by, as `withMeasuredScale`.
 *
 * @param size [H,W] of the images, px; the stride divides it
 * @param threads null: all
 */
export async function measuredScale(
  backbone: Backbone,
  weights: Weights,
  size: readonly [number, number],
  threads: number | null,
  onNote: (text: string) => void,
): Promise<number> {
  const frozen = { backbone: weights, upsampler: new Map() };
  const maps = new FeatureMaps(backbone, { ...(threads !== null && { threads }) });
  const scenes = await openDataset(`synthetic:${SCENES}`, { seed: 0, split: 'train' });
  let [count, sum, squares] = [0, 0, 0];
  try {
    for (let i = 0; i < SCENES; i++) {
      const { image } = await scenes.load(i);
      maps.show(image, size);
      const { data } = await maps.lowRes(none, frozen);
      count += data.length;
      for (const value of data) {
        sum += value;
        squares += value * value;
      }
    }
  } finally {
    await maps.release();
  }
  const deviation = Math.sqrt(squares / count - (sum / count) ** 2);
  if (!(deviation > 0 && deviation < Number.POSITIVE_INFINITY)) {
    throw new UserError(
      `${backbone.name}: its features have a standard deviation of ${deviation} on ${SCENES} drawn scenes. Check that ` +
        'onnx.output names features, and onnx.mean and onnx.std what the network expects',
    );
  }
  const scale = Number((1 / deviation).toPrecision(2));
  onNote(
    `${backbone.name}: features have a standard deviation of ${deviation.toPrecision(2)} on ${SCENES} drawn scenes, so ` +
      `they are multiplied by ${scale} (onnx.scale)`,
  );
  return scale;
}
