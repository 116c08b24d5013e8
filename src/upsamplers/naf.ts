import { concat } from '../graph/ops/layout.ts';
import { resample } from '../graph/ops/linear.ts';
import { GraphError, type Matrix, type Tensor } from '../graph/tensor.ts';
import { bilinear } from '../nn/resize.ts';
import type { Scope } from '../nn/scope.ts';
import type { AttentionOptions } from './attention.ts';
import { encoder, pooled } from './encoder.ts';
import { localAttention, UNSEEN } from './local-attention.ts';
import { turnByPeriods } from './positions.ts';
import type { Upsampler } from './types.ts';

interface NafOptions extends AttentionOptions {
  /** Channels of queries and keys; 256 in the official weights. */
  width?: number;
  /** Each weighs its share of the features' channels. */
  heads?: number;
  /** Heads of the rotary positions. */
  rotaryHeads?: number;
  /** Cells along the side of a window; odd. */
  kernel?: number;
}

/**
 * NAF (Chambon et al. 2025, "NAF: Zero-Shot Feature Upsampling via Neighborhood Attention Filtering", arXiv 2511.18452):
 * every pixel is a weighted mean of 9x9 cells, the weights from the image alone, one set for each quarter of the
 * channels. Parameters are named as in the official checkpoint.
 *
 * @param features [B,C,h,w], C a multiple of the heads.
 * @param image [B,3,any,any], ImageNet-normalised.
 * @param size [H,W] of the output.
 * @returns [B,C,H,W].
 * @throws GraphError where the heads do not divide the channels or the features have fewer cells than the window.
 */
export function naf(
  features: Tensor,
  image: Tensor,
  size: readonly [number, number],
  scope: Scope,
  { width = 256, heads = 4, rotaryHeads = 4, kernel = 9, ...options }: NafOptions = {},
): Tensor {
  const [, c, h, w] = features.shape;
  if (c % heads !== 0) throw new GraphError(`naf: needs channels in ${heads} equal groups, given ${c}`);
  const queries = nafQueries(image, size, scope, width, rotaryHeads);
  return localAttention({
    ...options,
    queries,
    keys: pooled(queries, [h, w]),
    values: features,
    heads,
    down: neighbours(size[0], h, kernel),
    across: neighbours(size[1], w, kernel),
    heading: 'groups',
    fixed: true,
  });
}

/** What pixels ask for: [B,width,H,W], with rotary positions. */
export function nafQueries(
  image: Tensor,
  size: readonly [number, number],
  scope: Scope,
  width: number,
  rotaryHeads: number,
): Tensor {
  const own = scope.at('image_encoder');
  const seen = notTooLarge(image, size);
  const halves = [
    encoder(seen, own.at('encoder'), { out: width / 2, bias: true, residual: false }),
    encoder(seen, own.at('sem_encoder'), { out: width / 2, first: 3, kernel: 3, bias: true, residual: false }),
  ];
  const periods = own.at('rope').get('periods', [width / rotaryHeads / 4]);
  return turnByPeriods(pooled(concat(halves, 1), size), periods, rotaryHeads);
}

/** An image of more than four times the output's size is made smaller: to four times its shorter side, as the original does. */
function notTooLarge(image: Tensor, [height, width]: readonly [number, number]): Tensor {
  const [h, w] = image.shape.slice(2);
  if (h <= 4 * height && w <= 4 * width) return image;
  const side = 4 * Math.min(height, width);
  const axis = (from: number) => (from > side ? bilinear(from, side, { alignCorners: false }) : undefined);
  return resample(image, axis(h), axis(w));
}

/**
 * The neighbourhood of every pixel along an axis, as logs of how often it holds each cell. With d = floor(size / cells),
 * it is `kernel` pixels d apart around the pixel, moved inwards at borders (Hassani & Shi 2022, "Dilated Neighborhood
 * Attention Transformer"), each standing for the cell that nearest interpolation gives it.
 *
 * @throws GraphError where the kernel does not fit into the axis.
 */
export function neighbours(size: number, cells: number, kernel: number): Matrix {
  const dilation = Math.floor(size / cells);
  if (dilation < 1 || kernel * dilation > size) {
    throw new GraphError(
      `naf: windows of ${kernel} cells need as many cells along each side and no fewer pixels than cells, ` +
        `given ${cells} cells and ${size} pixels`,
    );
  }
  const scale = Math.fround(cells / size);
  const counts = new Float32Array(size * cells);
  for (let i = 0; i < size; i++) {
    const phase = i % dilation;
    const length = Math.ceil((size - phase) / dilation);
    const first = Math.min(Math.max(0, Math.floor(i / dilation) - (kernel - 1) / 2), length - kernel);
    for (let tap = 0; tap < kernel; tap++) {
      const pixel = phase + dilation * (first + tap);
      counts[i * cells + Math.min(cells - 1, Math.floor(Math.fround(Math.fround(pixel + 0.5) * scale)))]++;
    }
  }
  return { rows: size, cols: cells, data: counts.map(n => (n > 0 ? Math.log(n) : UNSEEN)) };
}

export const nafUpsampler: Upsampler = {
  name: 'naf',
  description: 'NAF: each pixel averages the 9x9 cells around it, by weights from the image alone',
  source: 'Chambon et al. 2025, arXiv 2511.18452; github.com/valeoai/NAF',
  licence: 'Apache-2.0',
  learned: true,
  // one kernel for every quarter of the channels
  linear: false,
  agnostic: true,
  ratio: 'any',
  trainedAs: 'naf',
  weights: {
    any: {
      file: { url: 'https://github.com/valeoai/NAF/releases/download/model/naf_release.pth' },
      note: 'for channels that are a multiple of 4 and at least 9x9 cells',
    },
  },
  upsample: (features, image, size, scope, options) => naf(features, image, size, scope, options),
};
