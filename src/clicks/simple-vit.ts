import { reshape } from '../graph/ops/basic.ts';
import { add, gelu } from '../graph/ops/elementwise.ts';
import { transpose } from '../graph/ops/layout.ts';
import { constant, GraphError, type Tensor } from '../graph/tensor.ts';
import { attend, mergeHeads, splitHeads } from '../nn/attention.ts';
import { layerNorm, linear, toMap } from '../nn/layers.ts';
import type { Scope } from '../nn/scope.ts';

export interface SimpleVitOptions {
  depth: number;
  heads: number;
  /** Channels of a head. */
  headSize: number;
  /** Inner width of the MLPs. */
  mlp: number;
}

const EPSILON = 1e-5;

/**
 * A small vision transformer on click maps: pixels of patches through LayerNorm, a linear layer and LayerNorm, fixed
 * sine and cosine positions, pre-norm blocks, LayerNorm (Beyer et al. 2022, "Better plain ViT baselines for ImageNet-1k",
 * arXiv 2205.01580, without class token). Parameters are named as in the vit-pytorch package.
 *
 * @param maps [B,C,H,W]; H and W multiples of `patch`.
 * @returns [B,dim,H/patch,W/patch].
 */
export function simpleVit(maps: Tensor, scope: Scope, patch: number, dim: number, options: SimpleVitOptions): Tensor {
  const [b, c, height, width] = maps.shape;
  const [h, w] = [height / patch, width / patch];
  const pixels = transpose(reshape(maps, [b, c, h, patch, w, patch]), [0, 2, 4, 3, 5, 1]);
  const patches = reshape(pixels, [b, h * w, patch * patch * c]);
  const embedding = scope.at('to_patch_embedding');
  const embedded = linear(layerNorm(patches, embedding.at('1'), EPSILON), embedding.at('2'), dim);
  let x = add(layerNorm(embedded, embedding.at('3'), EPSILON), sineCosinePositions(h, w, dim));
  const transformer = scope.at('transformer');
  for (let i = 0; i < options.depth; i++) x = block(x, transformer.at(`layers.${i}`), options);
  return toMap(layerNorm(x, transformer.at('norm'), EPSILON), h, w);
}

function block(x: Tensor, scope: Scope, { heads, headSize, mlp }: SimpleVitOptions): Tensor {
  const dim = x.shape.at(-1)!;
  const attention = scope.at('0');
  const normal = layerNorm(x, attention.at('norm'), EPSILON);
  const qkv = linear(normal, attention.at('to_qkv'), 3 * heads * headSize, { bias: false });
  const attended = mergeHeads(attend(...splitHeads(qkv, heads)));
  const y = add(x, linear(attended, attention.at('to_out'), dim, { bias: false }));
  const net = scope.at('1.net');
  const hidden = gelu(linear(layerNorm(y, net.at('0'), EPSILON), net.at('1'), mlp));
  return add(y, linear(hidden, net.at('3'), dim));
}

/** Positions [h*w,dim]: sine and cosine of x, then of y, at dim/4 frequencies from 1 to 1/10000. */
export function sineCosinePositions(h: number, w: number, dim: number): Tensor {
  if (dim % 4 !== 0 || dim < 8) {
    throw new GraphError(`simple-vit: positions need a multiple of 4 channels, 8 or more, given ${dim}`);
  }
  const n = dim / 4;
  const data = new Float32Array(h * w * dim);
  for (let i = 0; i < h * w; i++) {
    for (let k = 0; k < n; k++) {
      const frequency = Math.fround(10000 ** -(k / (n - 1)));
      const [x, y] = [(i % w) * frequency, Math.floor(i / w) * frequency];
      data[i * dim + k] = Math.sin(x);
      data[i * dim + n + k] = Math.cos(x);
      data[i * dim + 2 * n + k] = Math.sin(y);
      data[i * dim + 3 * n + k] = Math.cos(y);
    }
  }
  return constant(data, [h * w, dim]);
}
