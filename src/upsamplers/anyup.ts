import { inTurn } from '../graph/in-turn.ts';
import { reshape, sum } from '../graph/ops/basic.ts';
import { mul } from '../graph/ops/elementwise.ts';
import { concat, pad, recomputed, slice, transpose } from '../graph/ops/layout.ts';
import { matmul } from '../graph/ops/linear.ts';
import { softmax } from '../graph/ops/reduce.ts';
import { constant, type Matrix, type Tensor } from '../graph/tensor.ts';
import { conv, toMap, toTokens } from '../nn/layers.ts';
import { rmsNorm, unitLength } from '../nn/norms.ts';
import type { Scope } from '../nn/scope.ts';
import { type AttentionOptions, chunks, inProjection } from './attention.ts';
import { encoder, encoderBlocks, pooled, SEQUENTIAL } from './encoder.ts';
import { localAttention, UNSEEN } from './local-attention.ts';
import { turnByFrequencies } from './positions.ts';
import type { Upsampler } from './types.ts';

interface AnyUpOptions extends AttentionOptions {
  /** Channels of queries and keys; 128 in the official weights. */
  width?: number;
  heads?: number;
  /** How far a pixel sees to each side, as a share of the map. */
  reach?: number;
  /**
   * How the ends of windows are rounded where they fall on a border between cells, up to rounding: as the original does
   * in float32, or as the definition says (for outputs of an odd multiple of 5 pixels this differs).
   */
  windows?: 'float32' | 'exact';
  /** See `unify`; true by default, as the official weights need it. */
  interleaved?: boolean;
}

/**
 * AnyUp (Wimmer et al. 2025, "AnyUp: Universal Feature Upsampling", arXiv 2510.12764): attention of pixels to the cells
 * within a tenth of the map, with keys of image and features; features of any backbone are first made alike by a layer
 * that treats all channels alike. Parameters are named as in the official checkpoints.
 *
 * @param features [B,C,h,w].
 * @param image [B,3,any,any], ImageNet-normalised.
 * @param size [H,W] of the output.
 * @returns [B,C,H,W].
 */
export function anyUp(
  features: Tensor,
  image: Tensor,
  size: readonly [number, number],
  scope: Scope,
  { width = 128, heads = 4, reach = 0.1, windows = 'float32', interleaved, ...options }: AnyUpOptions = {},
): Tensor {
  const [h, w] = features.shape.slice(2);
  const encoding = { out: width, names: SEQUENTIAL };
  const encoded = turnByFrequencies(anyUpEncoding(image, scope, width), scope.at('rope').get('freqs', [2, width]));
  const attention = scope.at('cross_decode.cross_attn');
  const projected = (map: Tensor, norm: string, part: 0 | 1) => {
    const normal = toTokens(rmsNorm(map, attention.at(norm), { axis: 1 }));
    const tokens = inProjection(normal, attention.at('attention'), part, width);
    return toMap(tokens, map.shape[2], map.shape[3]);
  };

  const pixels = pooled(encoder(encoded, scope.at('query_encoder'), encoding), size);
  const mixed = conv(pixels, scope.at('cross_decode.conv2d'), { out: width, kernel: 3, padding: 1, bias: false });

  const seen = pooled(encoder(encoded, scope.at('key_encoder'), encoding), [h, w]);
  const unified = unify(unitLength(features, 1), scope.at('key_features_encoder.0'), width, {
    interleaved,
    ...options,
  });
  const said = encoderBlocks(unified, scope.at('key_features_encoder'), encoding);
  const key = encoder(concat([seen, said], 1), scope.at('aggregation'), { ...encoding, first: 3 });

  return localAttention({
    ...options,
    queries: projected(mixed, 'norm_q', 0),
    keys: projected(key, 'norm_k', 1),
    values: features,
    heads,
    down: shareWindows(size[0], h, reach, windows),
    across: shareWindows(size[1], w, reach, windows),
    heading: 'average',
    fixed: false,
  });
}

/** What queries and keys see of the image: [B,width,H,W], before the positions. */
export const anyUpEncoding = (image: Tensor, scope: Scope, width: number): Tensor =>
  encoder(image, scope.at('image_encoder'), { out: width, names: SEQUENTIAL });

/**
 * Feature unification (section 3.2): every channel is filtered by `width` shared kernels (`basis` [width,1,k,k], zeros
 * beyond the border, divided by the number of taps inside), softmax over the kernels, mean over the channels.
 *
 * The original takes the answers, which lie channel by channel, for ones that lie kernel by kernel. So the softmax runs
 * over answers C apart. Its weights were trained with that (`interleaved`).
 *
 * @param map [B,C,h,w] of any number of channels.
 * @returns [B,width,h,w].
 */
export function unify(
  map: Tensor,
  scope: Scope,
  width: number,
  { interleaved = true, ...options }: AttentionOptions & { interleaved?: boolean } = {},
): Tensor {
  const [b, c, h, w] = map.shape;
  const kernel = 5;
  const half = (kernel - 1) / 2;
  const basis = reshape(scope.get('basis', [width, 1, kernel, kernel]), [width, kernel ** 2]);
  const inside = (i: number, size: number) => Math.min(size, i + half + 1) - Math.max(0, i - half);
  const shares = Float32Array.from({ length: h * w }, (_, i) => 1 / (inside(Math.floor(i / w), h) * inside(i % w, w)));
  const share = constant(shares, [1, 1, h * w]);
  const padded = pad(map, [
    [2, half, half],
    [3, half, half],
  ]);
  const taps = Array.from({ length: kernel ** 2 }, (_, i) => {
    const tap = slice(slice(padded, 2, Math.floor(i / kernel), h), 3, i % kernel, w);
    return reshape(mul(reshape(tap, [b, c, h * w]), share), [b, c, 1, h * w]);
  });
  const patches = concat(taps, 2);

  // `width` answers for every number of the features: some cells at a time, none held
  const { ranges } = chunks(h * w, 4 * b * c * width, options);
  let last: Tensor | undefined;
  const means = ranges.map(({ start, length }) => {
    const [part] = inTurn([slice(patches, 3, start, length)], last);
    const answers = matmul(basis, part);
    const kernelsLast = interleaved
      ? transpose(reshape(answers, [b, width, c, length]), [0, 2, 3, 1])
      : transpose(answers, [0, 1, 3, 2]);
    const likeness = softmax(recomputed(kernelsLast, part));
    last = sum(likeness, [1]);
    return last;
  });
  return mul(reshape(transpose(concat(means, 2), [0, 3, 1, 2]), [b, width, h, w]), 1 / c);
}

/** Which cells a pixel sees along an axis: those that [p - reach, p + reach] touches, p being the pixel's centre in 0..1. */
export function shareWindows(size: number, cells: number, reach: number, rounding: 'float32' | 'exact'): Matrix {
  const f = rounding === 'float32' ? Math.fround : (x: number) => x;
  const slack = rounding === 'float32' ? 0 : 1e-9;
  const within = (x: number) => Math.min(Math.max(x, 0), 1);
  const data = new Float32Array(size * cells).fill(UNSEEN);
  for (let i = 0; i < size; i++) {
    const at = f((i + 0.5) / size);
    const from = Math.floor(f(within(f(at - f(reach))) * cells) + slack);
    const end = Math.ceil(f(within(f(at + f(reach))) * cells) - slack);
    data.fill(0, i * cells + from, i * cells + end);
  }
  return { rows: size, cols: cells, data };
}

const RELEASES = 'https://github.com/wimmerth/anyup/releases/download';

export const anyUpUpsampler: Upsampler = {
  name: 'anyup',
  description: 'AnyUp: attention of pixels to the cells around them, for features of any backbone',
  source: 'Wimmer et al. 2025, arXiv 2510.12764; github.com/wimmerth/anyup',
  licence: 'CC BY 4.0',
  learned: true,
  linear: false,
  agnostic: true,
  ratio: 'any',
  trainedAs: 'anyup',
  weights: {
    any: {
      file: { url: `${RELEASES}/checkpoint_v2/anyup_multi_backbone.pth` },
      note: 'trained on DINOv2 S (with and without registers), CLIP B, SigLIP B and ViT-B',
    },
    'dinov2-s14': {
      file: { url: `${RELEASES}/checkpoint/anyup_paper.pth` },
      note: "the paper's; trained on this backbone, serves any",
    },
  },
  upsample: (features, image, size, scope, options) => anyUp(features, image, size, scope, options),
};
