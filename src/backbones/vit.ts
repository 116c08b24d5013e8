import { expand, reshape } from '../graph/ops/basic.ts';
import { add } from '../graph/ops/elementwise.ts';
import { concat, slice, transpose } from '../graph/ops/layout.ts';
import { matmul } from '../graph/ops/linear.ts';
import { count, type Tensor } from '../graph/tensor.ts';
import { projectOne, selfAttention } from '../nn/attention.ts';
import { type BlockConfig, transformerBlock } from '../nn/block.ts';
import { layerNorm, linear, patchEmbed, toMap, toTokens } from '../nn/layers.ts';
import { rotary } from '../nn/rotary.ts';
import type { Scope } from '../nn/scope.ts';
import type { PositionResize } from './positions.ts';
import type { FeatureChoice } from './types.ts';

/** A vision transformer; the fields below `heads` are what families differ in. */
export interface VitConfig extends BlockConfig {
  /** Side of a patch, in pixels. */
  patch: number;
  /** Channels of a token. */
  dim: number;
  depth: number;
  heads: number;
  /** The learnt position embedding: side of its grid, and how it is resized. Without one, positions are rotary. */
  positions?: { grid: number; resize: PositionResize };
  /** Without one where false. */
  classToken?: boolean;
  /** Tokens without a position that stand beside the class token. */
  registers?: number;
  /** CLIP's: a norm in front of the blocks, and no bias in the patch embedding. */
  preNorm?: boolean;
  /** Keys have no bias, though the file holds one for them. */
  keyBias?: boolean;
  /** Channels that features of kind `value` are projected to. */
  projection?: number;
}

/**
 * Vision transformer (Dosovitskiy et al. 2021), parameters named as in timm: features [B,C,H/patch,W/patch] of a
 * normalised image [B,3,H,W].
 *
 * @param clicks [B,dim,H/patch,W/patch], added to the patch tokens before class token and position embedding.
 * @param choice by default the output of the last block. An output goes through the final norm; keys are what the
 *   block's attention compares, with bias, channel i of head j at i * heads + j; values go through its output projection alone (no
 *   attention, residual or MLP), then through the final norm and the projection.
 */
export function vit(
  image: Tensor,
  scope: Scope,
  config: VitConfig,
  clicks?: Tensor,
  choice: FeatureChoice = {},
): Tensor {
  const { dim, depth, heads, epsilon, keyBias = true } = config;
  const { kind = 'token', block = depth } = choice;
  const { tokens, height, width } = embed(image, scope, config, clicks);
  const prefix = tokens.shape[1] - height * width;
  const rotate = config.positions ? undefined : rotary({ height, width, prefix }, dim / heads);
  const attention = (x: Tensor, at: Scope) => selfAttention(x, at, heads, { rotate, keyBias });

  let x = tokens;
  const whole = kind === 'token' ? block : block - 1;
  for (let i = 0; i < whole; i++) x = transformerBlock(x, scope.at(`blocks.${i}`), config, attention);
  const cells = slice(x, 1, prefix, height * width);
  if (kind === 'token') return toMap(layerNorm(cells, scope.at('norm'), epsilon), height, width);

  const last = scope.at(`blocks.${block - 1}`);
  const normalised = layerNorm(cells, last.at('norm1'), epsilon);
  if (kind === 'key') {
    const keys = projectOne(normalised, last.at('attn.qkv'), 1, { bias: keyBias });
    return toMap(byChannel(keys, heads), height, width);
  }
  const values = linear(projectOne(normalised, last.at('attn.qkv'), 2), last.at('attn.proj'), dim);
  return toMap(project(layerNorm(values, scope.at('norm'), epsilon), scope, config), height, width);
}

/** Patch tokens with what stands in front of them and their positions, [B,prefix+height*width,dim]. */
function embed(image: Tensor, scope: Scope, config: VitConfig, clicks?: Tensor) {
  const { patch, dim, positions, classToken = true, registers = 0, preNorm = false } = config;
  const patches = patchEmbed(image, scope.at('patch_embed.proj'), patch, dim, { bias: !preNorm });
  const [b, , height, width] = patches.shape;
  let x = toTokens(clicks ? add(patches, clicks) : patches);
  if (classToken) x = concat([expand(scope.get('cls_token', [1, 1, dim]), [b, 1, dim]), x], 1);
  if (positions) {
    const { grid, resize } = positions;
    const table = scope.get('pos_embed', [1, (classToken ? 1 : 0) + grid * grid, dim]);
    x = add(x, resize(table, grid, height, width));
  }
  if (registers > 0) {
    const extra = expand(scope.get('register_tokens', [1, registers, dim]), [b, registers, dim]);
    x = concat([slice(x, 1, 0, 1), extra, slice(x, 1, 1, height * width)], 1);
  }
  return { tokens: preNorm ? layerNorm(x, scope.at('norm_pre'), config.epsilon) : x, height, width };
}

function project(x: Tensor, scope: Scope, { dim, projection }: VitConfig): Tensor {
  if (projection === undefined) return x;
  const rows = reshape(x, [count(x.shape) / dim, dim]);
  const y = matmul(rows, scope.get('proj', [dim, projection]));
  return reshape(y, [...x.shape.slice(0, -1), projection]);
}

/** Channels [..., head after head] -> [..., the first of every head, the second of every head, ...]. */
function byChannel(x: Tensor, heads: number): Tensor {
  const [b, n, dim] = x.shape;
  return reshape(transpose(reshape(x, [b, n, heads, dim / heads]), [0, 1, 3, 2]), x.shape);
}
