import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { Random } from '../../base/random.ts';
import type { RgbImage } from '../../base/raster.ts';
import { duplicateSide, duplicates, duplicateThreshold } from './duplicates.ts';
import { meanOf, thumbnailDistance, thumbnailOf } from './thumbnail.ts';

const grey = (width: number, height: number, value: (x: number, y: number) => number): RgbImage => {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) data.fill(value(i % width, Math.floor(i / width)), 3 * i, 3 * i + 3);
  return { width, height, data };
};

/** Soft blobs, as photos have them. */
function scene(seed: number, width = 120, height = 90): RgbImage {
  const random = Random.of(seed, 'scene');
  const blobs = Array.from({ length: 12 }, () => [random.uniform(), random.uniform(), random.uniform(20, 120)]);
  return grey(width, height, (x, y) =>
    Math.min(
      255,
      blobs.reduce((v, [u, w, h]) => v + h * Math.exp(-40 * ((x / width - u) ** 2 + (y / height - w) ** 2)), 0),
    ),
  );
}

async function throughJpeg({ width, height, data }: RgbImage, quality: number, scale: number): Promise<RgbImage> {
  const file = await sharp(Buffer.from(data), { raw: { width, height, channels: 3 } })
    .resize(Math.round(width * scale), Math.round(height * scale))
    .jpeg({ quality })
    .toBuffer();
  const { data: pixels, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: pixels };
}

describe('thumbnailOf', () => {
  it('takes the mean of each share', () => {
    expect([
      ...thumbnailOf(
        grey(4, 4, (x, y) => 10 * x + 100 * (y > 1 ? 1 : 0)),
        2,
      ),
    ]).toEqual([5, 25, 105, 125]);
  });

  it('weighs the channels as luma', () => {
    const colour = (rgb: number[]) => thumbnailOf({ width: 1, height: 1, data: Uint8Array.from(rgb) }, 1)[0];
    expect([colour([255, 0, 0]), colour([0, 255, 0]), colour([0, 0, 255])].map(Math.round)).toEqual([76, 150, 29]);
  });

  it('is flat for a flat photo of any size, however small', () => {
    const size = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(size, size, fc.integer({ min: 0, max: 255 }), (width, height, value) => {
        const thumbnail = thumbnailOf(
          grey(width, height, () => value),
          16,
        );
        expect(thumbnail).toHaveLength(256);
        expect(thumbnail.every(one => Math.abs(one - value) < 1e-3)).toBe(true);
        expect(meanOf(thumbnail)).toBeCloseTo(value, 3);
      }),
    );
  });

  it('has a distance: 0 to itself, symmetric, never below that of the means', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(1000), (i, j) => {
        const [a, b] = [i, j].map(seed => thumbnailOf(scene(seed, 20, 20), 4));
        expect(thumbnailDistance(a, a)).toBe(0);
        expect(thumbnailDistance(a, b)).toBe(thumbnailDistance(b, a));
        expect(thumbnailDistance(a, b)).toBeGreaterThanOrEqual(Math.abs(meanOf(a) - meanOf(b)) - 1e-4);
      }),
      { numRuns: 30 },
    );
  });
});

describe('duplicates', () => {
  const photos = (images: RgbImage[]) =>
    images.map((image, i) => ({ id: `${i}`, thumbnail: thumbnailOf(image, duplicateSide) }));

  it('finds the same picture in another format, quality and size, and no other', async () => {
    const scenes = Array.from({ length: 20 }, (_, i) => scene(i));
    const others = await Promise.all(
      scenes.map((image, i) => (i % 3 === 0 ? scene(1000 + i) : throughJpeg(image, 40 + i, i % 2 ? 1 : 0.5))),
    );
    const expected = scenes.flatMap((_, i) => (i % 3 === 0 ? [] : [[`${i}`, `${i}`]]));
    expect(duplicates(photos(scenes), photos(others))).toEqual(expected);
  });

  it('finds what comparing every pair finds', () => {
    const thumbnails = fc.array(
      fc.record({ base: fc.integer({ min: 0, max: 20 }), tilt: fc.integer({ min: 0, max: 8 }) }),
      { maxLength: 12 },
    );
    const made = (list: { base: number; tilt: number }[]) =>
      list.map(({ base, tilt }, i) => ({
        id: String.fromCharCode(97 + i),
        thumbnail: Float32Array.from({ length: 256 }, (_, k) => base + (k % 2 ? tilt : -tilt)),
      }));
    fc.assert(
      fc.property(thumbnails, thumbnails, (x, y) => {
        const [a, b] = [made(x), made(y)];
        const every = a.flatMap(one =>
          b.flatMap(other => {
            const distance = thumbnailDistance(one.thumbnail, other.thumbnail);
            return distance < duplicateThreshold ? [[one.id, other.id]] : [];
          }),
        );
        expect(duplicates(a, b)).toEqual(every);
      }),
    );
  });
});
