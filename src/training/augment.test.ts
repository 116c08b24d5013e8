import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import type { RgbImage } from '../base/raster.ts';
import {
  type Augmentation,
  augmentImage,
  cropStart,
  drawAugmentation,
  sourcePixels,
  TRAIN_AUGMENT,
  VALIDATION_AUGMENT,
} from './augment.ts';
import { brightnessContrastTable, chainTables, shiftTable } from './colour.ts';
import type { Size } from './geometry.ts';
import { flipColumns, flipRows, quarterTurn, upright } from './orientation.ts';
import { resizeLinear } from './resize.ts';
import { warpLinear } from './warp.ts';

/** An augmentation that changes nothing. */
function still({ width, height }: Size): Augmentation {
  const frame = { width, height };
  return {
    source: frame,
    resized: frame,
    orientation: upright(frame),
    warp: null,
    crop: { x: 0, y: 0, ...frame },
    colour: null,
  };
}

function noise(width: number, height: number, seed = 0): RgbImage {
  const random = Random.of(seed, 'noise', width, height);
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => random.integer(0, 255)) };
}

const withCrop = (augmentation: Omit<Augmentation, 'crop'>, { width, height }: Size): Augmentation => ({
  ...augmentation,
  crop: { x: 0, y: 0, width, height },
});

describe('augmentImage', () => {
  it('computes only windows, yet equals the whole-frame operations one after the other', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 3, max: 70 }),
        fc.integer({ min: 3, max: 70 }),
        (seed, width, height) => {
          const random = Random.of(seed, 'case');
          const image = noise(width, height, seed);
          const config = { ...TRAIN_AUGMENT, crop: 32, shiftRotate: { probability: 0.75, shift: 0.2, degrees: 40 } };
          const augmentation = drawAugmentation(image, config, random);
          const { resized, orientation, warp, crop, colour } = augmentation;
          let whole = resizeLinear(image, resized);
          whole = augmentImage(whole, withCrop({ ...still(whole), orientation }, orientation));
          const frame = { x: 0, y: 0, width: whole.width, height: whole.height };
          if (warp !== null) whole = warpLinear(whole, frame, warp, frame);
          const expected = new Uint8Array(crop.width * crop.height * 3);
          for (let y = 0; y < crop.height; y++) {
            for (let x = 0; x < crop.width; x++) {
              const [fx, fy] = [x + crop.x, y + crop.y];
              const inside = fx >= 0 && fy >= 0 && fx < whole.width && fy < whole.height;
              for (let c = 0; c < 3; c++) {
                const level = inside ? whole.data[(fy * whole.width + fx) * 3 + c] : 0;
                expected[(y * crop.width + x) * 3 + c] = colour === null ? level : colour[c][level];
              }
            }
          }
          expect(Buffer.compare(augmentImage(image, augmentation).data, expected)).toBe(0);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('moves image and labels alike: on a picture of its own pixel numbers they agree up to interpolation', () => {
    const width = 120;
    const height = 90;
    const data = new Uint8Array(width * height * 3);
    for (let i = 0; i < width * height; i++) data.set([2 * (i % width), 2 * Math.floor(i / width), 0], i * 3);
    for (let seed = 0; seed < 20; seed++) {
      const config = { ...TRAIN_AUGMENT, ...{ crop: 64, brightnessContrast: VALIDATION_AUGMENT.brightnessContrast } };
      const augmentation = drawAugmentation(
        { width, height },
        { ...config, rgbShift: VALIDATION_AUGMENT.rgbShift },
        Random.of(seed),
      );
      const image = augmentImage({ width, height, data }, augmentation);
      const pixels = sourcePixels(augmentation);
      let compared = 0;
      let furthest = 0;
      for (let i = 0; i < pixels.length; i++) {
        const [column, row] = [pixels[i] % width, Math.floor(pixels[i] / width)];
        const border = column < 3 || row < 3 || column > width - 4 || row > height - 4;
        if (pixels[i] < 0 || border) continue;
        const [x, y] = [image.data[3 * i] / 2, image.data[3 * i + 1] / 2];
        furthest = Math.max(furthest, Math.abs(x - column), Math.abs(y - row));
        compared++;
      }
      expect(furthest).toBeLessThanOrEqual(2);
      expect(compared).toBeGreaterThan(1000);
    }
  });

  it('recolours padding, as the original does', () => {
    const table = brightnessContrastTable(1, 0.1);
    const image = { width: 1, height: 1, data: Uint8Array.of(10, 20, 30) };
    const crop = { x: -1, y: 0, width: 3, height: 1 };
    const result = augmentImage(image, { ...still(image), crop, colour: [table, shiftTable(2), shiftTable(-40)] });
    expect([...result.data]).toEqual([25, 2, 0, 35, 22, 0, 25, 2, 0]);
  });
});

describe('drawAugmentation', () => {
  const draws = (config: typeof TRAIN_AUGMENT, count: number) =>
    Array.from({ length: count }, (_, i) => drawAugmentation({ width: 400, height: 300 }, config, Random.of(i)));

  it('draws each step with its odds', () => {
    const n = 4000;
    const all = draws(TRAIN_AUGMENT, n);
    const share = (test: (augmentation: Augmentation) => boolean) => all.filter(test).length / n;
    const near = (value: number, p: number) =>
      expect(Math.abs(value - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / n));
    near(
      share(a => a.warp !== null),
      0.75,
    );
    near(
      share(a => a.colour !== null),
      1 - 0.25 * 0.25,
    );
    near(
      share(a => a.orientation.xx === 0),
      0.5 * 0.5,
    );
    // a half turn comes from both flips and no half turn, or the reverse
    const both = 0.5 / 3;
    const half = 0.5 / 4;
    const still = 0.5 + 0.5 / 4;
    near(
      share(a => a.orientation.xx === -1 && a.orientation.yy === -1),
      both * still + 0.5 * half,
    );
    const factors = all.map(a => a.resized.height / 300);
    expect(Math.min(...factors)).toBeGreaterThanOrEqual(0.75);
    expect(Math.max(...factors)).toBeLessThanOrEqual(1.25);
    expect(factors.reduce((sum, value) => sum + value) / n).toBeCloseTo(1, 1);
  });

  it('keeps the aspect, crops inside the frame where it is large enough and centres it where it is not', () => {
    for (const { resized, orientation, crop } of draws(TRAIN_AUGMENT, 300)) {
      expect(Math.abs(resized.width - (resized.height * 4) / 3)).toBeLessThanOrEqual(1.2);
      for (const [length, start] of [
        [orientation.width, crop.x],
        [orientation.height, crop.y],
      ]) {
        if (length >= 224) expect(start).toBeGreaterThanOrEqual(0);
        expect(start + 224).toBeLessThanOrEqual(Math.max(length, 224) + 0);
      }
    }
    expect([cropStart(45, 64, 0.9), cropStart(300, 224, 0), cropStart(300, 224, 0.999)]).toEqual([-9, 0, 75]);
  });

  it('only resizes and crops for validation', () => {
    for (const { orientation, warp, colour } of draws(VALIDATION_AUGMENT, 50)) {
      expect([orientation.xx, orientation.yy, warp, colour]).toEqual([1, 1, null, null]);
    }
  });
});

describe('orientation', () => {
  const frame = upright({ width: 5, height: 3 });
  it('is a group: four turns or two flips change nothing', () => {
    expect(quarterTurn(quarterTurn(quarterTurn(quarterTurn(frame))))).toEqual(frame);
    expect(flipRows(flipRows(frame))).toEqual(frame);
    expect(flipColumns(flipRows(frame))).toEqual(quarterTurn(quarterTurn(frame)));
  });
});

describe('level tables', () => {
  it('chain and clip', () => {
    const table = chainTables(brightnessContrastTable(2, 0), shiftTable(-10));
    expect([table[0], table[20], table[200]]).toEqual([0, 30, 245]);
  });
});
