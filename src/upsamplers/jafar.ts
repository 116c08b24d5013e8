import { reshape } from '../graph/ops/basic.ts';
import { add, mul } from '../graph/ops/elementwise.ts';
import { groupNormalise } from '../graph/ops/reduce.ts';
import type { Tensor } from '../graph/tensor.ts';
import { conv, toTokens } from '../nn/layers.ts';
import { rmsNorm, unitLength } from '../nn/norms.ts';
import type { Scope } from '../nn/scope.ts';
import { type AttentionOptions, averagedAttention, inProjection, toHeads } from './attention.ts';
import { encoder, pooled } from './encoder.ts';
import { turnByFrequencies } from './positions.ts';
import type { Upsampler } from './types.ts';

interface JafarOptions extends AttentionOptions {
  /** Channels of queries and keys; 128 in the official weights. */
  width?: number;
  heads?: number;
  /** Side of the image encoder's first kernel. */
  kernel?: number;
}

/**
 * JAFAR (Couairon et al. 2025, "JAFAR: Jack up Any Feature at Any Resolution", arXiv 2506.11136): global attention of
 * pixels to cells; keys come from the image, scaled and shifted by what the features say. The weights are positive and
 * sum to 1, and are applied to the features themselves. Parameters are named as in the official checkpoints.
 *
 * @param features [B,C,h,w].
 * @param image [B,3,any,any], ImageNet-normalised.
 * @param size [H,W] of the output.
 * @returns [B,C,H,W].
 */
export function jafar(
  features: Tensor,
  image: Tensor,
  size: readonly [number, number],
  scope: Scope,
  { width = 128, heads = 4, kernel = 1, ...options }: JafarOptions = {},
): Tensor {
  const [b, c, h, w] = features.shape;
  const encoded = turnByFrequencies(
    encoder(image, scope.at('image_encoder'), { out: width, first: kernel }),
    scope.at('rope').get('freqs', [2, width]),
  );
  const attention = scope.at('cross_decode.cross_attn');
  const projection = { joint: c === width };

  const pixels = groupNormalise(pooled(encoder(encoded, scope.at('query_encoder'), { out: width }), size), 8, 1e-5);
  const mixed = conv(pixels, scope.at('cross_decode.conv2d'), { out: width, kernel: 3, padding: 1, bias: false });
  const query = toTokens(rmsNorm(mixed, attention.at('norm_q'), { axis: 1 }));
  const queries = toHeads(inProjection(query, attention.at('attention'), 0, width, projection), heads);

  const seen = pooled(encoder(encoded, scope.at('key_encoder'), { out: width }), [h, w]);
  const said = encoder(unitLength(features, 1), scope.at('key_features_encoder'), { out: width });
  const from = (name: string) => conv(said, scope.at(`sft_key.${name}`), { out: width, kernel: 1, bias: false });
  const modulated = add(mul(from('gamma'), groupNormalise(seen, 8, 1e-5)), from('beta'));
  const key = toTokens(rmsNorm(modulated, attention.at('norm_k'), { axis: 1 }));
  const keys = toHeads(inProjection(key, attention.at('attention'), 1, width, projection), heads);

  const values = reshape(features, [b, c, h * w]);
  return reshape(averagedAttention(queries, keys, values, { ...options, width: size[1] }), [b, c, ...size]);
}

const release = (backbone: string) => ({
  file: { url: `https://github.com/PaulCouairon/JAFAR/releases/download/Weights/${backbone}.pth` },
});

export const jafarUpsampler: Upsampler = {
  name: 'jafar',
  description: 'JAFAR: attention of pixels to all cells, their keys made of image and features',
  source: 'Couairon et al. 2025, arXiv 2506.11136; github.com/PaulCouairon/JAFAR',
  licence: 'Apache-2.0',
  learned: true,
  linear: false,
  agnostic: false,
  ratio: 'any',
  trainedAs: 'jafar',
  weights: {
    'dinov2-s14': release('vit_small_patch14_dinov2.lvd142m'),
    'dinov2-b14': release('vit_base_patch14_dinov2.lvd142m'),
    'dinov2-s14-reg': release('vit_small_patch14_reg4_dinov2'),
    'dinov3-s16': release('vit_small_patch16_dinov3.lvd1689m'),
    'dinov3-s16plus': release('vit_small_plus_patch16_dinov3.lvd1689m'),
    'dinov3-b16': release('vit_base_patch16_dinov3.lvd1689m'),
    'dinov3-l16': release('vit_large_patch16_dinov3.lvd1689m'),
    'dino-b16': release('vit_base_patch16_224.dino'),
    'vit-b16': release('vit_base_patch16_224'),
    'clip-b16': { ...release('vit_base_patch16_clip_384'), note: 'of CLIP at 384 px' },
    'siglip2-b16': { ...release('vit_base_patch16_siglip_512.v2_webli'), note: 'of SigLIP 2 at 512 px' },
  },
  upsample: (features, image, size, scope, options) => jafar(features, image, size, scope, options),
};
