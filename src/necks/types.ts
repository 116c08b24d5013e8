import type { Tensor } from '../graph/tensor.ts';
import type { Scope } from '../nn/scope.ts';

/** What a neck makes its maps of. Clicks that are injected late are in both. */
export interface NeckInput {
  /** The backbone's own map [B,C,h,w]. */
  grid: Tensor;
  /** The same features upsampled to a size, by the probe's upsampler; the grid itself where there is none. */
  upsampled(size: readonly [number, number]): Tensor;
  /** [H,W] of the image. */
  size: readonly [number, number];
}

/** Makes maps of several scales of the backbone's last map, to be trained with the head. */
export interface Neck {
  name: string;
  description: string;
  source: string;
  /** Makes its fine maps with the probe's upsampler; otherwise by layers of its own. */
  usesUpsampler: boolean;
  /** @returns maps [B,Ci,hi,wi] from fine to coarse; Ci are multiples of `width` unless said otherwise. */
  maps(input: NeckInput, scope: Scope, width: number): Tensor[];
  /** Pixels of the image that a pixel of the coarsest map covers, per pixel that a cell of the grid covers. */
  coarsestCells: number;
}
