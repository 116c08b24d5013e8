import { evenParts } from '../graph/in-turn.ts';
import { expand, reshape, sum } from '../graph/ops/basic.ts';
import {
  add,
  cos,
  detach,
  div,
  exp,
  maximum,
  mul,
  neg,
  sin,
  sub,
  tanh,
  wherePositive,
} from '../graph/ops/elementwise.ts';
import { after, concat, slice, transpose } from '../graph/ops/layout.ts';
import { matmul, resample } from '../graph/ops/linear.ts';
import { softmax } from '../graph/ops/reduce.ts';
import { constant, GraphError, type Shape, scalar, type Tensor } from '../graph/tensor.ts';
import { bilinear, nearest } from '../nn/resize.ts';
import { holding, MEMORY } from './attention.ts';
import { spreadTiles, type Tiling, tilePixels, tileWindows } from './tiles.ts';
import type { UpsampleOptions } from './types.ts';

/** What a cell's Gaussian is made of, each [B,1,h,w]: logarithms of its widths in pixels, its turn, of its range in RGB. */
export interface GaussianMaps {
  sx: Tensor;
  sy: Tensor;
  th: Tensor;
  sr: Tensor;
}

export interface GaussianOptions extends UpsampleOptions {
  /** Pixels see cells up to so many away; 8 by default. */
  reach?: number;
  /** How many widths of its Gaussian (its larger one, in pixels) a pixel sees, counted in cells; 2 by default. */
  widths?: number;
}

const HALF = { alignCorners: false };
const TINY = 1e-8;
/** Of the memory, what the weights of a chunk of cells take; going back there are some of their size at once. */
const CHUNK_SHARE = 1 / 30;
/** What the softmax makes 0, without the NaN of infinities in gradients. */
const MASKED = -1e9;

/**
 * Splatting of features by anisotropic Gaussians in space and colour (Seo et al. 2025, "Upsample Anything: A Simple and
 * Hard to Beat Baseline for Feature Upsampling", arXiv 2511.16301). A pixel sees the cells around its own; beyond the
 * border the nearest cell is seen again, as often as places lie there.
 *
 * Weights are (2*reach+1)^2 numbers per pixel, 58 MB for 224 px; windows of cells take 32 MB at a time.
 *
 * @param features [B,C,h,w].
 * @param guidance RGB 0..1 (up to a shift of each channel) [B,3,s*h,s*w], s whole.
 * @returns [B,C,s*h,s*w].
 * @throws GraphError where the guidance is not a whole multiple of the features.
 */
export function splat(features: Tensor, guidance: Tensor, maps: GaussianMaps, options: GaussianOptions = {}): Tensor {
  const [b, , h, w] = features.shape;
  const { tiling, weights } = splatting(guidance, [h, w], options);
  const all = weights(maps);
  const byTile = reshape(all, [b, h, w, ...all.shape.slice(1)]);
  return spreadTiles(features, byTile, tiling, { border: 'nearest' });
}

interface Splatting {
  tiling: Tiling;
  /** Weights [B*h*w, pixels of a cell, cells of a window] of Gaussians. */
  weights(maps: GaussianMaps): Tensor;
  /** The pixels [B*h*w, pixels of a cell, C] that they make of windows [B*h*w, cells of a window, C], chunk by chunk. */
  average(maps: GaussianMaps, windows: Tensor): Tensor;
}

/**
 * A log weight is quadratic in a pixel's place and colour, so all of them are one product of the pixel's powers and the
 * cell's coefficients. Both are relative to the pixel's own cell, which keeps the numbers small.
 */
export function splatting(guidance: Tensor, [h, w]: readonly [number, number], options: GaussianOptions): Splatting {
  const [b, , height, width] = guidance.shape;
  const factor = [height / h, width / w] as const;
  if (factor.some(s => !Number.isInteger(s) || s < 1)) {
    throw new GraphError(`upsample-anything: ${height}x${width} pixels are no whole multiple of ${h}x${w} cells`);
  }
  const { reach = 8, widths = 2, memory = MEMORY } = options;
  const tiling: Tiling = { cells: 1, reach, factor };
  const cells = resample(guidance, bilinear(height, h, HALF), bilinear(width, w, HALF));
  const [down, across] = [bilinear(h, height, HALF), bilinear(w, width, HALF)];
  const powers = pixelTerms(guidance, cells, tiling);
  const side = 2 * reach + 1;
  const outside = expand(outsideTerms(reach), [b * h * w, reach + 1, side * side]);
  const terms = cellTerms(cells, tiling);
  const factors = (maps: GaussianMaps): [Tensor, Tensor] => {
    const sigma = detach(exp(maximum(maps.sx, maps.sy)));
    const seen = mul(resample(sigma, down, across), widths);
    return [concat([powers, hidden(seen, tiling)], 2), concat([terms(maps), outside], 1)];
  };
  return {
    tiling,
    weights(maps) {
      const [queries, coefficients] = factors(maps);
      return softmax(matmul(queries, coefficients));
    },
    average(maps, windows) {
      const [queries, coefficients] = factors(maps);
      const n = b * h * w;
      const count = Math.ceil((4 * n * queries.shape[1] * side * side) / (memory * CHUNK_SHARE));
      let last: Tensor | undefined;
      const parts = evenParts(n, count).map(({ start, length }) => {
        const own = (x: Tensor) => slice(x, 0, start, length);
        const mine = own(coefficients);
        const turn = last ? after(mine, last) : mine;
        const held = holding(turn, count === 1);
        last = matmul(held(softmax(held(matmul(own(queries), turn)))), own(windows));
        return last;
      });
      return concat(parts, 0);
    },
  };
}

/** Powers of every pixel's place and colour, [B*h*w, pixels of a cell, 10]: u^2, uv, v^2, u, v, 1, |I|^2, I. */
function pixelTerms(guidance: Tensor, cells: Tensor, tiling: Tiling): Tensor {
  const [b, , h, w] = cells.shape;
  const [down, across] = tiling.factor;
  const n = down * across;
  const data = new Float32Array(6 * n);
  for (let i = 0; i < n; i++) {
    const [v, u] = [Math.floor(i / across) - (down - 1) / 2, (i % across) - (across - 1) / 2];
    data.set([u * u, u * v, v * v, u, v, 1], 6 * i);
  }
  const places = expand(constant(data, [1, n, 6]), [b * h * w, n, 6]);
  const own = resample(cells, nearest(h, h * down), nearest(w, w * across));
  const colours = byCell(sub(guidance, own), tiling);
  return concat([places, sum(mul(colours, colours), [2]), colours], 2);
}

/** [B,C,s*h,s*w] -> [B*h*w, s*s, C]. */
export function byCell(map: Tensor, tiling: Tiling): Tensor {
  const pixels = tilePixels(map, tiling);
  const [b, h, w, n, c] = pixels.shape;
  return reshape(pixels, [b * h * w, n, c]);
}

/**
 * Coefficients of the terms of pixels, for every cell in the window of a cell, from Gaussians:
 * [B*h*w, 10, cells of a window].
 */
function cellTerms(cells: Tensor, tiling: Tiling): (maps: GaussianMaps) => Tensor {
  const [b, , h, w] = cells.shape;
  const side = 2 * tiling.reach + 1;
  const [ex, ey] = clampedOffsets(h, w, tiling).map(data => {
    const once = reshape(constant(data, [h * w * side * side]), [1, h * w, side * side]);
    return reshape(expand(once, [b, h * w, side * side]), [b * h * w, 1, side * side]);
  });
  const windows = (map: Tensor) => transpose(tileWindows(map, tiling, 'nearest'), [0, 2, 1]);
  const own = reshape(transpose(reshape(cells, [b, 3, h * w]), [0, 2, 1]), [b * h * w, 3, 1]);
  const colour = sub(windows(cells), own);
  const difference = sum(mul(colour, colour), [1]);

  return maps => {
    const width = (raw: Tensor) => {
      const s = exp(raw);
      return div(1, add(mul(mul(s, s), 2), TINY));
    };
    const [along, beside, range] = [width(maps.sx), width(maps.sy), width(maps.sr)];
    const turn = mul(tanh(maps.th), Math.PI);
    const [c, s] = [cos(turn), sin(turn)];
    const [c2, s2] = [mul(c, c), mul(s, s)];
    const xx = add(mul(c2, along), mul(s2, beside));
    const yy = add(mul(s2, along), mul(c2, beside));
    const xy = mul(mul(c, s), mul(sub(along, beside), 2));

    const seen = windows(concat([xx, xy, yy, range], 1));
    const [fxx, fxy, fyy, frange] = [0, 1, 2, 3].map(i => slice(seen, 1, i, 1));
    const [xe, ye] = [mul(fxx, ex), mul(fyy, ey)];
    const u = mul(add(mul(xe, 2), mul(fxy, ey)), -1);
    const v = mul(add(mul(ye, 2), mul(fxy, ex)), -1);
    const placed = add(add(mul(xe, ex), mul(mul(fxy, ex), ey)), mul(ye, ey));
    const one = add(placed, mul(frange, difference));
    return neg(concat([fxx, fxy, fyy, u, v, one, frange, mul(mul(frange, colour), -2)], 1));
  };
}

/** Pixels from each cell's centre to those of its window, across and down, beyond the border to the nearest cell. */
function clampedOffsets(h: number, w: number, { reach, factor }: Tiling): [Float32Array, Float32Array] {
  const side = 2 * reach + 1;
  const [x, y] = [new Float32Array(h * w * side * side), new Float32Array(h * w * side * side)];
  const step = (at: number, by: number, size: number) => Math.min(Math.max(at + by, 0), size - 1) - at;
  for (let cell = 0; cell < h * w; cell++) {
    for (let k = 0; k < side * side; k++) {
      const i = cell * side * side + k;
      y[i] = step(Math.floor(cell / w), Math.floor(k / side) - reach, h) * factor[0];
      x[i] = step(cell % w, (k % side) - reach, w) * factor[1];
    }
  }
  return [x, y];
}

/** For distances 1 .. reach and beyond, whether a pixel does not see them, 1 or 0: [B*h*w, pixels of a cell, reach+1]. */
function hidden(seen: Tensor, tiling: Tiling): Tensor {
  const widths = byCell(seen, tiling);
  const column = (value: number) => expand(scalar(value), widths.shape);
  // the next cells are always seen, and what lies beyond the reach never
  const between = Array.from({ length: tiling.reach - 1 }, (_, i) => i + 1);
  if (between.length === 0) return concat([column(0), column(1)], 2);
  const beyond = sub(widths, constant(Float32Array.from(between), [between.length]));
  return concat([column(0), sub(1, wherePositive(beyond, 1)), column(1)], 2);
}

/** What is added to the log weights of a window's cells where their distance is not seen: [reach+1, cells]. */
function outsideTerms(reach: number): Tensor {
  const side = 2 * reach + 1;
  const data = new Float32Array((reach + 1) * side * side);
  for (let k = 0; k < side * side; k++) {
    const distance = Math.ceil(Math.hypot(Math.floor(k / side) - reach, (k % side) - reach));
    if (distance > 0) data[(Math.min(distance, reach + 1) - 1) * side * side + k] = MASKED;
  }
  return constant(data, [1, reach + 1, side * side]);
}

/** The inverse of `byCell`. */
export function fromCells(pixels: Tensor, shape: Shape, { factor: [down, across] }: Tiling): Tensor {
  const [b, c, height, width] = shape;
  const parts = reshape(pixels, [b, height / down, width / across, down, across, c]);
  return reshape(transpose(parts, [0, 5, 1, 3, 2, 4]), shape);
}
