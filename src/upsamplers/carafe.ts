import { transpose } from '../graph/ops/layout.ts';
import { softmax } from '../graph/ops/reduce.ts';
import type { Tensor } from '../graph/tensor.ts';
import { conv } from '../nn/layers.ts';
import type { Scope } from '../nn/scope.ts';
import { doublingUpsampler, pixelShuffle } from './doubling.ts';
import { kernelTiles, spreadTiles, squareTaps, type Tiling } from './tiles.ts';

interface CarafeOptions {
  /** Cells along a side that a pixel is made of; odd. 5 by default. */
  kernel?: number;
  /** Channels that kernels are predicted from; 64 by default. */
  compressed?: number;
}

/**
 * CARAFE (Wang et al. 2019, arXiv 1905.02188), x2: each pixel is a convex sum of the cells around its own, with weights
 * predicted from the compressed features. Zeros beyond the border. Parameters are named as in mmcv's CARAFEPack.
 *
 * Weights over tiles take 36 numbers per pixel with the default kernel, windows 32 MB at a time.
 *
 * @param features [B,C,h,w].
 * @returns [B,C,2h,2w].
 */
export function carafe(features: Tensor, scope: Scope, { kernel = 5, compressed = 64 }: CarafeOptions = {}): Tensor {
  const few = conv(features, scope.at('channel_compressor'), { out: compressed, kernel: 1 });
  const k2 = kernel * kernel;
  const predicted = pixelShuffle(conv(few, scope.at('content_encoder'), { out: 4 * k2, kernel: 3, padding: 1 }));
  const kernels = transpose(softmax(transpose(predicted, [0, 2, 3, 1])), [0, 3, 1, 2]);
  const tiling: Tiling = { cells: 2, reach: (kernel - 1) / 2, factor: [2, 2] };
  return spreadTiles(features, kernelTiles(kernels, squareTaps(tiling.reach), tiling), tiling);
}

export const carafeUpsampler = doublingUpsampler(
  {
    name: 'carafe',
    description: 'CARAFE: kernels predicted from the features alone, x2 at a time',
    source: 'Wang et al. 2019, arXiv 1905.02188',
  },
  (features, _, scope) => carafe(features, scope),
);
