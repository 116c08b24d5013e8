import { reshape, sum } from '../graph/ops/basic.ts';
import { abs, add, mul, sub } from '../graph/ops/elementwise.ts';
import { slice, transpose } from '../graph/ops/layout.ts';
import { matmul, resample } from '../graph/ops/linear.ts';
import { softmax } from '../graph/ops/reduce.ts';
import { constant, GraphError, type Tensor } from '../graph/tensor.ts';
import { bilinear, reflectPad } from '../nn/resize.ts';
import { type Band, bands, spread } from './bands.ts';
import { colours } from './guidance.ts';
import { neighbours, tapsOf } from './taps.ts';
import type { Upsampler } from './types.ts';
import { unlearned } from './unlearned.ts';

export interface JointBilateralOptions {
  /** Taps along a side; odd. */
  kernelSize: number;
  /** Of the summed absolute differences of the guidance's channels, in its units. */
  sigmaColor: number;
  /** In taps. */
  sigmaSpatial: number;
  /** Pixels of the working grid between two taps, down and across; 1 by default. */
  dilation?: readonly [number, number];
  /** Working grid pixels per cell of the features; without it the filter works at the output's size. */
  factor?: number;
}

/**
 * Joint bilateral filter (Petschnigg et al., Eisemann & Durand 2004) as an upsampler: features are brought to the
 * working grid bilinearly (corners not aligned), averaged there over taps weighted by distance and by likeness of the
 * guidance (reflecting borders), then brought to `out` bilinearly.
 *
 * Filter and first upsampling are one linear map, whose weights come from the guidance alone. They are H * W * w * 2r
 * numbers for a grid [H,W], r being 1 + the cells (rounded up) that the kernel reaches to one side: with r = 2 11 MB for
 * 224 px and 14x14 cells, 90 MB for 448 px and 28x28.
 *
 * @param features [B,C,h,w].
 * @param guidance [B,G,any,any], brought to the working grid bilinearly.
 * @param out [H',W'].
 * @throws GraphError for an even kernel, or one that reaches across the whole grid.
 */
export function jointBilateral(
  features: Tensor,
  guidance: Tensor,
  out: readonly [number, number],
  options: JointBilateralOptions,
): Tensor {
  const { kernelSize, dilation = [1, 1], factor } = options;
  const [h, w] = features.shape.slice(2);
  const [height, width] = factor === undefined ? out : [h * factor, w * factor];
  const half = (kernelSize - 1) / 2;
  if (half % 1 !== 0 || half * dilation[0] >= height || half * dilation[1] >= width) {
    throw new GraphError(
      `jointBilateral: needs an odd kernel that reaches less than the grid's ${height}x${width} to each side, ` +
        `given ${kernelSize} taps ${dilation.join(' and ')} pixels apart`,
    );
  }
  const filter = { size: [height, width] as const, kernelSize, dilation };
  const kernels = bilateralKernels(resized(guidance, height, width), options);
  return resized(filteredByTaps(features, filter, kernels), ...out);
}

interface Taps {
  /** Of the kernels' grid [H,W]. */
  size: readonly [number, number];
  /** Taps along a side. */
  kernelSize: number;
  /** Pixels between two taps, down and across. */
  dilation: readonly [number, number];
}

/** Makes the kernels [B,rows,W,k,k] of some rows of a grid. */
type RowKernels = (row: number, rows: number) => Tensor;

/**
 * Features brought to the kernels' grid bilinearly (corners not aligned), then every pixel the weighted sum of the taps
 * around it; borders reflect. Done as one linear map from the cells, band by band.
 *
 * @param features [B,C,h,w].
 * @returns [B,C,H,W].
 */
export function filteredByTaps(
  features: Tensor,
  { size: [height, width], kernelSize, dilation }: Taps,
  kernels: RowKernels,
): Tensor {
  const [h, w] = features.shape.slice(2);
  const acrossTaps = constant(taps(w, width, kernelSize, dilation[1]), [width, kernelSize, w]);
  const downTaps = constant(taps(h, height, kernelSize, dilation[0]), [height, kernelSize, h]);
  const reach = 1 + Math.ceil((((kernelSize - 1) / 2) * dilation[0] * h) / height);
  const parts = bands(height, h, reach).map(band => ({
    band,
    weights: cellWeights(kernels(band.row, band.rows), downTaps, acrossTaps, band),
  }));
  return spread(features, width, parts);
}

/** The filter's weights for a guidance [B,G,H,W]; each pixel's sum to 1. */
function bilateralKernels(
  guidance: Tensor,
  { kernelSize: k, sigmaColor, sigmaSpatial, dilation = [1, 1] }: JointBilateralOptions,
): RowKernels {
  const [b, g, height, width] = guidance.shape;
  const half = (k - 1) / 2;
  const [above, left] = [half * dilation[0], half * dilation[1]];
  const padded = resample(guidance, reflectPad(height, above), reflectPad(width, left));
  const offsets = Array.from({ length: k }, (_, i) => i);
  const spatial = offsets.flatMap(i =>
    offsets.map(j => ((i - half) ** 2 + (j - half) ** 2) / (-2 * sigmaSpatial ** 2)),
  );
  return (row, rows) => {
    const strip = slice(padded, 2, row, rows + 2 * above);
    const centre = reshape(slice(slice(strip, 2, above, rows), 3, left, width), [b, g, 1, rows, width]);
    const distance = tapsOf(
      neighbours(strip, k, dilation, [rows, width]).map(each => sum(abs(sub(each, centre)), [1])),
    );
    const logits = add(
      mul(mul(distance, distance), -1 / (2 * sigmaColor ** 2)),
      constant(Float32Array.from(spatial), [1, k * k, 1, 1]),
    );
    return reshape(softmax(transpose(logits, [0, 2, 3, 1])), [b, rows, width, k, k]);
  };
}

/** Of a band with kernels [B,rows,W,k,k], the weight of every low-res cell at every pixel: [B, rows*W, lowRows*w]. */
function cellWeights(
  kernels: Tensor,
  downTaps: Tensor,
  acrossTaps: Tensor,
  { row, rows, lowRow, lowRows }: Band,
): Tensor {
  const [b, , width, k] = kernels.shape;
  const w = acrossTaps.shape[2];
  const columnsFirst = reshape(transpose(kernels, [0, 2, 1, 3, 4]), [b, width, rows * k, k]);
  const across = reshape(matmul(columnsFirst, acrossTaps), [b, width, rows, k, w]);
  const rowsFirst = reshape(transpose(across, [0, 2, 3, 1, 4]), [b, rows, k, width * w]);
  const down = matmul(slice(slice(downTaps, 0, row, rows), 2, lowRow, lowRows), rowsFirst, { transA: true });
  const cells = transpose(reshape(down, [b, rows, lowRows, width, w]), [0, 1, 3, 2, 4]);
  return reshape(cells, [b, rows * width, lowRows * w]);
}

/** Along one axis, what bilinear upsampling takes from each cell at every tap of every pixel: [size, k, low]. */
function taps(low: number, size: number, k: number, dilation: number): Float32Array {
  const upsampling = bilinear(low, size, { alignCorners: false }).data;
  const data = new Float32Array(size * k * low);
  for (let i = 0; i < size; i++) {
    for (let tap = 0; tap < k; tap++) {
      const at = Math.abs(i + (tap - (k - 1) / 2) * dilation);
      const mirrored = at < size ? at : 2 * (size - 1) - at;
      data.set(upsampling.subarray(mirrored * low, (mirrored + 1) * low), (i * k + tap) * low);
    }
  }
  return data;
}

export function resized(map: Tensor, height: number, width: number): Tensor {
  const [h, w] = map.shape.slice(2);
  const axis = (from: number, to: number) => (from === to ? undefined : bilinear(from, to, { alignCorners: false }));
  return resample(map, axis(h, height), axis(w, width));
}

const KERNEL = 7;

/** The filter at full size, its taps spread over one cell to each side: edges are followed to the pixel at any ratio. */
export const jointBilateralFilter: Upsampler = {
  name: 'joint-bilateral',
  description: `bilinear, then a joint bilateral filter of ${KERNEL}x${KERNEL} taps over one cell to each side`,
  source: 'Petschnigg et al. and Eisemann & Durand, both SIGGRAPH 2004',
  ...unlearned,
  upsample(features, image, size) {
    const half = (KERNEL - 1) / 2;
    const spacing = (out: number, low: number) =>
      Math.max(1, Math.min(Math.round(out / low / half), Math.floor((out - 1) / half)));
    const [h, w] = features.shape.slice(2);
    return jointBilateral(features, colours(image, size), size, {
      kernelSize: KERNEL,
      sigmaColor: 0.1,
      sigmaSpatial: 1.5,
      dilation: [spacing(size[0], h), spacing(size[1], w)],
    });
  },
};
