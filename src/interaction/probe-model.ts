import type { Program } from '../runtime/program.ts';
import type { ClickModel } from './model.ts';

/**
 * A compiled probe as click model. The picture is fed only when it changes, so that what depends on it alone is kept
 * over the clicks.
 */
export function probeClickModel(program: Program): ClickModel {
  let fresh: { image: Float32Array } | null = null;
  return {
    async setImage(image) {
      fresh = { image };
    },
    async predict(clicks) {
      const { logits } = await program.run('predict', { clicks, ...fresh });
      fresh = null;
      return logits;
    },
  };
}
