import { resample } from '../graph/ops/linear.ts';
import type { Tensor } from '../graph/tensor.ts';
import { bilinear } from '../nn/resize.ts';
import type { Upsampler } from './types.ts';
import { unlearned } from './unlearned.ts';

/** What the backbone and the click encoder see in place of a map [B,C,H,W]: [B, C, H*factor, W*factor], bilinear. */
export function enlarged(map: Tensor, factor: number): Tensor {
  if (factor === 1) return map;
  const [h, w] = map.shape.slice(2);
  const half = { alignCorners: false };
  return resample(map, bilinear(h, h * factor, half), bilinear(w, w * factor, half));
}

/**
 * No upsampling at all: the backbone sees the image enlarged, so that its features come finer. What upsamplers try to
 * come near to, at the cost of attention over `factor`^2 times as many tokens.
 */
export const largeImage = (factor: number): Upsampler => ({
  name: `large-image-x${factor}`,
  description: `the backbone sees the image ${factor} times as large, then bilinear`,
  source: 'upper baseline; LiFT (Suri et al. 2024) compares with it',
  ...unlearned,
  imageFactor: factor,
  upsample(features, _, [height, width]) {
    const [h, w] = features.shape.slice(2);
    const aligned = { alignCorners: true };
    return resample(features, bilinear(h, height, aligned), bilinear(w, width, aligned));
  },
});
