import type { Tensor } from '../tensor.ts';
import { commute } from './commute.ts';
import { winograd } from './winograd.ts';

/** The passes that change how a forward graph is computed; each can be switched off, none changes what is computed. */
export interface Passes {
  /** Convolutions below linear upsampling. */
  commute: boolean;
  /** 3x3 convolutions as F(4x4, 3x3). */
  winograd: boolean;
  /** Bound on one band of Winograd's transformed maps, in bytes. */
  bandBytes: number;
}

export const defaultPasses: Passes = { commute: true, winograd: true, bandBytes: 64e6 };

/** Runs the passes. To be called before `gradient`, which then differentiates the faster form. */
export function prepare(outputs: readonly Tensor[], passes: Passes = defaultPasses): Tensor[] {
  const commuted = passes.commute ? commute(outputs) : [...outputs];
  return passes.winograd ? winograd(commuted, passes) : commuted;
}
