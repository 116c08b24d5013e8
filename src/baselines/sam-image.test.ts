import { describe, expect, it } from 'vitest';
import type { RgbImage } from '../base/raster.ts';
import { SAM_SIDE, samInput, samSize } from './sam-image.ts';

const mean = [123.675, 116.28, 103.53];
const std = [58.395, 57.12, 57.375];

/** Smooth, so that both kinds of bilinear resizing say the same up to rounding. */
function waves(width: number, height: number): RgbImage {
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < data.length; i++) {
    const [x, y, c] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3];
    data[i] = 128 + 60 * Math.sin((x / width) * 9 + c) + 60 * Math.cos((y / height) * 7 - c);
  }
  return { width, height, data };
}

describe('samSize', () => {
  it('brings the longer side to 1024, halves up, no side to nothing', () => {
    expect(samSize({ width: 640, height: 480 })).toEqual([768, 1024]);
    expect(samSize({ width: 321, height: 481 })).toEqual([1024, 683]);
    expect(samSize({ width: 2048, height: 1025 })).toEqual([513, 1024]);
    expect(samSize({ width: 4000, height: 1 })).toEqual([1, 1024]);
  });
});

describe('samInput', () => {
  it.each([
    [300, 200],
    [160, 230],
    [1024, 700],
  ])('resizes %d x %d with the pixels’ centres aligned, normalises, pads', async (width, height) => {
    const image = waves(width, height);
    const input = await samInput(image);
    const [rows, columns] = samSize(image);
    expect(input.length).toBe(3 * SAM_SIDE * SAM_SIDE);
    let worst = 0;
    let padding = 0;
    for (let c = 0; c < 3; c++) {
      for (let y = 0; y < SAM_SIDE; y++) {
        for (let x = 0; x < SAM_SIDE; x++) {
          const value = input[(c * SAM_SIDE + y) * SAM_SIDE + x];
          if (y >= rows || x >= columns) padding = Math.max(padding, Math.abs(value));
          else if ((x + y) % 7 === 0) {
            const level = value * std[c] + mean[c];
            worst = Math.max(worst, Math.abs(level - bilinear(image, c, (y + 0.5) / rows, (x + 0.5) / columns)));
          }
        }
      }
    }
    expect(padding).toBe(0);
    // one level for the 8 bits, a quarter for weights of few bits
    expect(worst).toBeLessThan(1.25);
  });

  it('averages where it makes a picture smaller', async () => {
    // columns of black and white in turn: any kernel that skips pixels shows stripes
    const [width, height] = [4096, 64];
    const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => (Math.floor(i / 3) % 2) * 255);
    const input = await samInput({ width, height, data });
    for (let x = 4; x < 1020; x++) expect(Math.abs(input[8 * SAM_SIDE + x] * std[0] + mean[0] - 127.5)).toBeLessThan(3);
  });
});

/** At a place given as a fraction of the sides. */
function bilinear({ width, height, data }: RgbImage, channel: number, v: number, u: number): number {
  const clamp = (value: number, top: number) => Math.min(top, Math.max(0, value));
  const [y, x] = [clamp(v * height - 0.5, height - 1), clamp(u * width - 0.5, width - 1)];
  const [top, left] = [Math.floor(y), Math.floor(x)];
  const at = (row: number, column: number) =>
    data[(clamp(row, height - 1) * width + clamp(column, width - 1)) * 3 + channel];
  const along = (row: number) => at(row, left) + (x - left) * (at(row, left + 1) - at(row, left));
  return along(top) + (y - top) * (along(top + 1) - along(top));
}
