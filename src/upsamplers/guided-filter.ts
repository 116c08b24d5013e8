import { reshape } from '../graph/ops/basic.ts';
import { add, div, mul, sub } from '../graph/ops/elementwise.ts';
import { slice, transpose } from '../graph/ops/layout.ts';
import { resample } from '../graph/ops/linear.ts';
import { constant, GraphError, sameShape, scalar, show, type Tensor } from '../graph/tensor.ts';
import { bilinear, boxMean } from '../nn/resize.ts';
import { type Band, bands, block, cellPosition, spread } from './bands.ts';
import { colours } from './guidance.ts';
import type { Upsampler } from './types.ts';
import { unlearned } from './unlearned.ts';

interface GuidedFilterOptions {
  /** Of the square window, in pixels of the guidance. */
  radius: number;
  /** Variances of the guidance well below this are smoothed away. */
  eps: number;
  /** The fast form: coefficients are found on every `scale`-th pixel with radius floor(radius / scale). 1 by default. */
  scale?: number;
}

/**
 * The guided filter (He et al. 2010; fast form: He & Sun 2015), each channel of p with its own channel of guidance:
 * in every window q is the affine function of I nearest to p, and a pixel takes the mean over its windows.
 *
 * @param guidance I, [B,C,H,W].
 * @param p [B,C,H,W].
 * @returns q, [B,C,H,W].
 * @throws GraphError where the shapes differ or the scale is not a positive integer.
 */
export function guidedFilter(guidance: Tensor, p: Tensor, { radius, eps, scale = 1 }: GuidedFilterOptions): Tensor {
  if (!sameShape(guidance.shape, p.shape)) {
    throw new GraphError(`guidedFilter: guidance ${show(guidance.shape)} and input ${show(p.shape)} differ`);
  }
  if (!Number.isInteger(scale) || scale < 1) {
    throw new GraphError(`guidedFilter: the scale must be a positive integer, given ${scale}`);
  }
  const [height, width] = p.shape.slice(2);
  const [coarseI, coarseP] = [everyNth(guidance, scale), everyNth(p, scale)];
  const window = Math.floor(radius / scale);
  const [vertical, horizontal] = [0, 1].map(axis => boxMean(coarseP.shape[2 + axis], window));
  const average = (x: Tensor) => resample(x, vertical, horizontal);
  const [meanI, meanP] = [average(coarseI), average(coarseP)];
  const covariance = sub(average(mul(coarseI, coarseP)), mul(meanI, meanP));
  const variance = sub(average(mul(coarseI, coarseI)), mul(meanI, meanI));
  const a = div(covariance, add(variance, eps));
  const b = sub(meanP, mul(a, meanI));
  const full = (map: Tensor) => upsampled(average(map), [height, width]);
  return add(mul(full(a), guidance), full(b));
}

function everyNth(map: Tensor, step: number): Tensor {
  const [height, width] = map.shape.slice(2);
  return slice(slice(map, 2, 0, Math.floor(height / step), step), 3, 0, Math.floor(width / step), step);
}

function upsampled(map: Tensor, [height, width]: readonly [number, number]): Tensor {
  const [h, w] = map.shape.slice(2);
  if (h === height && w === width) return map;
  return resample(map, bilinear(h, height, CENTRES), bilinear(w, width, CENTRES));
}

const CENTRES = { alignCorners: false };
const RADIUS_PIXELS = 8;
const EPS = 1e-3;
/** Coefficients are found on a grid this much finer than the features. */
const FACTOR = 2;

/**
 * The fast guided filter with the image's colours as guidance. As it is linear in the features, its answers to single
 * cells are the weights of all, from the image alone: at ratios of 11 and more H * W * w * 6 numbers, 17 MB for 224 px
 * with 14x14 cells, 135 MB for 448 px with 28x28.
 */
export const guidedFilterUpsampler: Upsampler = {
  name: 'guided-filter',
  description: `fast guided filter: features as local affine functions of colour (radius ${RADIUS_PIXELS} px, eps ${EPS})`,
  source: 'He et al., Guided Image Filtering, ECCV 2010; He & Sun, Fast Guided Filter, 2015',
  ...unlearned,
  upsample(features, image, size) {
    const [h, w] = features.shape.slice(2);
    const coarse = colours(image, [FACTOR * h, FACTOR * w]);
    const full = colours(image, size);
    const radius = [h, w].map((cells, i) => Math.max(1, Math.round((RADIUS_PIXELS * FACTOR * cells) / size[i])));
    // a pixel takes coefficients from two grid rows, these from windows of windows
    const reach = 1 + Math.ceil((1 + 2 * radius[0]) / FACTOR);
    const answers = cellAnswers(coarse, full, radius);
    const parts = bands(size[0], h, reach).map(band => ({ band, weights: answers(band) }));
    return spread(features, size[1], parts);
  },
};

/**
 * The filter's answers to single cells at the pixels of a band: [B, rows*W, lowRows*w].
 *
 * @param coarse guidance on the grid of the coefficients [B,3,FACTOR*h,FACTOR*w].
 * @param full guidance at the output's size [B,3,H,W].
 */
function cellAnswers(coarse: Tensor, full: Tensor, radius: readonly number[]): (band: Band) => Tensor {
  const [b, , height, width] = full.shape;
  const [gridHeight, gridWidth] = coarse.shape.slice(2);
  const [h, w] = [gridHeight / FACTOR, gridWidth / FACTOR];
  const fromCells = { down: bilinear(h, gridHeight, CENTRES), across: bilinear(w, gridWidth, CENTRES) };
  const mean = { down: boxMean(gridHeight, radius[0]), across: boxMean(gridWidth, radius[1]) };
  const toPixels = { down: bilinear(gridHeight, height, CENTRES), across: bilinear(gridWidth, width, CENTRES) };
  const gridRow = (i: number) => Math.floor(cellPosition(i, height, gridHeight));
  const span = (from: number, end: number) => {
    const first = Math.max(0, from);
    return { from: first, rows: Math.min(gridHeight, end) - first };
  };
  const widened = ({ from, rows }: { from: number; rows: number }) => span(from - radius[0], from + rows + radius[0]);

  return ({ row, rows, lowRow, lowRows }) => {
    // grid rows that the pixels see, those that their windows see, those that the windows of these see
    const seen = span(gridRow(row), gridRow(row + rows - 1) + 2);
    const middle = widened(seen);
    const all = widened(middle);
    const inner = block(mean.down, middle.from, middle.rows, all.from, all.rows);
    const outer = block(mean.down, seen.from, seen.rows, middle.from, middle.rows);
    const last = block(toPixels.down, row, rows, seen.from, seen.rows);

    // a channel for every cell, upsampled to the grid
    const spots = mul(
      constant(block(fromCells.down, all.from, all.rows, lowRow, lowRows).data, [all.rows, lowRows, 1, 1]),
      constant(fromCells.across.data, [1, 1, gridWidth, w]),
    );
    const cells = reshape(transpose(spots, [1, 3, 0, 2]), [1, lowRows * w, all.rows, gridWidth]);
    const coefficients = colourCoefficients(slice(coarse, 2, all.from, all.rows), cells, x =>
      resample(x, inner, mean.across),
    );
    const colour = [...channels(slice(full, 2, row, rows)), scalar(1)];
    const terms = coefficients.map((x, i) => {
      const averaged = resample(x, outer, mean.across);
      return mul(resample(averaged, last, toPixels.across), colour[i]);
    });
    return transpose(reshape(total(terms), [b, lowRows * w, rows * width]), [0, 2, 1]);
  };
}

/**
 * [a_1 .. a_G, b] of q = sum_i a_i I_i + b, each [B,C,..], for guidance I [B,G,h,w] and p [1,C,h,w]:
 * a = (cov(I) + eps)^-1 cov(I, p), b = mean(p) - a mean(I).
 */
function colourCoefficients(guidance: Tensor, p: Tensor, average: (x: Tensor) => Tensor): Tensor[] {
  const parts = channels(guidance);
  const means = parts.map(average);
  const meanP = average(p);
  const covariance = parts.map((x, i) =>
    parts.map((y, j) => {
      const value = sub(average(mul(x, y)), mul(means[i], means[j]));
      return i === j ? add(value, EPS) : value;
    }),
  );
  const withP = parts.map((x, i) => sub(average(mul(x, p)), mul(means[i], meanP)));
  const a = solve(covariance, withP);
  return [...a, sub(meanP, total(a.map((ai, i) => mul(ai, means[i]))))];
}

/** Solves M x = y at every pixel by elimination; M symmetric and positive definite, so that no pivot is small. */
function solve(matrix: readonly (readonly Tensor[])[], y: readonly Tensor[]): Tensor[] {
  const n = y.length;
  const rows = matrix.map((row, i) => [...row, y[i]]);
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const factor = div(rows[j][i], rows[i][i]);
      for (let k = i + 1; k <= n; k++) rows[j][k] = sub(rows[j][k], mul(factor, rows[i][k]));
    }
  }
  const x: Tensor[] = [];
  for (let i = n - 1; i >= 0; i--) {
    let rest = rows[i][n];
    for (let j = i + 1; j < n; j++) rest = sub(rest, mul(rows[i][j], x[j]));
    x[i] = div(rest, rows[i][i]);
  }
  return x;
}

const channels = (map: Tensor): Tensor[] => Array.from({ length: map.shape[1] }, (_, i) => slice(map, 1, i, 1));

const total = (terms: readonly Tensor[]): Tensor => terms.reduce((sum, term) => add(sum, term));
