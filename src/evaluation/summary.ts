import { UserError } from '../base/errors.ts';
import { bootstrapMeans, type Interval } from './bootstrap.ts';
import type { ObjectCurve } from './evaluate.ts';
import { countAtMax, failed, mean, meanIouCurve, noc } from './metrics.ts';

/** The IoU thresholds of the field's tables, in percent. */
const thresholds = [80, 85, 90, 95] as const;
type Percent = (typeof thresholds)[number];

/**
 * One method on one data set. IoUs are fractions, 0..1. Per threshold, `noc`: mean number of clicks to reach it,
 * `maxClicks` for a failure; `nof`: number of objects that never reach it; `atMax`: number of objects that score
 * `maxClicks`, the tables' ">=20@t".
 */
export interface Summary
  extends Record<`noc${Percent}`, number>,
    Record<`nof${Percent}`, number>,
    Record<`atMax${Percent}`, number> {
  objects: number;
  maxClicks: number;
  /** Mean IoU after the first click. */
  iou1: number;
  /** Mean IoU after k clicks at index k - 1, up to the shortest curve. */
  miou: number[];
  secondsPerClick: number;
  /** 95 % bootstrap intervals over objects, in the units of the values. */
  ci: Record<`noc${Percent}` | 'iou1', Interval> & { miou: Interval[] };
}

export interface SummaryOptions {
  /** What the curves were evaluated with. Default 20. */
  maxClicks?: number;
  /** Of the bootstrap. Default 0. */
  seed?: number;
  /** Default 2,000. */
  resamples?: number;
}

/**
 * A table's row from per-object curves. Curves that stopped at a target IoU give the right NoC and NoF up to that IoU.
 *
 * @throws UserError where there are no curves, or one has no clicks or more than `maxClicks`
 */
export function summarize(
  curves: readonly Pick<ObjectCurve, 'id' | 'ious' | 'seconds'>[],
  { maxClicks = 20, seed, resamples }: SummaryOptions = {},
): Summary {
  if (curves.length === 0) throw new UserError('no curves to summarise: evaluate at least one object');
  for (const { id, ious } of curves) {
    if (ious.length === 0 || ious.length > maxClicks) {
      throw new UserError(
        `object ${id} has ${ious.length} clicks, expected 1..${maxClicks}: give the limit it was evaluated with`,
      );
    }
  }
  const ious = curves.map(curve => curve.ious);
  const miou = meanIouCurve(ious);
  const clicks = ious.reduce((sum, curve) => sum + curve.length, 0);
  const counts = perThreshold('noc', t => ious.map(curve => noc(curve, t, maxClicks)));
  const columns: Record<string, ArrayLike<number>> = { ...counts };
  for (const k of miou.keys()) columns[k] = ious.map(curve => curve[k]);
  const intervals = bootstrapMeans(columns, { seed, resamples });
  return {
    objects: curves.length,
    maxClicks,
    iou1: miou[0],
    miou,
    secondsPerClick: curves.reduce((sum, curve) => sum + curve.seconds, 0) / clicks,
    ...perThreshold('noc', (_, t) => mean(counts[`noc${t}`])),
    ...perThreshold('nof', t => ious.filter(curve => failed(curve, t)).length),
    ...perThreshold('atMax', t => countAtMax(ious, t, maxClicks)),
    ci: {
      ...perThreshold('noc', (_, t) => intervals[`noc${t}`]),
      iou1: intervals[0],
      miou: miou.map((_, k) => intervals[k]),
    },
  };
}

function perThreshold<N extends string, T>(
  name: N,
  value: (threshold: number, percent: Percent) => T,
): Record<`${N}${Percent}`, T> {
  return Object.fromEntries(thresholds.map(t => [`${name}${t}`, value(t / 100, t)])) as Record<`${N}${Percent}`, T>;
}
