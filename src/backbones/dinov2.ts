import { expand, reshape } from '../graph/ops/basic.ts';
import { add, gelu, mul } from '../graph/ops/elementwise.ts';
import { concat, slice, transpose } from '../graph/ops/layout.ts';
import { resample } from '../graph/ops/linear.ts';
import type { Tensor } from '../graph/tensor.ts';
import { selfAttention } from '../nn/attention.ts';
import { ones } from '../nn/initialisers.ts';
import { layerNorm, linear, patchEmbed, toMap, toTokens } from '../nn/layers.ts';
import { bicubic } from '../nn/resize.ts';
import type { Scope } from '../nn/scope.ts';

export interface DinoV2Config {
  patch: number;
  dim: number;
  depth: number;
  heads: number;
  /** Side of the grid that the position embedding was trained on. */
  positions: number;
}

export const dinoV2Sizes = {
  'dinov2-s14': { patch: 14, dim: 384, depth: 12, heads: 6, positions: 37 },
  'dinov2-b14': { patch: 14, dim: 768, depth: 12, heads: 12, positions: 37 },
  'dinov2-l14': { patch: 14, dim: 1024, depth: 24, heads: 16, positions: 37 },
} satisfies Record<string, DinoV2Config>;

const EPSILON = 1e-6;

/**
 * DINOv2's vision transformer (Oquab et al. 2023), parameters named as in its repository: normalised patch tokens
 * [B,dim,H/patch,W/patch] of a normalised image [B,3,H,W].
 *
 * @param clicks [B,dim,H/patch,W/patch], added to the patch tokens before class token and position embedding.
 */
export function dinoV2(image: Tensor, scope: Scope, config: DinoV2Config, clicks?: Tensor): Tensor {
  const { patch, dim, depth, heads } = config;
  const patches = patchEmbed(image, scope.at('patch_embed.proj'), patch, dim);
  const [b, , h, w] = patches.shape;
  const injected = clicks ? add(patches, clicks) : patches;
  const classToken = expand(scope.get('cls_token', [1, 1, dim]), [b, 1, dim]);
  let x = add(concat([classToken, toTokens(injected)], 1), positionEmbedding(scope, config, h, w));
  for (let i = 0; i < depth; i++) x = block(x, scope.at(`blocks.${i}`), heads);
  const tokens = layerNorm(x, scope.at('norm'), EPSILON);
  return toMap(slice(tokens, 1, 1, h * w), h, w);
}

function block(x: Tensor, scope: Scope, heads: number): Tensor {
  const dim = x.shape.at(-1)!;
  const layerScale = (branch: Tensor, name: string) => mul(branch, scope.get(`${name}.gamma`, [dim], ones));
  const attended = selfAttention(layerNorm(x, scope.at('norm1'), EPSILON), scope.at('attn'), heads);
  const y = add(x, layerScale(attended, 'ls1'));
  const hidden = gelu(linear(layerNorm(y, scope.at('norm2'), EPSILON), scope.at('mlp.fc1'), 4 * dim));
  return add(y, layerScale(linear(hidden, scope.at('mlp.fc2'), dim), 'ls2'));
}

/** Position embedding [1,1+h*w,dim], its grid resized bicubically with the scale (n+.1)/grid, as the original does. */
export function positionEmbedding(scope: Scope, { dim, positions: n }: DinoV2Config, h: number, w: number): Tensor {
  const table = scope.get('pos_embed', [1, 1 + n * n, dim]);
  if (h * w === n * n && h === w) return table;
  const grid = transpose(reshape(slice(table, 1, 1, n * n), [1, n, n, dim]), [0, 3, 1, 2]);
  const resized = resample(grid, bicubic(n, h, (h + 0.1) / n), bicubic(n, w, (w + 0.1) / n));
  return concat([slice(table, 1, 0, 1), toTokens(resized)], 1);
}
