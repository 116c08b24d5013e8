import { UserError } from '../base/errors.ts';
import { type ByteSource, withFile } from './byte-source.ts';
import { onnxWeights } from './onnx-weights.ts';
import { safetensorsWeights } from './safetensors.ts';
import { shardedWeights, shardIndex } from './sharded.ts';
import { tfjsModel, tfjsWeights } from './tfjs.ts';
import { type TorchSelection, torchWeights } from './torch.ts';
import type { Weight } from './weight.ts';
import { READABLE, weightFormat } from './weight-format.ts';

/** Topologies of large models stand in the same text as their weights' places. */
const MAX_JSON = 2 ** 28;

/**
 * The tensors of a file of weights as float32, by name: safetensors, PyTorch checkpoints (see `readTorch`), ONNX
 * initializers, TensorFlow.js models and Hugging Face's indices of sharded files, told apart by their content.
 *
 * Only the tensors asked for are read. Integers and float64 are rounded to the nearest float32.
 *
 * @example readWeights('vit.pth', { nested: 'teacher', prefix: 'backbone.', only: name => !name.startsWith('head.') })
 * @throws UserError where the file is missing, damaged or of another kind, no name has the prefix, or a tensor asked for
 *   cannot be read.
 */
export function readWeights(path: string, selection: TorchSelection = {}): Map<string, Weight> {
  return withFile(path, READABLE, source => {
    if (weightFormat(source) !== 'json') return binaryWeights(source, selection);
    const json = parseJson(source);
    const index = shardIndex.safeParse(json);
    if (index.success) {
      return shardedWeights(path, index.data, selection, (shard, only) =>
        withFile(shard, `a shard of ${path}`, file => binaryWeights(file, { only, nested: selection.nested })),
      );
    }
    const model = tfjsModel.safeParse(json);
    if (model.success) {
      refuseNested(source, selection, 'a TensorFlow.js model');
      return tfjsWeights(path, model.data, selection);
    }
    const { error } = isObject(json) && 'weight_map' in json ? index : model;
    const [{ path: place, message }] = error.issues;
    throw new UserError(
      `${path} is a JSON text but neither an index of sharded files (weight_map) nor a TensorFlow.js model (weightsManifest): ${place.join('.') || 'top'}: ${message}. Expected ${READABLE}`,
    );
  });
}

function binaryWeights(source: ByteSource, selection: TorchSelection): Map<string, Weight> {
  switch (weightFormat(source)) {
    case 'torch-zip':
    case 'torch-legacy':
      return torchWeights(source, selection);
    case 'safetensors':
      refuseNested(source, selection, 'a safetensors file');
      return safetensorsWeights(source, selection);
    case 'onnx':
      refuseNested(source, selection, 'an ONNX model');
      return onnxWeights(source, selection);
    case 'json':
      throw new UserError(`${source.name} is a JSON text, expected a file that holds tensors`);
  }
}

/** Only PyTorch's files have dicts in dicts. */
function refuseNested({ name }: ByteSource, { nested }: TorchSelection, what: string): void {
  if (nested === undefined) return;
  throw new UserError(`${name} is ${what}, which holds no dict "${nested}": leave nested out, or use prefix`);
}

function parseJson(source: ByteSource): unknown {
  if (source.size > MAX_JSON) {
    throw new UserError(`${source.name} is a JSON text of ${source.size} bytes, more than the allowed ${MAX_JSON}`);
  }
  const text = Buffer.from(source.read(0, source.size).buffer).toString('utf8');
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (error) {
    throw new UserError(`${source.name} is no valid JSON (${(error as Error).message}). Get it again`, {
      cause: error,
    });
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
