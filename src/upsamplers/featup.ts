import { expand, reshape, sum } from '../graph/ops/basic.ts';
import { add, clamp, div, exp, gelu, maximum, mul } from '../graph/ops/elementwise.ts';
import { concat, slice, transpose } from '../graph/ops/layout.ts';
import { matmul, resample } from '../graph/ops/linear.ts';
import { softmax } from '../graph/ops/reduce.ts';
import { constant, GraphError, type Matrix, type Tensor } from '../graph/tensor.ts';
import { ones } from '../nn/initialisers.ts';
import { channelNorm, conv } from '../nn/layers.ts';
import { adaptiveAverage, bicubic, bilinear, reflectPad } from '../nn/resize.ts';
import type { Scope } from '../nn/scope.ts';
import { resampleInBlocks } from './bands.ts';
import { doublingsUpTo } from './doubling.ts';
import { neighbours, tapsOf } from './taps.ts';
import { spreadTiles, type Tiling, tapTiles } from './tiles.ts';
import type { PublishedWeights, Upsampler } from './types.ts';

interface StageOptions {
  /** Of the keys of colours. */
  keys?: number;
  /** Of the square window, in pixels of the stage's output. */
  radius?: number;
}

interface StageKernels {
  /** [B,rows,W,k*k], k = 2*radius+1. */
  kernels: Tensor;
  /** Their likeness [B,rows*W,k*k]. */
  range: Tensor;
  /** Their distance [k*k]. */
  spatial: Tensor;
}

/**
 * The kernels of one FeatUp stage from the guidance [B,G,H,W], which has the size of the stage's output. A pixel's
 * weights depend on the likeness of learned keys of colours and on distance, and need not sum to 1.
 *
 * @returns makes those of some rows.
 * @throws GraphError where the window reaches across the whole map.
 */
export function stageKernels(
  guidance: Tensor,
  scope: Scope,
  { keys = 32, radius = 3 }: StageOptions = {},
): (row: number, rows: number) => StageKernels {
  const [b, , height, width] = guidance.shape;
  const k = 2 * radius + 1;
  if (radius >= height || radius >= width) {
    throw new GraphError(`featup: a window of ${k}x${k} pixels needs a map of more than ${radius} a side`);
  }
  const places = Array.from({ length: k }, (_, i) => i / radius - 1);
  const squares = Float32Array.from(places.flatMap(y => places.map(x => y ** 2 + x ** 2)));
  const sigma = scope.get('sigma_spatial', [], ones);
  const spatial = exp(div(mul(constant(squares, [k * k]), -0.5), mul(sigma, sigma)));
  const temperature = clamp(exp(scope.get('range_temp', [])), 1e-4, 1e4);
  const padded = resample(guidance, reflectPad(height, radius), reflectPad(width, radius));

  return (row, rows) => {
    const strip = slice(padded, 2, row, rows + 2 * radius);
    const hidden = gelu(conv(strip, scope.at('range_proj.0'), { out: keys, kernel: 1 }));
    const key = conv(hidden, scope.at('range_proj.3'), { out: keys, kernel: 1 });
    const centre = reshape(slice(slice(key, 2, radius, rows), 3, radius, width), [b, keys, 1, rows, width]);
    const products = neighbours(key, k, [1, 1], [rows, width]).map(each => sum(mul(each, centre), [1]));
    const byPixel = transpose(tapsOf(products), [0, 2, 3, 1]);
    const range = softmax(mul(reshape(byPixel, [b, rows * width, k * k]), temperature));

    const product = mul(range, spatial);
    const combined = div(product, maximum(sum(product, [2]), 1e-7));
    const own = slice(guidance, 2, row, rows);
    const colours = transpose(reshape(own, [b, own.shape[1], rows * width]), [0, 2, 1]);
    const inner = gelu(pointwise(concat([combined, colours], 2), scope.at('fixup_proj.0'), k * k));
    const kernels = add(combined, mul(pointwise(inner, scope.at('fixup_proj.3'), k * k), 0.1));
    return { kernels: reshape(kernels, [b, rows, width, k * k]), range, spatial };
  };
}

/** A 1x1 convolution of pixels [B,N,C], channels last. */
function pointwise(x: Tensor, scope: Scope, out: number): Tensor {
  const [b, n, c] = x.shape;
  const weight = reshape(scope.get('weight', [out, c, 1, 1]), [out, c]);
  const y = matmul(reshape(x, [b * n, c]), weight, { transB: true });
  return reshape(add(y, scope.get('bias', [out])), [b, n, out]);
}

/** A window of 7x7 taps on a map of twice the size, itself bicubic, reaches three cells. */
const TILING: Tiling = { cells: 4, reach: 3, factor: [2, 2] };

/**
 * One stage of the stack, features [B,C,h,w] -> [B,C,2h,2w]: enlarged bicubically, then filtered by the stage's kernels
 * with reflecting borders; one linear map, done tile by tile. Its weights are 100 numbers per output pixel.
 *
 * @param guidance [B,G,2h,2w].
 */
export function jbuStage(features: Tensor, guidance: Tensor, scope: Scope): Tensor {
  const [h, w] = features.shape.slice(2);
  const made = stageKernels(guidance, scope);
  const kernels = (row: number, rows: number) => made(row, rows).kernels;
  return spreadTiles(features, tapTiles(kernels, bicubicTaps(h), bicubicTaps(w), TILING), TILING);
}

/** What the taps of a kernel on the enlarged axis take from each cell: [2*size*k, size]. */
function bicubicTaps(size: number): Matrix {
  const k = 7;
  const enlarged = bicubic(size, 2 * size).data;
  const padded = reflectPad(2 * size, (k - 1) / 2).data;
  const data = new Float32Array(2 * size * k * size);
  for (let i = 0; i < 2 * size; i++) {
    for (let tap = 0; tap < k; tap++) {
      const from = padded.subarray((i + tap) * 2 * size, (i + tap + 1) * 2 * size).indexOf(1);
      data.set(enlarged.subarray(from * size, (from + 1) * size), (i * k + tap) * size);
    }
  }
  return { rows: 2 * size * k, cols: size, data };
}

export interface FeatUpOptions {
  /** LayerNorm of the features over their channels before the stack. */
  norm: boolean;
  /** The last 1x1, which mixes the channels of the one backbone it was trained for. */
  mixing: boolean;
  /** Stages of x2; 4 by default, as many as the official weights hold. */
  stages?: number;
  /** What the stack's output is brought to bilinearly, corners aligned. Its own size by default. */
  size?: readonly [number, number];
  /** Where the weights of all cells at all pixels take less, they are computed and kept instead of those of stages. */
  keepBytes?: number;
}

/** 224 px with 14x14 cells take 39 MB, with 16x16 cells 51 MB; 448 px with 28x28 cells 629 MB. */
const KEEP_BYTES = 64e6;

/**
 * FeatUp's stack of learned joint bilateral filters (Fu et al. 2024, "FeatUp: A Model-Agnostic Framework for Features at
 * Any Resolution", section 3.2, arXiv 2403.10516), x16 in four stages, dropout off. Parameters are named as in the
 * official checkpoints: `upsampler.up1.range_proj.0.weight`, `model.1.norm.weight` ...
 *
 * All but the norm is linear in the features, with weights from the image alone. Small maps take them for the whole
 * stack at once, as one matrix product: H*W*h*w numbers. Larger ones go through the stages: 100 numbers per pixel of
 * every stage, 27 MB for 224 px and 140 MB for 512 px, and windows of 32 MB at a time.
 *
 * @param features [B,C,h,w].
 * @param image [B,3,H,W], ImageNet-normalised.
 * @returns [B, C, h*2^stages, w*2^stages], or of `size`.
 */
export function featUp(features: Tensor, image: Tensor, scope: Scope, options: FeatUpOptions): Tensor {
  const { norm, mixing, stages = 4, keepBytes = KEEP_BYTES } = options;
  const [b, c, h, w] = features.shape;
  const stack = scope.at('upsampler');
  const size = options.size ?? [h * 2 ** stages, w * 2 ** stages];
  const normalised = norm ? channelNorm(features, scope.at('model.1.norm'), 1e-5) : features;

  // the 1x1 and the filters work on different axes: at low resolution it is a hundred times cheaper
  const projection = stack.at('fixup_proj.1');
  const low = mixing
    ? add(normalised, mul(conv(normalised, projection, { out: c, kernel: 1, bias: false }), 0.1))
    : normalised;

  const whole = b * size[0] * size[1] * h * w * 4 <= keepBytes;
  const out = whole ? byWeights(low, image, stack, stages, size) : sized(filtered(low, image, stack, stages), size);
  return mixing ? add(out, mul(reshape(projection.get('bias', [c]), [1, c, 1, 1]), 0.1)) : out;
}

/** The stack's stages `up1`, `up2` ... */
function filtered(features: Tensor, image: Tensor, scope: Scope, stages: number): Tensor {
  let x = features;
  for (let i = 1; i <= stages; i++) {
    const [h, w] = x.shape.slice(2).map(n => 2 * n);
    const guidance = resample(image, adaptiveAverage(image.shape[2], h), adaptiveAverage(image.shape[3], w));
    x = jbuStage(x, guidance, scope.at(`up${i}`));
  }
  return x;
}

/** The stack by its answers to single cells, which are the weights of all features. */
function byWeights(
  features: Tensor,
  image: Tensor,
  scope: Scope,
  stages: number,
  size: readonly [number, number],
): Tensor {
  const [b, c, h, w] = features.shape;
  const cells = h * w;
  const data = new Float32Array(cells * cells);
  for (let i = 0; i < cells; i++) data[i * cells + i] = 1;
  const spots = expand(constant(data, [1, cells, h, w]), [b, cells, h, w]);
  const weights = sized(filtered(spots, image, scope, stages), size);
  const out = matmul(reshape(features, [b, c, cells]), reshape(weights, [b, cells, size[0] * size[1]]));
  return reshape(out, [b, c, ...size]);
}

function sized(map: Tensor, [height, width]: readonly [number, number]): Tensor {
  const [h, w] = map.shape.slice(2);
  if (h === height && w === width) return map;
  const aligned = { alignCorners: true };
  return resampleInBlocks(map, bilinear(h, height, aligned), bilinear(w, width, aligned));
}

/** Names of our backbones and of the checkpoints that were trained on them. */
const CHECKPOINTS = {
  'dinov2-s14': 'dinov2',
  'dino-s16': 'dino16',
  'vit-s16': 'vit',
  'clip-b16': 'clip',
  'maskclip-b16': 'maskclip',
};
const FOLDER = 'https://marhamilresearch4.blob.core.windows.net/feature-upsampling-public/pretrained/';

const checkpoints = (folder: string): Record<string, PublishedWeights> =>
  Object.fromEntries(
    Object.entries(CHECKPOINTS).map(([backbone, name]) => {
      return [backbone, { file: { url: `${FOLDER}${folder}${name}_jbu_stack_cocostuff.ckpt` } }];
    }),
  );

const record = (options: FeatUpOptions) => ({
  source: 'Fu et al. 2024, arXiv 2403.10516; github.com/mhamilton723/FeatUp',
  licence: 'MIT',
  learned: true,
  ratio: 'powers of 2' as const,
  upsample(features: Tensor, image: Tensor, size: readonly [number, number], scope: Scope): Tensor {
    const [h, w] = features.shape.slice(2);
    const stages = Math.min(4, doublingsUpTo([h, w], size));
    if (stages === 0) return features;
    const own = [h, w].map((cells, i) => Math.min(cells * 2 ** stages, size[i])) as [number, number];
    return featUp(features, image, scope, { ...options, stages, size: own });
  },
});

const NORM = /^model\.1\.norm\./;
const STAGES = /^upsampler\.up[2-4]\./;

/** As the hub model: with the norm. What it gives beyond the size asked for is brought to it, as the benchmark does. */
export const featUpJbu: Upsampler = {
  ...record({ norm: true, mixing: true }),
  name: 'featup',
  description: 'FeatUp-JBU: a norm of the features, four learned joint bilateral filters of x2, a 1x1',
  linear: false,
  agnostic: false,
  trainedAs: 'featup',
  weights: Object.fromEntries(
    Object.entries(checkpoints('')).map(([backbone, file]) => [
      backbone,
      { ...file, note: "where the file does not hold the norm's weight and bias, they are 1 and 0" },
    ]),
  ),
  // as its authors' loader has it
  checkpoint: { optional: NORM, spare: STAGES },
};

export const featUpNoNorm: Upsampler = {
  ...record({ norm: false, mixing: true }),
  name: 'featup-no-norm',
  description: 'FeatUp-JBU trained without the norm',
  linear: false,
  agnostic: false,
  trainedAs: 'featup-no-norm',
  weights: checkpoints('no_norm/'),
  checkpoint: { spare: STAGES, foreign: NORM },
};

/** Its learned kernels see the image alone, so those of any checkpoint serve any backbone. */
export const featUpKernels: Upsampler = {
  ...record({ norm: false, mixing: false }),
  name: 'featup-kernels',
  description: "FeatUp-JBU's filters alone, without norm and 1x1, which belong to one backbone",
  linear: true,
  agnostic: true,
  trainedAs: 'featup-kernels',
  weights: { any: { ...checkpoints('no_norm/')['dinov2-s14'], note: 'or the file of any other backbone' } },
  checkpoint: { spare: STAGES, alsoReads: ['featup', 'featup-no-norm'] },
};
