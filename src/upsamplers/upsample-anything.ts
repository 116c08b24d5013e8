import { gradient } from '../graph/gradient.ts';
import { reshape, sum } from '../graph/ops/basic.ts';
import { abs, add, div, mul, sqrt, sub } from '../graph/ops/elementwise.ts';
import { resample } from '../graph/ops/linear.ts';
import { mean } from '../graph/ops/reduce.ts';
import { constant, scalar, type Tensor } from '../graph/tensor.ts';
import { bicubic } from '../nn/resize.ts';
import { byCell, fromCells, type GaussianMaps, type GaussianOptions, splat, splatting } from './gaussians.ts';
import { colours } from './guidance.ts';
import { tileWindows } from './tiles.ts';
import type { Upsampler } from './types.ts';

const NAMES = ['sx', 'sy', 'th', 'sr'] as const;

/** Adam with a falling rate. */
const FIT = { steps: 51, rate: 0.1, decay: 1e-8 ** (1 / 5100), beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

export const fitRate = (step: number): number => FIT.rate * FIT.decay ** step;

/** What one step of the fit computed, before it changed the maps. */
export interface FitStep {
  /** The guidance made again from its low-res copy, [B,3,H,W]. */
  rebuilt: Tensor;
  /** [B]: mean absolute difference. */
  loss: Tensor;
  gradients: GaussianMaps;
  /** The maps after the step. */
  maps: GaussianMaps;
}

/**
 * Fits the Gaussians of [h,w] cells to the guidance [B,3,s*h,s*w] alone: it is to be rebuilt from its bicubic low-res
 * copy. The whole fit is part of the graph, so it runs once per picture; each image of a batch is fitted by itself.
 *
 * @returns the low-res copy [B,3,h,w] and every step; the original takes 51.
 */
export function fitGaussians(
  guidance: Tensor,
  [h, w]: readonly [number, number],
  { steps = FIT.steps, ...options }: GaussianOptions & { steps?: number } = {},
): { low: Tensor; steps: FitStep[] } {
  const [b, , height, width] = guidance.shape;
  const low = resample(guidance, bicubic(height, h), bicubic(width, w));
  const { tiling, average } = splatting(guidance, [h, w], options);
  const windows = tileWindows(low, tiling, 'nearest');
  const target = byCell(guidance, tiling);
  const start = { sx: Math.log(16), sy: Math.log(16), th: 0, sr: Math.log(0.12) };
  let maps = eachMap(name => constant(new Float32Array(b * h * w).fill(start[name]), [b, 1, h, w]));
  let [first, second] = [eachMap(() => scalar(0)), eachMap(() => scalar(0))];
  const done: FitStep[] = [];
  for (let step = 0; step < steps; step++) {
    const rebuilt = average(maps, windows);
    const loss = mean(reshape(abs(sub(rebuilt, target)), [b, 3 * height * width]), [1]);
    const slopes = gradient(
      reshape(sum(loss, [0]), []),
      NAMES.map(name => maps[name]),
    );
    const gradients = eachMap((_, i) => slopes[i]);
    first = eachMap(name => add(mul(first[name], FIT.beta1), mul(gradients[name], 1 - FIT.beta1)));
    second = eachMap(name => {
      const squared = mul(gradients[name], gradients[name]);
      return add(mul(second[name], FIT.beta2), mul(squared, 1 - FIT.beta2));
    });
    const size = fitRate(step) / (1 - FIT.beta1 ** (step + 1));
    const correction = 1 / Math.sqrt(1 - FIT.beta2 ** (step + 1));
    const before = maps;
    maps = eachMap(name => {
      const divisor = add(mul(sqrt(second[name]), correction), FIT.epsilon);
      return sub(before[name], div(mul(first[name], size), divisor));
    });
    done.push({ rebuilt: fromCells(rebuilt, guidance.shape, tiling), loss: reshape(loss, [b]), gradients, maps });
  }
  return { low, steps: done };
}

function eachMap(value: (name: (typeof NAMES)[number], index: number) => Tensor): GaussianMaps {
  const [sx, sy, th, sr] = NAMES.map(value);
  return { sx, sy, th, sr };
}

export const upsampleAnything: Upsampler = {
  name: 'upsample-anything',
  description: 'Upsample Anything: Gaussians in space and colour, fitted to every picture in 51 steps',
  source: 'Seo et al. 2025, arXiv 2511.16301',
  licence: 'none needed',
  learned: false,
  linear: true,
  agnostic: true,
  ratio: 'whole',
  upsample(features, image, size, _, options) {
    const [h, w] = features.shape.slice(2);
    const factor = [size[0] / h, size[1] / w].map(Math.floor);
    const guidance = colours(image, [h * factor[0], w * factor[1]]);
    return splat(features, guidance, fitGaussians(guidance, [h, w], options).steps[FIT.steps - 1].maps);
  },
};
