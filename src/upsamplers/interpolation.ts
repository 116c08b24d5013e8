import { resample } from '../graph/ops/linear.ts';
import type { Matrix } from '../graph/tensor.ts';
import { bicubic, bilinear, nearest } from '../nn/resize.ts';
import type { Upsampler } from './types.ts';
import { unlearned } from './unlearned.ts';

const classic = {
  source: 'classic interpolation',
  ...unlearned,
};

const interpolation = (name: string, description: string, axis: (from: number, to: number) => Matrix): Upsampler => ({
  ...classic,
  name,
  description,
  upsample(features, _, [height, width]) {
    const [h, w] = features.shape.slice(2);
    return resample(features, axis(h, height), axis(w, width));
  },
});

/** Low-res: the head runs on the backbone's own grid and its logits are resized. */
export const none: Upsampler = {
  ...classic,
  name: 'none',
  description: 'low-res: the head runs on the grid of the backbone, its logits are resized',
  upsample: features => features,
};

export const nearestNeighbour = interpolation('nearest', 'nearest neighbour', nearest);

export const bilinearInterpolation = interpolation('bilinear', 'bilinear, corners aligned', (from, to) =>
  bilinear(from, to, { alignCorners: true }),
);

export const bicubicInterpolation = interpolation('bicubic', 'bicubic (A = -.75), corners not aligned', (from, to) =>
  bicubic(from, to),
);
