import { slice } from '../../../src/graph/ops/layout.ts';
import { mean } from '../../../src/graph/ops/reduce.ts';
import type { Tensor } from '../../../src/graph/tensor.ts';
import { readTorch } from '../../../src/weights/torch.ts';
import type { Golden } from './golden.ts';

/** What cases of real checkpoints hold of a map: some channels and the mean over all. */
export const excerpts = (y: Tensor): Record<string, Tensor> => ({
  y,
  y_first8: slice(y, 1, 0, Math.min(8, y.shape[1])),
  y_first16: slice(y, 1, 0, Math.min(16, y.shape[1])),
  y_mean_channels: mean(y, [1]),
});

/** A case with the weights of its checkpoint. */
export function withCheckpoint(golden: Golden, checkpoint: string | undefined): Golden {
  if (checkpoint === undefined) return golden;
  const stored = [...readTorch(checkpoint)].map(([name, weight]) => [`weight.${name}`, weight] as const);
  return { ...golden, tensors: new Map([...golden.tensors, ...stored]) };
}
