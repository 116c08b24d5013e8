import type { Weights } from '../../weights/weight.ts';
import type { CheckpointTarget } from '../read-checkpoint.ts';
import type { Upsampler } from '../types.ts';
import type { FileRecord } from './entry.ts';

/** Builds what an upsampler computes: features [B,C,h,w] -> [B,C,h',w']. See `Upsampler`. */
export type Upsample = Upsampler['upsample'];

/** What a file with an upsampler exports as its default; `upsample` alone will do. */
export interface UpsamplerModule extends Partial<Omit<Upsampler, 'weights' | 'checkpoint' | 'imageFactor'>> {
  upsample: Upsample;
  /** File of its weights, seen from the folder of the module, with tensors named as the scope names parameters. */
  weights?: string;
}

/** An upsampler out of a file of one's own. */
export interface OwnUpsampler extends Upsampler {
  file: FileRecord;
  /**
   * Its weights, and where they come from: null where it has none.
   *
   * @param given another file of them than its own.
   * @throws UserError where they are missing, not needed, or do not fit.
   */
  load(target: CheckpointTarget, given?: string, onNote?: (text: string) => void): LoadedWeights;
}

export interface LoadedWeights {
  weights: Weights;
  from: string | null;
}

export const isOwn = (upsampler: Upsampler): upsampler is OwnUpsampler => 'file' in upsampler;
