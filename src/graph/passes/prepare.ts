import type { Tensor } from '../tensor.ts';
import { chunkAttention } from './attention.ts';
import { commute } from './commute.ts';
import { reductions } from './reductions.ts';
import { windowRuns } from './windows.ts';
import { type WinogradOptions, winograd } from './winograd.ts';

/** The passes that change how a forward graph is computed; each can be switched off, none changes what is computed. */
export interface Passes extends Omit<WinogradOptions, 'forGradient'> {
  /** Convolutions below linear upsampling. */
  commute: boolean;
  /** 3x3 convolutions as products at the points of tiles. */
  winograd: boolean;
  /** Attention makes no larger matrix than this, in bytes. */
  attentionBytes: number;
}

export const defaultPasses: Passes = {
  commute: true,
  winograd: true,
  attentionBytes: 64e6,
  bandBytes: 16e6,
  keepBytes: 64e6,
};

/** Runs the passes. To be called before `gradient`, which then differentiates the faster form. */
export function prepare(
  outputs: readonly Tensor[],
  passes: Passes = defaultPasses,
  { forGradient }: { forGradient: boolean } = { forGradient: true },
): Tensor[] {
  const inRuns = forGradient ? outputs : windowRuns(outputs, passes.attentionBytes);
  const chunked = chunkAttention(inRuns, passes.attentionBytes);
  const commuted = passes.commute ? commute(chunked) : chunked;
  const reduced = forGradient ? commuted : reductions(commuted, passes);
  return passes.winograd ? winograd(reduced, { ...passes, forGradient }) : reduced;
}
