import { UserError } from '../base/errors.ts';
import type { StoredTensor } from './dtypes.ts';
import { readSafetensors } from './safetensors.ts';

interface Weight {
  shape: number[];
  data: Float32Array;
}

interface Dimensions {
  /** Side of a patch, in pixels. */
  patch: number;
  /** Channels of a token. */
  dim: number;
  /** Number of blocks. */
  depth: number;
  /** Side of the grid of the position embedding. */
  positions: number;
}

/** A parameter, and what Hugging Face's transformers call it: several names where one is cut up there along the first axis. */
interface Parameter {
  name: string;
  shape: number[];
  huggingFace: string[];
}

/**
 * The weights of a DINOv2 vision transformer without registers, from a safetensors file (F32, F16 or BF16) in the names
 * of the original repository (as timm has them too) or of Hugging Face's transformers.
 *
 * @returns parameters in the original's names; `attn.qkv` [3*dim,dim] holds q, k and v, one after the other.
 * @throws UserError naming the file and the tensor where one is missing, has another shape or does not belong there.
 */
export function dinoV2Weights(path: string, dimensions: Dimensions): Map<string, Weight> {
  const { tensors } = readSafetensors(path);
  const huggingFace = tensors.has('embeddings.cls_token');
  if (!huggingFace && !tensors.has('cls_token')) {
    throw new UserError(
      `${path} holds no DINOv2 vision transformer: expected a tensor "cls_token" (original names) or "embeddings.cls_token" (Hugging Face's), found ${listed([...tensors.keys()])}`,
    );
  }
  // learned for masked training only
  const unused = new Set(tensors.keys());
  unused.delete(huggingFace ? 'embeddings.mask_token' : 'mask_token');

  const weights = new Map<string, Weight>();
  for (const { name, shape, huggingFace: names } of parameters(dimensions)) {
    const sources = huggingFace ? names : [name];
    const part = [shape[0] / sources.length, ...shape.slice(1)];
    const parts = sources.map(source => {
      unused.delete(source);
      return checked(path, source, tensors.get(source), part);
    });
    weights.set(name, { shape, data: parts.length === 1 ? parts[0] : joined(parts) });
  }
  if (unused.size > 0) {
    throw new UserError(
      `${path} holds tensors that the chosen DINOv2 does not have: ${listed([...unused])}. ${OTHER_MODEL}`,
    );
  }
  return weights;
}

const OTHER_MODEL = 'Is it the file of another model or size?';

function parameters({ patch, dim, depth, positions }: Dimensions): Parameter[] {
  const all: Parameter[] = [];
  const add = (name: string, shape: number[], ...huggingFace: string[]) => all.push({ name, shape, huggingFace });
  const layer = (name: string, shape: number[], ...huggingFace: string[]) => {
    add(`${name}.weight`, shape, ...huggingFace.map(n => `${n}.weight`));
    add(`${name}.bias`, [shape[0]], ...huggingFace.map(n => `${n}.bias`));
  };
  add('cls_token', [1, 1, dim], 'embeddings.cls_token');
  add('pos_embed', [1, 1 + positions * positions, dim], 'embeddings.position_embeddings');
  layer('patch_embed.proj', [dim, 3, patch, patch], 'embeddings.patch_embeddings.projection');
  for (let i = 0; i < depth; i++) {
    const [block, theirs] = [`blocks.${i}`, `encoder.layer.${i}`];
    layer(`${block}.norm1`, [dim], `${theirs}.norm1`);
    const attention = ['query', 'key', 'value'].map(part => `${theirs}.attention.attention.${part}`);
    layer(`${block}.attn.qkv`, [3 * dim, dim], ...attention);
    layer(`${block}.attn.proj`, [dim, dim], `${theirs}.attention.output.dense`);
    add(`${block}.ls1.gamma`, [dim], `${theirs}.layer_scale1.lambda1`);
    layer(`${block}.norm2`, [dim], `${theirs}.norm2`);
    layer(`${block}.mlp.fc1`, [4 * dim, dim], `${theirs}.mlp.fc1`);
    layer(`${block}.mlp.fc2`, [dim, 4 * dim], `${theirs}.mlp.fc2`);
    add(`${block}.ls2.gamma`, [dim], `${theirs}.layer_scale2.lambda1`);
  }
  layer('norm', [dim], 'layernorm');
  return all;
}

function checked(path: string, name: string, found: StoredTensor | undefined, shape: readonly number[]): Float32Array {
  if (found?.data instanceof Float32Array && String(found.shape) === String(shape)) return found.data;
  const given = found ? `${found.dtype} [${found.shape}]` : 'nothing';
  throw new UserError(
    `${path}: tensor "${name}" should be F32, F16 or BF16 of shape [${shape}], found ${given}. ${OTHER_MODEL}`,
  );
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const listed = (names: readonly string[]): string =>
  names.length === 0 ? 'none' : names.slice(0, 5).join(', ') + (names.length > 5 ? `, ... (${names.length})` : '');
