import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Mask, RgbImage } from '../base/raster.ts';
import { drawOverlay } from './overlay.ts';

function grey(width: number, height: number, value = 200): RgbImage {
  return { width, height, data: new Uint8Array(3 * width * height).fill(value) };
}

function square(width: number, height: number, from: number, to: number): Mask {
  const data = new Uint8Array(width * height);
  for (let y = from; y < to; y++) for (let x = from; x < to; x++) data[y * width + x] = 1;
  return { width, height, data };
}

const pixel = (image: RgbImage, x: number, y: number) => [
  ...image.data.subarray(3 * (y * image.width + x)).slice(0, 3),
];

describe('drawOverlay, pretty', () => {
  const image = grey(60, 60);
  const mask = square(60, 60, 15, 45);

  it('keeps the inside, darkens the outside, draws a yellow outline between', () => {
    const out = drawOverlay(image, { mask });
    expect(pixel(out, 30, 30)).toEqual([200, 200, 200]);
    expect(pixel(out, 5, 5)).toEqual([80, 80, 80]);
    const [red, green, blue] = pixel(out, 15, 30);
    expect(red).toBeGreaterThan(200);
    expect(green).toBeGreaterThan(180);
    expect(blue).toBeLessThan(140);
    expect(pixel(out, 17, 30)).toEqual([200, 200, 200]);
  });

  it('does not draw an outline along the border of the picture', () => {
    const all = { width: 60, height: 60, data: new Uint8Array(3600).fill(1) };
    expect(drawOverlay(image, { mask: all })).toEqual(image);
  });

  it('draws green dots with a plus, red ones with a minus, and white rims', () => {
    const out = drawOverlay(grey(320, 320, 100), {
      clicks: [
        { x: 60, y: 50, positive: true },
        { x: 200, y: 150, positive: false },
      ],
    });
    expect(pixel(out, 60, 50)).toEqual([255, 255, 255]);
    expect(pixel(out, 60, 53)).toEqual([255, 255, 255]);
    expect(pixel(out, 63, 53)).toEqual([16, 160, 72]);
    expect(pixel(out, 203, 150)).toEqual([255, 255, 255]);
    expect(pixel(out, 200, 153)).toEqual([220, 38, 48]);
    expect(Math.min(...pixel(out, 67, 50))).toBeGreaterThan(180);
    expect(pixel(out, 60, 80)).toEqual([100, 100, 100]);
  });

  it('never changes its input nor fails for clicks at or beyond the border', () => {
    fc.assert(
      fc.property(fc.double({ min: -30, max: 90, noNaN: true }), fc.boolean(), (at, positive) => {
        const before = image.data.slice();
        for (const style of ['pretty', 'reference'] as const) {
          const out = drawOverlay(image, { mask, clicks: [{ x: at, y: at / 2, positive }], style });
          expect(out.data.length).toBe(image.data.length);
        }
        expect(Buffer.from(image.data).equals(before)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('refuses a mask of another size', () => {
    expect(() => drawOverlay(image, { mask: square(30, 60, 1, 5) })).toThrow(/30x60.*60x60/);
  });
});
