import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { box, type Contour, ellipse, hole, limb, polygon, ring, stroke, transform } from './contour.ts';
import { blur, coverageOf, type Patch } from './coverage.ts';

const sum = (patch: Patch) => patch.data.reduce((total, v) => total + v, 0);
const at = (patch: Patch, x: number, y: number) => patch.data[(y - patch.top) * patch.width + x - patch.left];
const number = (min: number, max: number) => fc.double({ min, max, noNaN: true });

function shoelace(contour: Contour): number {
  let twice = 0;
  for (let i = 0, j = contour.length - 2; i < contour.length; j = i, i += 2) {
    twice += contour[j] * contour[i + 1] - contour[i] * contour[j + 1];
  }
  return Math.abs(twice) / 2;
}

describe('coverageOf', () => {
  it('gives the covered part of each pixel', () => {
    const patch = coverageOf([box(1.25, 2, 3.5, 3.5)]);
    expect(at(patch, 1, 2)).toBeCloseTo(0.75, 6);
    expect(at(patch, 2, 2)).toBeCloseTo(1, 6);
    expect(at(patch, 3, 2)).toBeCloseTo(0.5, 6);
    expect(at(patch, 2, 3)).toBeCloseTo(0.5, 6);
    expect(at(patch, 3, 3)).toBeCloseTo(0.25, 6);
  });

  it('sums to the exact area of any triangle or ellipse, wherever it lies', () => {
    fc.assert(
      fc.property(fc.array(number(-40, 60), { minLength: 6, maxLength: 6 }), points => {
        const contour = polygon(points);
        expect(sum(coverageOf([contour]))).toBeCloseTo(shoelace(contour), 1);
      }),
    );
    fc.assert(
      fc.property(
        number(-20, 50),
        number(-20, 50),
        number(1, 30),
        number(1, 30),
        number(0, 3),
        (x, y, rx, ry, turn) => {
          const contour = ellipse(x, y, rx, ry, turn);
          expect(sum(coverageOf([contour]))).toBeCloseTo(shoelace(contour), 1);
        },
      ),
    );
  });

  it('unites overlapping solids and cuts holes out, mirrored too', () => {
    const mirror = [-1, 0, 0, 1, 0, 0] as const;
    const united = [box(0, 0, 10, 10), box(5, 5, 15, 15)];
    expect(sum(coverageOf(united))).toBeCloseTo(175, 3);
    expect(sum(coverageOf(united.map(c => transform(c, mirror))))).toBeCloseTo(175, 3);
    const hollow = [box(0, 0, 10, 10), hole(box(2, 2, 8, 8))];
    expect(sum(coverageOf(hollow))).toBeCloseTo(64, 3);
    expect(sum(coverageOf(hollow.map(c => transform(c, mirror))))).toBeCloseTo(64, 3);
    expect(at(coverageOf(ring(20, 20, 10, 10, 3)), 20, 20)).toBe(0);
  });

  it('takes nearly level edges', () => {
    expect(sum(coverageOf([polygon([0, 0, 10, Number.MIN_VALUE, 5, 5])]))).toBeCloseTo(25, 5);
    expect(sum(coverageOf([polygon([0, 0, 10, 1e-8, 5, 5])]))).toBeCloseTo(25, 5);
  });

  it('draws a bent stroke without gaps at its joints', () => {
    const patch = coverageOf(stroke([0, 0, 20, 0, 20, 20, 40, 25], 3));
    for (const [x, y] of [
      [10, 0],
      [19, 0],
      [19, 10],
      [20, 19],
      [30, 22],
    ]) {
      expect(at(patch, x, y)).toBeCloseTo(1, 5);
    }
    expect(at(patch, 10, 10)).toBe(0);
  });

  it('makes a limb the hull of its two circles', () => {
    const cone = shoelace(limb(0, 0, 4, 20, 0, 2));
    const tangent = Math.acos(2 / 20);
    const exact = 20 * Math.sin(tangent) * 6 + 16 * (Math.PI - tangent) + 4 * tangent;
    expect(cone / exact).toBeGreaterThan(0.96);
    expect(cone / exact).toBeLessThanOrEqual(1);
    expect(shoelace(limb(0, 0, 4, 1, 0, 2)) / (16 * Math.PI)).toBeGreaterThan(0.98);
  });
});

describe('blur', () => {
  it('keeps the sum and spreads a point evenly over its neighbours', () => {
    const point: Patch = { left: 4, top: 7, width: 1, height: 1, data: Float32Array.of(1) };
    const soft = blur(point, 2);
    expect(sum(soft)).toBeCloseTo(1, 5);
    expect(at(soft, 2, 7)).toBeCloseTo(at(soft, 6, 7), 6);
    expect(at(soft, 4, 5)).toBeCloseTo(at(soft, 4, 9), 6);
    expect(at(soft, 4, 7)).toBeGreaterThan(at(soft, 6, 7));
  });
});
