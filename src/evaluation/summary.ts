import { UserError } from '../base/errors.ts';
import { bootstrapInterval, type Interval } from './bootstrap.ts';
import type { ObjectCurve } from './evaluate.ts';
import { countAtMax, failed, mean, meanIouCurve, noc } from './metrics.ts';

/** The IoU thresholds of the field's tables, in percent. */
export const thresholds = [80, 85, 90, 95] as const;
type Threshold = (typeof thresholds)[number];

/** One method on one data set. IoUs are fractions, 0..1. */
export type Summary = {
  objects: number;
  maxClicks: number;
  /** Mean IoU after the first click. */
  iou1: number;
  /** Mean IoU after k clicks at index k - 1, up to the shortest curve. */
  miou: number[];
  secondsPerClick: number;
  /** Bootstrap intervals over objects, 95 %. */
  ci: Record<`noc${Threshold}` | 'iou1', Interval>;
} & {
  /** Mean number of clicks to the threshold. */
  [key in `noc${Threshold}`]: number;
} & {
  /** Objects that never reach it. */
  [key in `nof${Threshold}`]: number;
} & {
  /** Objects that score `maxClicks`, the tables' ">=20@t": the failures and those that reach it at the last click. */
  [key in `atMax${Threshold}`]: number;
};

/**
 * A table's row from per-object curves. Curves that stopped at a target IoU give the right NoC up to that IoU.
 *
 * @throws UserError where there are no curves or a curve is longer than `maxClicks`
 */
export function summarize(
  curves: readonly Pick<ObjectCurve, 'id' | 'ious' | 'seconds'>[],
  { maxClicks = 20, seed = 0, resamples = 2000 }: { maxClicks?: number; seed?: number; resamples?: number } = {},
): Summary {
  if (curves.length === 0) throw new UserError('no curves to summarise: evaluate at least one object');
  for (const { id, ious } of curves) {
    if (ious.length === 0 || ious.length > maxClicks) {
      throw new UserError(
        `object ${id} has ${ious.length} clicks, expected 1..${maxClicks}: was it evaluated with another limit?`,
      );
    }
  }
  const ious = curves.map(curve => curve.ious);
  const first = ious.map(curve => curve[0]);
  const interval = (values: number[]) => bootstrapInterval(values, { seed, resamples });
  const columns = thresholds.map(t => {
    const counts = ious.map(curve => noc(curve, t / 100, maxClicks));
    return {
      values: {
        [`noc${t}`]: mean(counts),
        [`nof${t}`]: ious.filter(curve => failed(curve, t / 100)).length,
        [`atMax${t}`]: countAtMax(ious, t / 100, maxClicks),
      },
      ci: { [`noc${t}`]: interval(counts) },
    };
  });
  const clicks = ious.reduce((sum, curve) => sum + curve.length, 0);
  return {
    objects: curves.length,
    maxClicks,
    iou1: mean(first),
    miou: meanIouCurve(ious),
    secondsPerClick: curves.reduce((sum, curve) => sum + curve.seconds, 0) / clicks,
    ...Object.assign({}, ...columns.map(column => column.values)),
    ci: Object.assign({ iou1: interval(first) }, ...columns.map(column => column.ci)),
  };
}
