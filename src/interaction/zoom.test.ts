import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ProbabilityMap } from '../base/raster.ts';
import type { Click } from '../clicks/maps.ts';
import { cropClick, cropImage, cropProbability, cropSize, mirrorClick, pasteProbability, planCrop } from './crop.ts';
import {
  boxIou,
  chooseBox,
  clampBox,
  expandBox,
  fitSize,
  holdsPositives,
  objectBox,
  wholeBox,
  zoomIn,
} from './zoom.ts';

function mapOf(width: number, height: number, value: (y: number, x: number) => number): ProbabilityMap {
  const data = Float32Array.from({ length: width * height }, (_, i) => value(Math.floor(i / width), i % width));
  return { width, height, data };
}

describe('chooseBox', () => {
  const zoom = zoomIn([224, 224], { minCrop: 10, expansion: 1 });
  const nothing = mapOf(100, 80, () => 0);
  const small = mapOf(100, 80, (y, x) => Number(y >= 30 && y < 40 && x >= 50 && x < 60));
  const click = (x: number, y: number, positive = true): Click => ({ x, y, positive });

  it('looks at the whole picture where nothing has been found', () => {
    expect(chooseBox([click(5, 5)], nothing, null, zoom)).toEqual(wholeBox(80, 100));
    expect(chooseBox([click(5, 5)], nothing, null, { ...zoom, skipClicks: 1 })).toBeNull();
    expect(chooseBox([click(5, 5), click(6, 6)], nothing, null, { ...zoom, skipClicks: 1 })).toBeNull();
  });

  it('keeps a similar box and replaces one that is not', () => {
    const found = chooseBox([click(55, 35)], small, null, zoom)!;
    expect(found).toEqual({ top: 30, bottom: 40, left: 50, right: 60 });
    const similar = { top: 29, bottom: 40, left: 50, right: 60 };
    expect(chooseBox([click(55, 35)], small, similar, zoom)).toBe(similar);
    expect(chooseBox([click(55, 35)], small, wholeBox(80, 100), zoom)).toEqual(found);
  });

  it('follows a positive click out of the box, not a negative one', () => {
    const kept = { top: 30, bottom: 40, left: 50, right: 60 };
    expect(chooseBox([click(55, 35), click(0, 35)], small, kept, zoom)!.left).toBe(0);
    expect(chooseBox([click(55, 35), click(0, 35, false)], small, kept, zoom)).toBe(kept);
  });
});

describe('boxes', () => {
  const box = (top: number, bottom: number, left: number, right: number) => ({ top, bottom, left, right });

  it('grow around their centre, at least to a size, and are clamped', () => {
    // the centre is 4.5, half of 1.5 * 10 is 7.5; 5 and 2.5 round to even
    expect(expandBox(box(0, 9, 0, 9), 1.5, 0)).toEqual(box(-3, 12, -3, 12));
    expect(expandBox(box(4, 5, 0, 9), 1, 4)).toEqual(box(2, 6, 0, 10));
    expect(clampBox(box(-3, 12, 2, 6), 10, 6)).toEqual(box(0, 9, 2, 5));
  });

  it('have the product of the IoUs of their sides', () => {
    expect(boxIou(box(0, 9, 0, 9), box(5, 14, 0, 9))).toBeCloseTo(5 / 15, 15);
    expect(boxIou(box(0, 9, 0, 9), box(5, 14, 8, 11))).toBeCloseTo((5 / 15) * (2 / 12), 15);
    expect(boxIou(box(0, 1, 0, 1), box(5, 6, 0, 1))).toBe(0);
  });

  it('hold positive clicks but on their last row and column', () => {
    const holds = (x: number, y: number, positive = true) => holdsPositives(box(2, 6, 3, 8), [{ x, y, positive }]);
    expect([holds(3, 2), holds(7, 5), holds(8, 5), holds(7, 6), holds(0, 0), holds(0, 0, false)]).toEqual([
      ...[true, true, false, false, false, true],
    ]);
  });

  it('of an object contain it and the positive clicks', () => {
    const map = mapOf(40, 30, (y, x) => Number(y === 10 && x >= 12 && x < 15));
    const clicks = [
      { x: 20, y: 11, positive: true },
      { x: 35, y: 25, positive: false },
    ];
    const options = { threshold: 0.5, expansion: 1, minCrop: 0 };
    // half of an even height, 1, and of an odd width, 4.5, around 10.5 and 16
    expect(objectBox(clicks, map, options)).toEqual(box(10, 12, 12, 20));
    expect(objectBox(clicks, { ...map, data: new Float32Array(1200) }, options)).toBeNull();
  });
});

describe('crops', () => {
  it('have the target size, or its longer side, or a limit', () => {
    expect(fitSize([30, 60], [10, 12])).toEqual([10, 12]);
    expect(fitSize([30, 60], 45)).toEqual([22, 45]);
    expect(cropSize(planCrop([30, 60], null, null, 40))).toEqual([20, 40]);
    expect(cropSize(planCrop([30, 60], null, null, 60))).toEqual([30, 60]);
    expect(cropSize(planCrop([30, 60], wholeBox(30, 60), zoomIn(120), 100))).toEqual([50, 100]);
  });

  it('move clicks with the pixels, not rounded', () => {
    const crop = planCrop([30, 60], { top: 10, bottom: 19, left: 20, right: 39 }, zoomIn([25, 30]), Infinity);
    const click = cropClick({ y: 11, x: 25, positive: false }, crop);
    expect(click).toEqual({ y: 2.5, x: 7.5, positive: false });
    expect(mirrorClick(click, 30)).toEqual({ y: 2.5, x: 21.5, positive: false });
  });

  it('never get a side of length 0', () => {
    expect(fitSize([1, 1000], 224)).toEqual([1, 224]);
  });

  it('take the pixels of the box and give them back, where the size stays', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.nat(), fc.nat(), (h, w, a, b) => {
        const map = mapOf(w, h, (y, x) => Math.fround(Math.sin(y * 7 + x)));
        const box = { top: a % h, bottom: h - 1, left: b % w, right: w - 1 };
        const crop = planCrop([h, w], box, zoomIn([h - box.top, w - box.left]), Infinity);
        const [height, width] = cropSize(crop);
        const out = new Float32Array(height * width);
        cropProbability(map, crop, out, 0, false);
        const back = pasteProbability(out, crop, [h, w]);
        const expected = mapOf(w, h, (y, x) => (y >= box.top && x >= box.left ? map.data[y * w + x] : 0));
        expect(back).toEqual(expected);
      }),
    );
  });

  it('of an image are planes in 0..1, with flip also mirrored', () => {
    const image = { width: 2, height: 1, data: Uint8Array.of(0, 51, 255, 102, 153, 204) };
    const crop = planCrop([1, 2], null, null, Infinity);
    const expected = [0, 0.4, 0.2, 0.6, 1, 0.8];
    expect([...cropImage(image, crop, false)]).toEqual(expected.map(Math.fround));
    expect([...cropImage(image, crop, true)]).toEqual([...expected, 0.4, 0, 0.6, 0.2, 0.8, 1].map(Math.fround));
  });
});
