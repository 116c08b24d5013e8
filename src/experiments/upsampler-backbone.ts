import { fileBackbone, isModelFile } from '../backbones/imported/model-file.ts';
import type { OnnxOptions } from '../backbones/imported/options.ts';
import { findBackbone } from '../backbones/registry.ts';
import type { Backbone } from '../backbones/types.ts';
import { UserError } from '../base/errors.ts';
import type { Weights } from '../weights/weight.ts';
import type { Config } from './config.ts';
import { measuredScale, requireSize } from './resolve-backbone.ts';
import { resolveConfig } from './resolve-config.ts';

/** What a command line says of a backbone where there is no configuration. */
export interface BackboneOptions {
  /** Of the registry, or a file. */
  backbone: string;
  weights?: string;
  threads?: number;
  /** Of a file: its options as in a bench, `set` as `onnx.entry=value`. */
  set: readonly string[];
  onnxInput?: string;
  onnxOutput?: string;
  onnxTokens?: string | number;
}

/** The same of the one whose features an upsampler learns. */
export interface UpsamplerBackboneOptions extends BackboneOptions {
  /** Side of what the upsampler sees, px. */
  size?: number;
}

interface UpsamplerBackbone {
  backbone: Backbone;
  weights: Weights;
  /** As asked for, or what the stride divides. */
  size: number;
  /** How a file is used, its scale measured. */
  onnx?: OnnxOptions;
}

/**
 * The backbone of an upsampler's training or score: one of the registry by its name, or a file, as in a bench.
 *
 * @param usual side where none is asked for, px, as near as the stride allows
 * @throws UserError for an unknown name, options that do not belong to the backbone, a size that the stride does not
 *   divide, weights that are missing, or a file that cannot be imported or takes images of one size alone
 */
export async function upsamplerBackbone(
  { size: asked, ...options }: UpsamplerBackboneOptions,
  usual: number,
  onNote: (text: string) => void,
): Promise<UpsamplerBackbone> {
  const config = backboneConfig(options, asked ?? usual);
  const { onnx } = config;
  if (!isModelFile(config.backbone)) {
    const backbone = findBackbone(config.backbone);
    const size = sizeFor(backbone, usual, asked);
    return { backbone, weights: await backbone.weights(options.weights), size };
  }
  const backbone = fileBackbone(config.backbone, onnx, config.training.size);
  if (backbone.size) {
    throw new UserError(
      `${backbone.name} takes images of ${backbone.size.join(' x ')} px alone; an upsampler is trained and scored on ` +
        'features of several sizes: export it with free sizes (dynamic axes)',
    );
  }
  const size = sizeFor(backbone, usual, asked);
  for (const side of [size, 2 * size]) requireSize(backbone, [side, side]);
  const weights = await backbone.weights(options.weights);
  const scale =
    onnx.scale === 'auto' ? await measuredScale(backbone, weights, [size, size], config.threads, onNote) : onnx.scale;
  return { backbone: { ...backbone, featureScale: scale }, weights, size, onnx: { ...onnx, scale } };
}

/**
 * What is asked for, or the multiple of the stride next to what is usual.
 *
 * @throws UserError where the stride does not divide what is asked for
 */
export function sizeFor({ name, stride }: Backbone, usual: number, asked?: number): number {
  const fitting = Math.max(1, Math.round((asked ?? usual) / stride)) * stride;
  if (asked === undefined || asked === fitting) return fitting;
  throw new UserError(`--size ${asked}: ${name} (stride ${stride}) needs a multiple of that, such as ${fitting}`);
}

/**
 * A configuration with these options for a backbone.
 *
 * @throws UserError where an option is wrong, or not one of this backbone
 */
export function backboneConfig(options: BackboneOptions, size: number): Config {
  const { backbone, threads, set, onnxInput, onnxOutput, onnxTokens } = options;
  const other = set.find(entry => !entry.startsWith('onnx.'));
  if (other !== undefined) {
    throw new UserError(`--set ${other}: expected an entry of the backbone's file, such as onnx.mean=[0,0,0]`);
  }
  const named = {
    '--onnx-input': onnxInput,
    '--onnx-output': onnxOutput,
    '--onnx-tokens': onnxTokens,
    '--set': set[0],
  };
  const [given] = Object.entries(named).find(([, value]) => value !== undefined) ?? [];
  if (given !== undefined && !isModelFile(backbone)) {
    throw new UserError(`${given} belongs to a backbone that is a file, given --backbone ${backbone}: leave it out`);
  }
  const onnx = { input: onnxInput, output: onnxOutput, tokens: onnxTokens };
  return resolveConfig({ preset: 'quick', set, overrides: { backbone, threads, onnx, training: { size } } });
}
