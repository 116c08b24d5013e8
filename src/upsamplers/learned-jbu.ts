import { reshape, sum } from '../graph/ops/basic.ts';
import { div, maximum, mul } from '../graph/ops/elementwise.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Scope } from '../nn/scope.ts';
import { stageKernels } from './featup.ts';
import { filteredByTaps, resized } from './joint-bilateral.ts';
import type { Upsampler } from './types.ts';

interface LearnedJbuOptions {
  /** Channels of the keys of colours. */
  keys?: number;
  /** Of the square window, in pixels of the output. */
  radius?: number;
}

/**
 * A joint bilateral filter with learned likeness of colours, in one step at the output's size: FeatUp's stage without
 * its correction, as NAF (Chambon et al. 2025) compares itself with. Features are brought to the size bilinearly.
 *
 * @param features [B,C,h,w].
 * @param image [B,3,any,any], ImageNet-normalised.
 * @param size [H,W] of the output.
 * @returns [B,C,H,W].
 * @throws GraphError where the window reaches across the whole output.
 */
export function learnedJbu(
  features: Tensor,
  image: Tensor,
  size: readonly [number, number],
  scope: Scope,
  { keys = 64, radius = 5 }: LearnedJbuOptions = {},
): Tensor {
  const guidance = resized(image, ...size);
  const made = stageKernels(guidance, scope.at('bilateral_filter'), { keys, radius });
  const k = 2 * radius + 1;
  const kernels = (row: number, rows: number) => {
    const { range, spatial } = made(row, rows);
    const product = mul(range, spatial);
    const normalised = div(product, maximum(sum(product, [2]), 1e-7));
    return reshape(normalised, [image.shape[0], rows, size[1], k, k]);
  };
  return filteredByTaps(features, { size, kernelSize: k, dilation: [1, 1] }, kernels);
}

export const learnedJbuUpsampler: Upsampler = {
  name: 'jbu-learned',
  description: 'one joint bilateral filter of 11x11 pixels with learned keys of colours, on bilinear features',
  source: 'Chambon et al. 2025, arXiv 2511.18452; github.com/valeoai/NAF',
  licence: 'Apache-2.0',
  learned: true,
  linear: true,
  agnostic: true,
  ratio: 'any',
  upsample: (features, image, size, scope) => learnedJbu(features, image, size, scope),
};
