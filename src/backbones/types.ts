import type { Shape, Tensor } from '../graph/tensor.ts';
import type { Scope } from '../nn/scope.ts';

/** Loaded parameters by their original names. */
export type Weights = Map<string, { shape: Shape; data: Float32Array }>;

/** A frozen vision foundation model as the probe sees it. */
export interface Backbone {
  name: string;
  description: string;
  /** Paper and origin of the weights. */
  source: string;
  licence: string;
  /** Image pixels per feature cell. */
  stride: number;
  /** Channels of the features. */
  channels: number;
  /**
   * What the probe multiplies features by, so that their standard deviation is about 1, which the initial weights of
   * the heads expect: without it a probe on small features hardly learns.
   */
  featureScale: number;
  /**
   * Where clicks enter early: channels and stride of the tokens they are added to, and what the maps of positive and
   * negative clicks are multiplied by, so that a click is not lost among the tokens at initial weights.
   */
  early: { channels: number; stride: number; gain: number };
  /** What the model subtracts from and divides RGB in 0..1 by. */
  normalisation: { mean: readonly [number, number, number]; std: readonly [number, number, number] };
  /**
   * Features [B,C,H/stride,W/stride] of a normalised image [B,3,H,W].
   *
   * @param clicks [B,early.channels,H/early.stride,W/early.stride], added at the early injection point.
   */
  features(image: Tensor, scope: Scope, clicks?: Tensor): Tensor;
  /**
   * Loads the weights.
   *
   * @param path a file of them; by default what an installed package brings.
   * @throws UserError that says how to get them where they are missing or do not fit.
   */
  weights(path?: string): Promise<Weights>;
}
