import type { Tensor } from '../graph/tensor.ts';
import type { Scope } from '../nn/scope.ts';

/** What a head may see beside the map whose pixels it classifies. */
interface Surroundings {
  /** The backbone's own map [B,C,h,w] of which the others were made, clicks included. */
  grid: Tensor;
  /** The coarser maps of a neck [B,Ci,hi,wi], from fine to coarse; none without a neck. */
  coarser: readonly Tensor[];
}

/** Lengths in pixels of the image. */
export interface Sides {
  /** Of a pixel of the map whose pixels are classified. */
  pixel: number;
  /** Of a cell of the backbone's grid. */
  cell: number;
  /** Of a pixel of the coarsest map of a neck; `pixel` by default. */
  coarsest?: number;
}

/** Features -> logits. */
export interface Head {
  name: string;
  description: string;
  /** Looks at the coarser maps of a neck too. */
  multiScale: boolean;
  /** The side in pixels of the image of the square of features that decides one logit; norms not counted. */
  receptiveField(sides: Sides): number;
  /**
   * Features [B,C,H,W] -> logits [B,1,H',W'], (H',W') being (H,W) or a power of 2 times as large.
   *
   * @param width channels between the layers; parameters are named as in the original code.
   * @param surroundings by default the features are the backbone's own map and the only one.
   */
  logits(features: Tensor, scope: Scope, width: number, surroundings?: Surroundings): Tensor;
}
