import type { Tensor } from '../graph/tensor.ts';
import type { Scope } from '../nn/scope.ts';

/** Brings features to a finer grid, guided by the image or not. */
export interface Upsampler {
  name: string;
  description: string;
  /** Paper or code it follows. */
  source: string;
  licence: string;
  /** Has parameters of its own. */
  learned: boolean;
  /** Linear in the features, with one spatial kernel for all channels. */
  linear: boolean;
  /** Serves any backbone without training. */
  agnostic: boolean;
  /**
   * Features [B,C,h,w] -> [B,C,h',w'] with (h',w') at most `size`; the probe brings what is smaller to `size` bilinearly.
   *
   * @param image [B,3,H,W], ImageNet-normalised.
   * @param size [H',W'] asked for.
   */
  upsample(features: Tensor, image: Tensor, size: readonly [number, number], scope: Scope): Tensor;
}
