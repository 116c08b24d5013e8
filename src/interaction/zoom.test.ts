import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ProbabilityMap } from '../base/raster.ts';
import type { Click } from '../clicks/maps.ts';
import { readSafetensors } from '../weights/safetensors.ts';
import { cropClick, cropImage, cropProbability, cropSize, pasteProbability, planCrop } from './crop.ts';
import {
  type Box,
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

const golden = join(import.meta.dirname, '../../../shared/golden/protocol');
const hasGolden = existsSync(golden);
if (!hasGolden) console.warn(`skipped: parity of the zoom-in, ${golden} is absent`);

type Numbers4 = [number, number, number, number];
const toBox = ([top, bottom, left, right]: Numbers4): Box => ({ top, bottom, left, right });
const toClicks = (clicks: [number, number, boolean][]): Click[] =>
  clicks.map(([y, x, positive]) => ({ x, y, positive }));

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

describe('crops', () => {
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

describe.skipIf(!hasGolden)('parity with the reference', () => {
  const cases = hasGolden ? JSON.parse(readFileSync(join(golden, 'transforms.json'), 'utf8')) : {};
  const tensors = hasGolden ? readSafetensors(join(golden, 'transforms.safetensors')).tensors : new Map();

  it('growing and clamping boxes', () => {
    for (const { bbox, ratio, min_crop, h, w, expanded, clamped } of cases.expand_clamp.cases) {
      const grown = expandBox(toBox(bbox), ratio, min_crop ?? 0);
      expect(grown).toEqual(toBox(expanded));
      expect(clampBox(grown, h, w)).toEqual(toBox(clamped));
    }
  });

  it('IoU of boxes', () => {
    for (const { a, b, iou } of cases.bbox_iou.cases) expect(boxIou(toBox(a), toBox(b))).toBeCloseTo(iou, 15);
  });

  it('the object box', () => {
    for (const { h, w, pixels, rect, clicks, ratio, min_crop, roi } of cases.object_roi.cases) {
      const [top, bottom, left, right] = rect;
      const map = mapOf(w, h, (y, x) => Number(y >= top && y <= bottom && x >= left && x <= right));
      for (const [y, x] of pixels) map.data[y * w + x] = 1;
      const found = objectBox(toClicks(clicks), map, { threshold: 0.5, expansion: ratio, minCrop: min_crop });
      expect(found).toEqual(toBox(roi));
    }
  });

  it('whether a box holds the positive clicks', () => {
    for (const { roi, clicks, ok } of cases.check_object_roi.cases) {
      expect(holdsPositives(toBox(roi), toClicks(clicks))).toBe(ok);
    }
  });

  it('sizes for a target side', () => {
    for (const [height, width, target, newHeight, newWidth] of cases.roi_size_int_target.rows) {
      expect(fitSize([height, width], target)).toEqual([Math.max(1, newHeight), Math.max(1, newWidth)]);
    }
  });

  it('crops', () => {
    for (const { h, w, roi, target, out, key } of cases.roi_images.cases) {
      const crop = planCrop([h, w], toBox(roi), zoomIn(target), Infinity);
      expect(cropSize(crop)).toEqual(out.slice(2));
      const area = out[2] * out[3];
      const found = new Float32Array(4 * area);
      const mirrored = new Float32Array(area);
      for (let ch = 0; ch < 4; ch++) {
        const map = mapOf(w, h, (y, x) => ((5 * ch + 3 * y + 7 * x + ((y * x) % 11)) % 64) / 64);
        cropProbability(map, crop, found, ch * area, false);
        cropProbability(map, crop, mirrored, 0, true);
        const row = found.subarray(ch * area, ch * area + out[3]);
        expect(mirrored.subarray(0, out[3])).toEqual(row.slice().reverse());
      }
      expect(maxDifference(found, tensors.get(key)!.data)).toBeLessThan(2e-7);
    }
  });

  it('clicks in crops', () => {
    for (const { roi, size, click, out } of cases.transform_clicks.cases) {
      const { y, x } = cropClick({ y: click[0], x: click[1], positive: true }, { box: toBox(roi), sizes: [size] });
      expect([y, x]).toEqual(out);
    }
  });

  it('the limit on the longest side', () => {
    for (const { h, w, max_size, out, click_in, click_out } of cases.limit_longest.cases) {
      const crop = planCrop([h, w], null, null, max_size);
      expect(cropSize(crop)).toEqual(out);
      const { y, x } = cropClick({ y: click_in[0], x: click_in[1], positive: true }, crop);
      expect(y).toBeCloseTo(click_out[0], 12);
      expect(x).toBeCloseTo(click_out[1], 12);
    }
  });

  it('probabilities pasted back', () => {
    const input = tensors.get('zoom_inv_input')!;
    const [, , height, width] = input.shape;
    for (const { h, w, roi, key } of cases.zoom_inv.cases) {
      const found = pasteProbability(input.data, { box: toBox(roi), sizes: [[height, width]] }, [h, w]);
      expect(maxDifference(found.data, tensors.get(key)!.data)).toBeLessThan(2e-7);
    }
  });
});

function maxDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((max, value, i) => Math.max(max, Math.abs(value - b[i])), 0);
}
