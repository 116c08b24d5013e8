import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import type { RgbImage } from '../base/raster.ts';
import { drawCut, largeEnough, middleCut, part, planes, resized } from './cut.ts';

/** Red is the column, green the row. */
const ramp = (width: number, height: number): RgbImage => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const at = Math.floor(i / 3);
    return [at % width, Math.floor(at / width), 7][i % 3];
  }),
});

describe('cuts', () => {
  it('take the middle of a photo at its own scale', () => {
    const { image } = middleCut(ramp(30, 20), 20);
    expect([image.width, image.height]).toEqual([20, 20]);
    expect([...image.data.slice(0, 3)]).toEqual([5, 0, 7]);
    expect([...image.data.slice(-3)]).toEqual([24, 19, 7]);
  });

  it('are squares of the side asked for, with labels where the objects are', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 12, max: 60 }), fc.integer({ min: 12, max: 60 }), (seed, w, h) => {
        const photo = ramp(w, h);
        // the object is where red is at least half of the width
        const object = {
          width: w,
          height: h,
          data: Int8Array.from({ length: w * h }, (_, i) => Number(i % w >= w / 2)),
        };
        const { image, labels } = drawCut(photo, [object], 16, Random.of(seed));
        expect([image.width, image.height, labels.length]).toEqual([16, 16, 256]);
        // nearest takes the first of the photo's pixels below one of the cut, bilinear their middle
        const middle = Math.min(w, h) / 16 / 2;
        labels.forEach((label, i) => {
          const red = image.data[3 * i];
          if (red > w / 2 + 1 + middle) expect(label).toBe(1);
          if (red < w / 2 - 2) expect(label).toBe(0);
        });
      }),
      { numRuns: 60 },
    );
  });

  it('know what is too small', () => {
    expect(largeEnough({ width: 8, height: 100 }, 16)).toBe(true);
    expect(largeEnough({ width: 7, height: 100 }, 16)).toBe(false);
  });

  it('tell the larger of two objects first, the smaller is in front', () => {
    const photo = ramp(16, 16);
    const square = (side: number) => ({
      width: 16,
      height: 16,
      data: Int8Array.from({ length: 256 }, (_, i) => Number(i % 16 < side && i / 16 < side)),
    });
    // a cut of the whole photo, mirrored or not
    const { labels } = drawCut(photo, [square(4), square(12)], 16, Random.of(3));
    const counts = [0, 1, 2].map(label => labels.filter(each => each === label).length);
    expect(counts).toEqual([256 - 144, 144 - 16, 16]);
  });
});

describe('resized', () => {
  it('averages where it halves', () => {
    const image = { width: 2, height: 2, data: Uint8Array.from([0, 4, 8, 10, 4, 8, 20, 4, 8, 30, 4, 8]) };
    expect([...resized(image, 1).data]).toEqual([15, 4, 8]);
    expect(resized(image, 2)).toBe(image);
  });

  it('keeps a flat picture flat at any size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), (from, to) => {
        const flat = { width: from, height: from, data: new Uint8Array(from * from * 3).fill(93) };
        const out = resized(flat, to);
        expect([out.width, out.height]).toEqual([to, to]);
        expect(new Set(out.data)).toEqual(new Set([93]));
      }),
    );
  });
});

it('cuts a part out, and makes planes', () => {
  const cut = part(ramp(9, 9), 2, 5, 3);
  expect([...cut.data.slice(0, 3)]).toEqual([2, 5, 7]);
  expect([...cut.data.slice(-3)]).toEqual([4, 7, 7]);
  const out = planes(cut);
  expect(out.length).toBe(27);
  expect(out[1]).toBeCloseTo(3 / 255, 6);
  expect(out[9]).toBeCloseTo(5 / 255, 6);
  expect(out[26]).toBeCloseTo(7 / 255, 6);
});
