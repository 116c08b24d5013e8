import type { Click } from '../clicks/maps.ts';

/** Clicks as numbers, for networks that take points rather than maps of them. */
export interface PointTensor {
  shape: readonly [batch: number, points: number, values: 3];
  data: Float64Array;
}

/**
 * Clicks as RITM's networks take them (arXiv 2102.06583), [B, 2N, 3]: rows (y, x, order), N for positive clicks, then N
 * for negative ones, unused rows (-1, -1, -1). `order` counts from 0 over both signs.
 *
 * @param rows the clicks of each batch row, oldest first
 * @param limit only the first so many clicks are given (the original's `net_clicks_limit`)
 */
export function pointTensor(rows: readonly (readonly Click[])[], limit = Infinity): PointTensor {
  const most = (clicks: readonly Click[]) => {
    const positive = clicks.filter(click => click.positive).length;
    return Math.max(positive, clicks.length - positive);
  };
  const places = Math.max(1, Math.min(limit, Math.max(0, ...rows.map(most))));
  const data = new Float64Array(rows.length * 2 * places * 3).fill(-1);
  for (const [b, clicks] of rows.entries()) {
    let positives = 2 * b * places;
    let negatives = positives + places;
    for (const [order, { y, x, positive }] of clicks.slice(0, limit).entries()) {
      data.set([y, x, order], 3 * (positive ? positives++ : negatives++));
    }
  }
  return { shape: [rows.length, 2 * places, 3], data };
}
