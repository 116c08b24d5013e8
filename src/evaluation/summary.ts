import { UserError } from '../base/errors.ts';
import { bootstrapMeans, type Interval } from './bootstrap.ts';
import { countAtMax, mean, meanIouCurve } from './metrics.ts';
import {
  type MeasuredCurve,
  type MetricName,
  objectMetrics,
  type Percent,
  perObject,
  thresholds,
} from './object-metrics.ts';

/**
 * One method on one data set. IoUs are fractions, 0..1. Per threshold, `noc`: mean number of clicks to reach it,
 * `maxClicks` for a failure; `nof`: number of objects that never reach it; `atMax`: number of objects that score
 * `maxClicks`, the tables' ">=20@t". Null is what the curves do not tell: thresholds above the IoU at which objects
 * were stopped, clicks that not every curve goes to, boundary IoUs that were not measured.
 */
export interface Summary
  extends Record<`noc${Percent}`, number | null>,
    Record<`nof${Percent}`, number | null>,
    Record<`atMax${Percent}`, number | null> {
  objects: number;
  maxClicks: number;
  /** Mean IoU after the first click. */
  iou1: number;
  /** Mean IoU after the fifth click, "5-mIoU". */
  miou5: number | null;
  /** Mean boundary IoU after the first and the fifth click. */
  biou1: number | null;
  biou5: number | null;
  /** Mean IoU after k clicks at index k - 1, up to the shortest curve. */
  miou: number[];
  secondsPerClick: number;
  /** 95 % bootstrap intervals over objects, in the units of the values; null as these. */
  ci: Record<`noc${Percent}` | 'miou5' | 'biou1' | 'biou5', Interval | null> & { iou1: Interval; miou: Interval[] };
}

export interface SummaryOptions {
  /** What the curves were evaluated with. Default 20. */
  maxClicks?: number;
  /** The IoU, 0..1, at which objects were stopped. Default null: never. */
  targetIou?: number | null;
  /** Of the bootstrap. Default 0. */
  seed?: number;
  /** Default 2,000. */
  resamples?: number;
}

/**
 * A table's row from per-object curves. Curves that stopped at a target IoU give NoC and NoF up to that IoU; what lies
 * above it is null. Repetitions of an object are averaged first; `nof` and `atMax` may then be fractional.
 *
 * @throws UserError where there are no curves, or one has no clicks or more than `maxClicks`
 */
export function summarize(
  curves: readonly (MeasuredCurve & { seconds: number })[],
  { maxClicks = 20, targetIou = null, seed, resamples }: SummaryOptions = {},
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
  const clicks = ious.reduce((count, curve) => count + curve.length, 0);

  const columns: Partial<Record<MetricName | number, number[]>> = {};
  for (const metric of objectMetrics) {
    const values = metric.values(curves, { maxClicks, targetIou });
    if (values) columns[metric.name] = perObject(curves, values);
  }
  for (const k of miou.keys())
    columns[k] = perObject(
      curves,
      ious.map(curve => curve[k]),
    );
  const objects = columns[0]!.length;
  const meanOf = (name: MetricName) => (columns[name] ? mean(columns[name]) : null);
  // every object has as many repetitions as any other
  const atMax = (t: Percent) => (countAtMax(ious, t / 100, maxClicks) * objects) / curves.length;
  const intervals = bootstrapMeans(columns as Record<string, number[]>, { seed, resamples });
  const intervalOf = (name: MetricName) => intervals[name] ?? null;
  return {
    objects,
    maxClicks,
    iou1: miou[0],
    miou5: meanOf('miou5'),
    biou1: meanOf('biou1'),
    biou5: meanOf('biou5'),
    miou,
    secondsPerClick: curves.reduce((sum, curve) => sum + curve.seconds, 0) / clicks,
    ...perThreshold('noc', t => meanOf(`noc${t}`)),
    ...perThreshold('nof', t => columns[`nof${t}`]?.reduce((sum, failures) => sum + failures, 0) ?? null),
    ...perThreshold('atMax', t => (columns[`noc${t}`] ? atMax(t) : null)),
    ci: {
      ...perThreshold('noc', t => intervalOf(`noc${t}`)),
      iou1: intervals.iou1,
      miou5: intervalOf('miou5'),
      biou1: intervalOf('biou1'),
      biou5: intervalOf('biou5'),
      miou: miou.map((_, k) => intervals[k]),
    },
  };
}

function perThreshold<N extends string, T>(name: N, value: (percent: Percent) => T): Record<`${N}${Percent}`, T> {
  return Object.fromEntries(thresholds.map(t => [`${name}${t}`, value(t)])) as Record<`${N}${Percent}`, T>;
}
