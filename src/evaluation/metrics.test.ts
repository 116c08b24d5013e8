import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { iou } from '../interaction/iou.ts';
import { countAtMax, failed, mean, meanIouCurve, noc } from './metrics.ts';

const file = join(import.meta.dirname, '../../../shared/golden/protocol/metrics.json');
const hasGolden = existsSync(file);
if (!hasGolden) console.warn(`skipped: parity of metrics, ${file} is absent`);

describe('NoC', () => {
  it('is the first click that reaches the threshold, also if a later one falls below', () => {
    expect(noc([0.5, 0.9, 0.7], 0.9, 20)).toBe(2);
    expect(noc([0.5, 0.9, 0.7], 0.91, 20)).toBe(20);
  });

  it('compares as float32', () => {
    expect(noc([Math.fround(0.9)], 0.9, 20)).toBe(1);
    expect(noc([0.8999999], 0.9, 20)).toBe(20);
  });
});

it('an object that gets there at the last click is no failure, but counts in >=20@t', () => {
  const curves = [
    [0.1, 0.95],
    [0.1, 0.2],
    [0.95, 0.2],
  ];
  expect(curves.map(curve => failed(curve, 0.9))).toEqual([false, true, false]);
  expect(countAtMax(curves, 0.9, 2)).toBe(2);
});

it('the mean curve goes as far as every curve', () => {
  expect(
    meanIouCurve([
      [0.5, 0.75, 1],
      [0, 0.25],
    ]),
  ).toEqual([0.25, 0.5]);
  expect(meanIouCurve([])).toEqual([]);
});

describe.skipIf(!hasGolden)('parity with the reference', () => {
  const golden = hasGolden ? JSON.parse(readFileSync(file, 'utf8')) : {};

  it('IoU; 1 where the reference has 0/0', () => {
    for (const { h, w, gt_rle, pred_rle, iou: expected } of golden.get_iou.cases) {
      // other labels than 1 and -1 are background
      const target = { width: w, height: h, data: Int8Array.from(runs(gt_rle), v => (v === 1 || v === -1 ? v : 0)) };
      const prediction = { width: w, height: h, data: Uint8Array.from(runs(pred_rle)) };
      expect(iou(target, prediction)).toBe(expected ?? 1);
    }
  });

  it('NoC, objects at the last click, mean IoUs', () => {
    for (const { name, ious, thresholds, max_clicks, ...expected } of golden.noc.cases) {
      const curves: number[][] = ious.map((curve: (number | null)[]) => curve.map(value => value ?? Number.NaN));
      const found = {
        noc: thresholds.map((t: number) => mean(curves.map(curve => noc(curve, t, max_clicks)))),
        over_max: thresholds.map((t: number) => countAtMax(curves, t, max_clicks)),
      };
      expect({ name, over_max: found.over_max }).toEqual({ name, over_max: expected.over_max });
      for (const [i, value] of found.noc.entries()) expect(value).toBeCloseTo(expected.noc[i], 12);
      const miou = meanIouCurve(curves);
      expect(miou.length).toBe(expected.min_num_clicks);
      for (const [k, value] of miou.entries()) expectNear(value, expected.miou_at_k[k]);
      expectNear(mean(curves.map(curve => curve[0])), expected.iou_at_1);
    }
  });
});

function* runs(rle: number[]): Generator<number> {
  for (let i = 0; i < rle.length; i += 2) for (let n = 0; n < rle[i + 1]; n++) yield rle[i];
}

/** The reference sums in float32; null is NaN. */
function expectNear(value: number, expected: number | null): void {
  if (expected === null) expect(value).toBeNaN();
  else expect(value).toBeCloseTo(expected, 6);
}
