import { reshape } from '../graph/ops/basic.ts';
import { transpose } from '../graph/ops/layout.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Scope } from '../nn/scope.ts';
import type { Upsampler } from './types.ts';

/** How often cells can be doubled before they would be more than the pixels asked for. */
export const doublingsWithin = ([h, w]: readonly number[], [height, width]: readonly number[]): number =>
  Math.max(0, Math.floor(Math.log2(Math.min(height / h, width / w))));

/** How often cells must be doubled until they are at least the pixels asked for. */
export const doublingsUpTo = ([h, w]: readonly number[], [height, width]: readonly number[]): number =>
  Math.max(0, Math.ceil(Math.log2(Math.max(height / h, width / w))));

/** Channels [B,C*4,h,w] -> pixels [B,C,2h,2w] (PyTorch's pixel shuffle): channel 4c + 2a + b is row a, column b. */
export function pixelShuffle(x: Tensor): Tensor {
  const [b, channels, h, w] = x.shape;
  const c = channels / 4;
  const parts = transpose(reshape(x, [b, c, 2, 2, h, w]), [0, 1, 4, 2, 5, 3]);
  return reshape(parts, [b, c, 2 * h, 2 * w]);
}

/** Operators of x2 that were never published for foundation models: `up1`, `up2` ... one after the other. */
export const doublingUpsampler = (
  entry: Pick<Upsampler, 'name' | 'description' | 'source'>,
  step: (features: Tensor, image: Tensor, scope: Scope) => Tensor,
): Upsampler => ({
  ...entry,
  licence: 'no weights published',
  learned: true,
  linear: false,
  agnostic: false,
  ratio: 'powers of 2',
  checkpoint: { spare: /^up\d\./ },
  upsample(features, image, size, scope) {
    const steps = doublingsWithin(features.shape.slice(2), size);
    let x = features;
    for (let i = 1; i <= steps; i++) x = step(x, image, scope.at(`up${i}`));
    return x;
  },
});
