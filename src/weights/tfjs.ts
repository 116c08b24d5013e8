import { dirname } from 'node:path';
import { z } from 'zod';
import { UserError } from '../base/errors.ts';
import { allocate, withFile } from './byte-source.ts';
import { DTYPES } from './dtypes.ts';
import { pathBeside } from './path-beside.ts';
import { selected, toFloat32, type Weight, type WeightSelection } from './weight.ts';

// https://github.com/tensorflow/tfjs/blob/master/tfjs-core/src/io/types.ts (WeightsManifestEntry)

const entrySchema = z.object({
  name: z.string(),
  shape: z.array(z.int().nonnegative()).max(64),
  dtype: z.string(),
  quantization: z.object({ dtype: z.string(), scale: z.number().optional(), min: z.number().optional() }).optional(),
});

/** The `model.json` of a TensorFlow.js graph or layers model. */
export const tfjsModel = z.object({
  weightsManifest: z.array(z.object({ paths: z.array(z.string()), weights: z.array(entrySchema) })),
});

interface Shard {
  path: string;
  size: number;
}

interface Placed {
  entry: z.infer<typeof entrySchema>;
  shards: Shard[];
  begin: number;
  bytes: number;
}

const STORED: Readonly<Record<string, string>> = {
  float32: 'F32',
  float16: 'F16',
  int32: 'I32',
  uint16: 'U16',
  uint8: 'U8',
  bool: 'BOOL',
};
const COMPLEX_BYTES = 8;

/**
 * The tensors asked for of a TensorFlow.js model, quantized ones (uint8, uint16, float16) as the numbers they stand
 * for. A group's tensors follow each other through its shards.
 *
 * @param path of model.json; shards are named relative to it.
 * @throws UserError where a shard is missing, outside the folder or of another size, or a type cannot be read.
 */
export function tfjsWeights(
  path: string,
  model: z.infer<typeof tfjsModel>,
  selection: WeightSelection,
): Map<string, Weight> {
  const placed = new Map<string, Placed>();
  for (const { paths, weights } of model.weightsManifest) {
    const shards = paths.map(name => {
      const shard = pathBeside(dirname(path), name, path);
      return { path: shard, size: withFile(shard, `a shard of ${path}`, ({ size }) => size) };
    });
    let begin = 0;
    for (const entry of weights) {
      if (placed.has(entry.name)) throw new UserError(`${path} holds the tensor "${entry.name}" twice`);
      const bytes = entry.shape.reduce((product, n) => product * n, elementBytes(path, entry));
      placed.set(entry.name, { entry, shards, begin, bytes });
      begin += bytes;
    }
    const size = shards.reduce((total, shard) => total + shard.size, 0);
    if (begin !== size) {
      throw new UserError(
        `${path}: its tensors take ${begin} bytes but the files ${paths.slice(0, 5).join(', ')} have ${size}. Get them again`,
      );
    }
  }
  return new Map(selected(placed, selection, path).map(([name, place]) => [name, read(path, place)]));
}

function elementBytes(path: string, { name, dtype, quantization }: Placed['entry']): number {
  const stored = quantization?.dtype ?? dtype;
  const known = Object.hasOwn(STORED, stored) ? DTYPES.get(STORED[stored])!.bytes : undefined;
  if (known !== undefined) return known;
  if (stored === 'complex64') return COMPLEX_BYTES;
  throw new UserError(
    `${path}: tensor "${name}" is of the type ${stored.slice(0, 40)}; readable are ${Object.keys(STORED).join(', ')}`,
  );
}

function read(path: string, { entry, shards, begin, bytes }: Placed): Weight {
  const { name, shape, dtype, quantization } = entry;
  const stored = quantization?.dtype ?? dtype;
  if (stored === 'complex64') throw new UserError(`${path}: tensor "${name}" is complex, expected real numbers`);
  const data = toFloat32(DTYPES.get(STORED[stored])!.decode(readAcross(path, shards, begin, bytes).buffer));
  if (quantization && stored !== 'float16') {
    const { scale = 1, min = 0 } = quantization;
    for (let i = 0; i < data.length; i++) {
      const value = data[i] * scale + min;
      data[i] = dtype === 'int32' ? Math.round(value) : value;
    }
  }
  return { shape, data };
}

/** A tensor may begin in one shard and end in another. */
function readAcross(path: string, shards: readonly Shard[], begin: number, bytes: number): Uint8Array<ArrayBuffer> {
  const out = allocate(bytes, path);
  let shardBegin = 0;
  for (const shard of shards) {
    const from = Math.max(begin, shardBegin);
    const to = Math.min(begin + bytes, shardBegin + shard.size);
    if (from < to) {
      const part = withFile(shard.path, `a shard of ${path}`, source => source.read(from - shardBegin, to - from));
      out.set(part, from - begin);
    }
    shardBegin += shard.size;
  }
  return out;
}
