import { describe, expect, it } from 'vitest';
import { countAtMax, failed, meanIouCurve, noc } from './metrics.ts';

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
