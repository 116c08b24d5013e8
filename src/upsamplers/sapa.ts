import { reshape } from '../graph/ops/basic.ts';
import { add } from '../graph/ops/elementwise.ts';
import { matmul, resample } from '../graph/ops/linear.ts';
import { softmax } from '../graph/ops/reduce.ts';
import type { Tensor } from '../graph/tensor.ts';
import { layerNorm, linear, toMap, toTokens } from '../nn/layers.ts';
import { adaptiveAverage } from '../nn/resize.ts';
import type { Scope } from '../nn/scope.ts';
import { doublingUpsampler } from './doubling.ts';
import { spreadTiles, squareTaps, type Tiling, tapMask, tilePixels, tileWindows } from './tiles.ts';

interface SapaOptions {
  /** Cells along a side that a pixel is made of; odd. 5 by default. */
  kernel?: number;
  /** Of queries and keys; 64 by default. */
  embedding?: number;
}

const EPSILON = 1e-5;
/** What the softmax makes 0, without the NaN of infinities in gradients. */
const MASKED = -1e9;

/**
 * SAPA (Lu et al. 2022, "SAPA: Similarity-Aware Point Affiliation for Feature Upsampling", arXiv 2209.12866), x2: a pixel
 * of the guide attends to the cells around its own. Parameters are named as in its repository.
 *
 * Cells beyond the border have zero keys and values, so they take their share of the softmax, as in the original.
 *
 * @param features [B,C,h,w].
 * @param guide [B,G,2h,2w].
 * @returns [B,C,2h,2w].
 */
export function sapa(features: Tensor, guide: Tensor, scope: Scope, options: SapaOptions = {}): Tensor {
  const { kernel = 5, embedding = 64 } = options;
  const tiling: Tiling = { cells: 2, reach: (kernel - 1) / 2, factor: [2, 2] };
  const embedded = (map: Tensor, norm: string, name: string) => {
    const tokens = layerNorm(toTokens(map), scope.at(norm), EPSILON);
    return toMap(linear(tokens, scope.at(name), embedding), map.shape[2], map.shape[3]);
  };
  const queries = tilePixels(embedded(guide, 'norm_y', 'q'), tiling);
  const keys = tileWindows(embedded(features, 'norm_x', 'k'), tiling, 'zero');
  const [b, down, across, pixels] = queries.shape;
  const likeness = matmul(reshape(queries, [b * down * across, pixels, embedding]), keys, { transB: true });
  const weights = softmax(add(likeness, tapMask(squareTaps(tiling.reach), MASKED, tiling)));
  return spreadTiles(features, reshape(weights, [b, down, across, pixels, weights.shape[2]]), tiling);
}

/** The guide of every step is the image itself, each pixel the mean of its area, as FeatUp's comparison has it. */
export const sapaUpsampler = doublingUpsampler(
  {
    name: 'sapa',
    description: 'SAPA: pixels attend to the cells like them, x2 at a time',
    source: 'Lu et al. 2022, arXiv 2209.12866',
  },
  (features, image, scope) => {
    const [h, w] = features.shape.slice(2).map(cells => 2 * cells);
    const guide = resample(image, adaptiveAverage(image.shape[2], h), adaptiveAverage(image.shape[3], w));
    return sapa(features, guide, scope);
  },
);
