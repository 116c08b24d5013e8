import { expand, reshape, sum } from '../graph/ops/basic.ts';
import { add, mul } from '../graph/ops/elementwise.ts';
import { concat, slice, transpose } from '../graph/ops/layout.ts';
import { matmul } from '../graph/ops/linear.ts';
import { softmax } from '../graph/ops/reduce.ts';
import { constant, GraphError, type Matrix, scalar, type Tensor } from '../graph/tensor.ts';
import { bands, block, cellPosition, spread } from './bands.ts';
import { colours } from './guidance.ts';
import type { Upsampler } from './types.ts';
import { unlearned } from './unlearned.ts';

export interface JbuOptions {
  /** Of distances in cells. */
  sigmaSpatial: number;
  /** Of distances of colours, Euclidean, in the guidance's units. */
  sigmaRange: number;
  /** A pixel sees the cells whose centres are nearer than this on both axes; whole cells, 2 by default. */
  radius?: number;
}

/**
 * Joint bilateral upsampling (Kopf et al. 2007) as local attention, for any ratio:
 * out[p] = sum over cells q of softmax_q(-|p - q|^2 / (2 sigmaSpatial^2) - |I[p] - I[q]|^2 / (2 sigmaRange^2)) f[q].
 *
 * The weights depend on the guidance alone: H * W * w * 2 * radius numbers, as the cells of a pixel are masked by
 * column, but cut by row. 224 px with 14x14 cells: 11 MB at radius 2, 17 MB at radius 3; 448 px with 28x28: 90 and 135.
 *
 * @param features [B,C,h,w].
 * @param guidance [B,G,H,W], of the output's size.
 * @param cells [B,G,h,w]: the guidance of every cell.
 * @returns [B,C,H,W].
 * @throws GraphError where the radius is not a positive integer or `cells` does not fit the features.
 */
export function jointBilateralUpsample(
  features: Tensor,
  guidance: Tensor,
  cells: Tensor,
  { sigmaSpatial, sigmaRange, radius = 2 }: JbuOptions,
): Tensor {
  const [b, , h, w] = features.shape;
  const [, g, height, width] = guidance.shape;
  if (!Number.isInteger(radius) || radius < 1) {
    throw new GraphError(`jbu: the radius must be a positive number of whole cells, given ${radius}`);
  }
  if (cells.shape[2] !== h || cells.shape[3] !== w) {
    throw new GraphError(`jbu: guidance of ${cells.shape[2]}x${cells.shape[3]} cells for ${h}x${w} features`);
  }
  // |a - b|^2 = |a|^2 - 2ab + |b|^2, and softmax over b does not see |a|^2
  const key = mul(cells, 1 / sigmaRange);
  const keys = concat([key, mul(sum(mul(key, key), [1]), -0.5)], 1);
  const one = expand(scalar(1), [b, 1, height, width]);
  const queries = transpose(concat([mul(guidance, 1 / sigmaRange), one], 1), [0, 2, 3, 1]);
  const down = axisLogits(height, h, radius, sigmaSpatial);
  const across = constant(axisLogits(width, w, radius, sigmaSpatial).data, [width, 1, w]);

  const parts = bands(height, h, radius).map(band => {
    const { row, rows, lowRow, lowRows } = band;
    const query = reshape(slice(queries, 1, row, rows), [b, rows * width, g + 1]);
    const likeness = matmul(query, reshape(slice(keys, 2, lowRow, lowRows), [b, g + 1, lowRows * w]));
    const vertical = constant(block(down, row, rows, lowRow, lowRows).data, [rows, 1, lowRows, 1]);
    // not `vertical + across` first: a constant as large as the weights
    const logits = add(add(reshape(likeness, [b, rows, width, lowRows, w]), vertical), across);
    return { band, weights: softmax(reshape(logits, [b, rows * width, lowRows * w])) };
  });
  return spread(features, width, parts);
}

/** What the softmax makes 0, without the NaN of infinities in gradients. */
const MASKED = -1e9;

/** Along one axis, pixels by cells: the log weight of distance, masked from `radius` on. */
function axisLogits(out: number, low: number, radius: number, sigma: number): Matrix {
  const data = new Float32Array(out * low);
  for (let i = 0; i < out; i++) {
    for (let cell = 0; cell < low; cell++) {
      const distance = Math.abs(cellPosition(i, out, low) - cell);
      data[i * low + cell] = distance < radius - 1e-6 ? -(distance ** 2) / (2 * sigma ** 2) : MASKED;
    }
  }
  return { rows: out, cols: low, data };
}

export const jbu: Upsampler = {
  name: 'jbu',
  description: 'joint bilateral upsampling: each pixel averages the cells around it that have its colour',
  source: 'Kopf et al., Joint Bilateral Upsampling, SIGGRAPH 2007',
  ...unlearned,
  upsample(features, image, size) {
    const [h, w] = features.shape.slice(2);
    return jointBilateralUpsample(features, colours(image, size), colours(image, [h, w]), {
      sigmaSpatial: 0.5,
      sigmaRange: 0.15,
    });
  },
};
