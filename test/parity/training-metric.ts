import { AdaptiveIou, type AdaptiveIouConfig } from '../../src/training/adaptive-iou.ts';
import { type Check, near, same } from './case.ts';

/** A batch and the reference's state after it. */
export interface MetricUpdate {
  logits: Float32Array;
  targets: Float32Array;
  batch: number;
  thresh: number;
  ema: number;
  epoch_value: number;
  count: number;
}

/** Runs the training metric through successive batches. */
export function checkAdaptiveIou(updates: readonly MetricUpdate[], config?: AdaptiveIouConfig): Check[] {
  const metric = new AdaptiveIou(config);
  return updates.flatMap((update, i) => {
    metric.update(update.logits, update.targets, update.batch);
    const { threshold, movingIou, epochBatches } = metric.state;
    return [
      near(`threshold after batch ${i}`, threshold, update.thresh, 1e-13),
      near(`moving IoU after batch ${i}`, movingIou, update.ema, 1e-13),
      near(`IoU of the epoch after batch ${i}`, metric.epochIou(), update.epoch_value, 1e-13),
      same(`batches after batch ${i}`, epochBatches, update.count),
    ];
  });
}
