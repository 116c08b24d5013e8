import { UserError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { withFile } from '../weights/byte-source.ts';
import { fitWeights } from '../weights/fit-weights.ts';
import type { Layout } from '../weights/layout.ts';
import { readWeights } from '../weights/read-weights.ts';
import { readSafetensors } from '../weights/safetensors.ts';
import type { Weights } from '../weights/weight.ts';
import { READABLE, weightFormat } from '../weights/weight-format.ts';
import { type Grid, upsamplerParameters } from './parameters.ts';
import type { Upsampler } from './types.ts';

/** What a file of our own training says of itself, in the metadata of safetensors. */
interface TrainedFor {
  /** Name of the upsampler. */
  method: string;
  /** Name of the backbone whose features it was trained on. */
  backbone: string;
  /** Of the features, as a decimal number. */
  channels: string;
  /** What features were multiplied by, as a decimal number. */
  featureScale: string;
}

/** Whose weights are asked for; a backbone will do. */
export type CheckpointTarget = Grid & { name: string; featureScale?: number };

/**
 * The weights of a learned upsampler from a file: of its authors, or of our own training. Names are those of the
 * authors' files, whatever stands in front of all of them (`module.`, `state_dict.model.` ...); other networks in the
 * file and what only training needs are left alone.
 *
 * @param onNote is told what the file leaves out and is taken at its initial value, and where it was trained on the same
 *   features at another scale.
 * @throws UserError naming the file and the tensors where some are missing, have another shape or belong to a larger
 *   network, or where the file says that it was trained for something else.
 */
export function readUpsamplerWeights(
  path: string,
  upsampler: Upsampler,
  target: CheckpointTarget,
  onNote?: (text: string) => void,
): Weights {
  checkMetadata(path, upsampler, target, onNote);
  const file = readWeights(path, { only: name => !name.endsWith('.num_batches_tracked') });
  const all = upsamplerParameters(upsampler, target);
  const { optional } = upsampler.checkpoint ?? {};
  const names = [...file.keys()];
  // only all together: a file that holds some of them lacks the others
  const absent = optional && !names.some(name => endings(name).some(ending => optional.test(ending)));
  const needed = absent ? all.filter(({ name }) => !optional.test(name)) : all;

  const network = `${upsampler.name} for ${target.name} (${target.channels} channels)`;
  const weights = fitWeights(file, path, network, needed, [ownNames(upsampler, all)]);
  const missing = all.filter(({ name }) => !weights.has(name));
  for (const { name, shape, initialise } of missing) {
    weights.set(name, { shape, data: initialise(shape, Random.of(0, name)) });
  }
  if (missing.length > 0) {
    const listed = missing.map(({ name }) => name).join(', ');
    onNote?.(`${path} does not hold ${listed} of ${upsampler.name}: at their initial values, as its authors load it`);
  }
  return weights;
}

/** Why a file does not hold the weights of a learned upsampler; undefined where it does. */
export function misfit(path: string, upsampler: Upsampler, target: CheckpointTarget): string | undefined {
  try {
    readUpsamplerWeights(path, upsampler, target);
    return undefined;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.message;
  }
}

/** A name and what remains of it after each of its dots: it may have a prefix. */
function endings(name: string): string[] {
  const parts = name.split('.');
  return parts.map((_, i) => parts.slice(i).join('.'));
}

/**
 * The names of its authors, which are ours. A tensor that only differs in numbers from a parameter (a further layer)
 * belongs to a larger network of the kind.
 */
function ownNames({ name, checkpoint = {} }: Upsampler, parameters: readonly { name: string }[]): Layout {
  const numberless = (text: string) => text.replace(/\d+/g, '#');
  const known = new Set(parameters.map(parameter => numberless(parameter.name)));
  const { spare, foreign } = checkpoint;
  const isOwn = (tensor: string) => (known.has(numberless(tensor)) && !spare?.test(tensor)) || foreign?.test(tensor);
  return {
    name,
    source: parameter => ({ names: [parameter] }),
    parameters: tensor => (isOwn(tensor) ? [tensor] : []),
  };
}

/** @throws UserError where a file of our own training was made for something else */
function checkMetadata(
  path: string,
  upsampler: Upsampler,
  { name: backbone, channels, featureScale }: CheckpointTarget,
  onNote?: (text: string) => void,
): void {
  const { method, ...trainedOn } = metadataOf(path);
  if (method === undefined) return;
  const { name, agnostic, checkpoint } = upsampler;
  if (method !== name && !checkpoint?.alsoReads?.includes(method)) {
    throw new UserError(
      `${path} holds a trained ${method}, not ${name}: take it as --upsampler-weights ${method}=FILE`,
    );
  }
  if (agnostic) return;
  if (trainedOn.backbone === backbone && trainedOn.channels === String(channels)) {
    const scale = trainedOn.featureScale;
    if (scale !== undefined && featureScale !== undefined && Number(scale) !== featureScale) {
      onNote?.(
        `${path} was trained on the features of ${backbone} times ${scale}, here they are times ${featureScale} ` +
          '(of a file: onnx.scale)',
      );
    }
    return;
  }
  throw new UserError(
    `${path} was trained for ${trainedOn.backbone} (${trainedOn.channels} channels), asked for is ${backbone} ` +
      `(${channels}): ${name} serves the backbone it was trained for alone${trainingAdvice(upsampler, backbone)}`,
  );
}

function metadataOf(path: string): Partial<TrainedFor> {
  const format = withFile(path, READABLE, source => weightFormat(source));
  return format === 'safetensors' ? readSafetensors(path).metadata : {};
}

/** How weights for a backbone are trained, as the end of a sentence. */
export const trainingAdvice = ({ name, trainedAs }: Upsampler, backbone: string): string =>
  trainedAs === undefined
    ? `; clickprobe has no training for ${name}`
    : `. Train one: clickprobe upsampler train ${trainedAs} --backbone ${backbone} --images DIR`;
