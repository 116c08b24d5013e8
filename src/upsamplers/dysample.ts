import { reshape } from '../graph/ops/basic.ts';
import { abs, add, maximum, minimum, mul, relu, sigmoid, sub } from '../graph/ops/elementwise.ts';
import { slice } from '../graph/ops/layout.ts';
import { constant, GraphError, type Tensor } from '../graph/tensor.ts';
import { conv } from '../nn/layers.ts';
import type { Scope } from '../nn/scope.ts';
import { doublingUpsampler, pixelShuffle } from './doubling.ts';
import { spreadTiles, type Tiling, tilePixels, windowSide } from './tiles.ts';

interface DySampleOptions {
  /** Channels that are sampled alike are one group; 4 groups by default. */
  groups?: number;
  /** Offsets are scaled by a second convolution, from 0 to .5, instead of .25. */
  dynamicScope?: boolean;
}

const REACH = 2;
const TILING: Tiling = { cells: 2, reach: REACH, factor: [2, 2] };

/**
 * DySample (Liu et al. 2023, "Learning to Upsample by Learning to Sample", arXiv 2308.15085), x2, style "lp": pixels are
 * sampled bilinearly at learned offsets from their place, beyond the border from the nearest cell. Parameters are named
 * as in its repository.
 *
 * Sampling is a product with hat functions over the cells around. So a pixel samples at most 2 cells from its own, where
 * the original has no bound; trained offsets are a fraction of a cell.
 *
 * @param features [B,C,h,w].
 * @returns [B,C,2h,2w].
 * @throws GraphError where the groups do not divide the channels.
 */
export function dySample(features: Tensor, scope: Scope, options: DySampleOptions = {}): Tensor {
  const { groups = 4, dynamicScope = false } = options;
  const [b, c, h, w] = features.shape;
  if (c % groups !== 0) throw new GraphError(`dysample: ${c} channels are not divisible into ${groups} groups`);
  const layer = { out: 2 * groups * 4, kernel: 1 };
  const raw = conv(features, scope.at('offset'), layer);
  const scaled = dynamicScope ? mul(mul(raw, sigmoid(conv(features, scope.at('scope'), layer))), 0.5) : mul(raw, 0.25);
  // across, then down; of each the four pixels of a cell of every group
  const offsets = reshape(scaled, [b, 2, groups, 2, 2, h, w]);
  const axis = (i: number) => reshape(slice(offsets, 1, i, 1), [b * groups, 4, h, w]);
  const columns = hats(axis(0), w, [1, 1, 1, w], pixel => pixel % 2);
  const rows = hats(axis(1), h, [1, 1, h, 1], pixel => Math.floor(pixel / 2));

  const [n, , across, side, pixels] = rows.shape;
  const weights = (row: number, count: number) => {
    const [ofRows, ofColumns] = [rows, columns].map(all => slice(all, 1, row, count));
    const both = mul(
      reshape(ofRows, [n, count, across, side, 1, pixels]),
      reshape(ofColumns, [n, count, across, 1, side, pixels]),
    );
    return reshape(both, [n, count, across, side * side, pixels]);
  };
  return spreadTiles(features, weights, TILING, { cellsFirst: true });
}

/**
 * Bilinear weights along one axis: [B, tiles down, tiles across, side, pixels].
 *
 * @param offsets [B,4,h,w], in cells, of the pixels of each cell.
 * @param size cells along the axis
 * @param shape in which cells along the axis broadcast against the offsets
 * @param half which half of its cell a pixel lies in, 0 or 1
 */
function hats(offsets: Tensor, size: number, shape: readonly number[], half: (pixel: number) => number): Tensor {
  const start = constant(
    Float32Array.from({ length: 4 }, (_, pixel) => half(pixel) / 2 - 0.25),
    [1, 4, 1, 1],
  );
  const cells = Array.from({ length: size }, (_, i) => i);
  const lowest = constant(
    Float32Array.from(cells, i => Math.max(-i, -REACH)),
    shape,
  );
  const highest = constant(
    Float32Array.from(cells, i => Math.min(size - 1 - i, REACH)),
    shape,
  );
  const bounded = minimum(maximum(add(offsets, start), lowest), highest);
  const places = tilePixels(pixelShuffle(bounded), TILING);

  const side = windowSide(TILING);
  const [b, down, right, pixels] = places.shape;
  const width = TILING.cells * TILING.factor[1];
  const across = shape[3] > 1 || shape[2] === 1;
  const distances = new Float32Array(side * pixels);
  for (let p = 0; p < pixels; p++) {
    const own = across ? Math.floor((p % width) / 2) : Math.floor(Math.floor(p / width) / 2);
    for (let cell = 0; cell < side; cell++) distances[cell * pixels + p] = cell - own - REACH;
  }
  return relu(sub(1, abs(sub(reshape(places, [b, down, right, 1, pixels]), constant(distances, [side, pixels])))));
}

export const dySampleUpsampler = doublingUpsampler(
  {
    name: 'dysample',
    description: 'DySample: bilinear sampling at offsets predicted from the features alone, x2 at a time',
    source: 'Liu et al. 2023, arXiv 2308.15085',
  },
  (features, _, scope) => dySample(features, scope),
);
