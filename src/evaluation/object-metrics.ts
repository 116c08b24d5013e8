import { failed, type IouCurve, mean, noc } from './metrics.ts';

/** The IoU thresholds of the field's tables, in percent. */
export const thresholds = [80, 85, 90, 95] as const;
export type Percent = (typeof thresholds)[number];

export type MetricName = `noc${Percent}` | `nof${Percent}` | 'iou1' | 'miou5' | 'biou1' | 'biou5';

/** What metrics need of an evaluated object. */
export interface MeasuredCurve {
  /** Of the object; repetitions with other clicks share it. */
  id: string;
  /** Absent for the user who clicks centres. */
  repetition?: number;
  /** IoU after each click. */
  ious: IouCurve;
  /** Boundary IoU after each click, where it was measured. */
  boundary?: IouCurve;
}

/** When the simulated user stopped clicking at an object. */
export interface StopRule {
  maxClicks: number;
  /** IoU, 0..1, that ended an object; null where every object got `maxClicks`. */
  targetIou: number | null;
}

/** A number that every object has and tables average: NoC, whether the object failed, IoU after some clicks. */
export interface ObjectMetric {
  name: MetricName;
  title: string;
  meaning: string;
  better: 'low' | 'high';
  /** What the values count: clicks; 0 or 1, whose sum counts objects; or a fraction 0..1. */
  unit: 'clicks' | 'failures' | 'fraction';
  /** One value per curve, or null where the curves do not tell. */
  values(curves: readonly MeasuredCurve[], stop: StopRule): number[] | null;
}

/** Every metric that is a mean or a sum over objects. */
export const objectMetrics: readonly ObjectMetric[] = [
  ...thresholds.map(
    (t): ObjectMetric => ({
      name: `noc${t}`,
      title: `NoC${t}`,
      meaning: `clicks to an IoU of ${t} %`,
      better: 'low',
      unit: 'clicks',
      values: (curves, stop) =>
        isDecided(curves, t / 100, stop) ? curves.map(({ ious }) => noc(ious, t / 100, stop.maxClicks)) : null,
    }),
  ),
  ...thresholds.map(
    (t): ObjectMetric => ({
      name: `nof${t}`,
      title: `NoF${t}`,
      meaning: `objects that never reach an IoU of ${t} %`,
      better: 'low',
      unit: 'failures',
      values: (curves, stop) =>
        isDecided(curves, t / 100, stop) ? curves.map(({ ious }) => Number(failed(ious, t / 100))) : null,
    }),
  ),
  after('iou1', 'IoU@1', 'IoU after the first click', 1, curve => curve.ious),
  after('miou5', '5-mIoU', 'IoU after the fifth click', 5, curve => curve.ious),
  after('biou1', 'BIoU@1', 'boundary IoU after the first click', 1, curve => curve.boundary),
  after('biou5', '5-mBIoU', 'boundary IoU after the fifth click', 5, curve => curve.boundary),
];

/**
 * One value per object from one per curve, in order of first appearance. Repetitions of an object are averaged: they are
 * no further objects, and counting them as such would make intervals too narrow.
 */
export function perObject(curves: readonly { id: string }[], values: ArrayLike<number>): number[] {
  const groups = new Map<string, number[]>();
  for (const [i, { id }] of curves.entries()) {
    const group = groups.get(id);
    if (group) group.push(values[i]);
    else groups.set(id, [values[i]]);
  }
  return [...groups.values()].map(group => mean(group));
}

/**
 * Whether curves tell the NoC and NoF of a threshold. What stops at a target IoU may still have reached a higher one
 * later; above the target nothing is reported, also where every object happens to have passed the threshold, so that
 * the rows of a table agree in what they have.
 */
function isDecided(curves: readonly MeasuredCurve[], threshold: number, { maxClicks, targetIou }: StopRule): boolean {
  if (targetIou !== null && threshold > targetIou) return false;
  return curves.every(({ ious }) => ious.length >= maxClicks || !failed(ious, threshold));
}

/** The value after click k, known where every curve goes so far: a mean over the slow objects alone would mislead. */
function after(
  name: MetricName,
  title: string,
  meaning: string,
  click: number,
  curveOf: (curve: MeasuredCurve) => IouCurve | undefined,
): ObjectMetric {
  const values = (curves: readonly MeasuredCurve[]) => {
    const found = curves.map(curve => curveOf(curve)?.[click - 1]);
    return found.every(value => value !== undefined) ? found : null;
  };
  return { name, title, meaning, better: 'high', unit: 'fraction', values };
}
