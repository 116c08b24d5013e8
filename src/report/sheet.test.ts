import { describe, expect, it } from 'vitest';
import type { RgbImage } from '../base/raster.ts';
import { drawText, fitText, letterHeight, textWidth } from './lettering.ts';
import { contactSheet, resizePicture, withScale } from './sheet.ts';

const plain = (width: number, height: number, color: readonly number[]): RgbImage => ({
  width,
  height,
  data: Uint8Array.from({ length: 3 * width * height }, (_, i) => color[i % 3]),
});

const at = ({ width, data }: RgbImage, x: number, y: number) => [...data.subarray(3 * (y * width + x)).subarray(0, 3)];

/** Number of pixels of a colour. */
function pixelsOf({ data }: RgbImage, [r, g, b]: readonly number[]): number {
  let found = 0;
  for (let i = 0; i < data.length; i += 3) if (data[i] === r && data[i + 1] === g && data[i + 2] === b) found++;
  return found;
}

describe('lettering', () => {
  const lines = (text: string) => {
    const canvas = plain(textWidth(text, 1), letterHeight(1), [255, 255, 255]);
    drawText(canvas, 0, 0, text, [0, 0, 0], 1);
    return Array.from({ length: canvas.height }, (_, y) =>
      Array.from({ length: canvas.width }, (_, x) => (at(canvas, x, y)[0] === 0 ? '#' : '.')).join(''),
    );
  };

  it('draws letters on a line, descenders below it', () => {
    expect(lines('Ap')).toEqual([
      '.###.......',
      '#...#......',
      '#...#.####.',
      '#####.#...#',
      '#...#.#...#',
      '#...#.#...#',
      '#...#.####.',
      '......#....',
      '......#....',
    ]);
  });

  it('draws a box for what it does not have, one for a character', () => {
    expect(lines('é')).toEqual(lines('\u{1f600}'));
    expect(lines('\n')).toEqual(lines('é'));
    expect(lines('é')[0]).toBe('#####');
  });

  it('gives every printable character of ASCII its own shape', () => {
    const all = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i));
    expect(new Set(all.map(character => lines(character).join())).size).toBe(95);
  });

  it('cuts off text that is too long, and pixels off the canvas', () => {
    expect(fitText('bilinear', textWidth('bilinear', 2), 2)).toBe('bilinear');
    expect(fitText('bilinear', textWidth('bilinear', 2) - 1, 2)).toBe('bili...');
    const canvas = plain(3, 3, [255, 255, 255]);
    drawText(canvas, -2, -2, 'W', [0, 0, 0], 1);
    expect(at(canvas, 2, 0)).toEqual([0, 0, 0]);
  });
});

describe('contactSheet', () => {
  const red = plain(40, 30, [200, 0, 0]);
  const blue = plain(40, 30, [0, 0, 200]);

  it('shows every picture whole, columns beyond the sixth below', async () => {
    const names = Array.from({ length: 8 }, (_, i) => `n${i}`);
    const rows = [{ pictures: names.map(() => red) }, { pictures: names.map((_, i) => (i === 0 ? undefined : blue)) }];
    const sheet = await contactSheet('title', names, rows);
    expect(pixelsOf(sheet, [200, 0, 0])).toBe(8 * 1200);
    expect(pixelsOf(sheet, [0, 0, 200])).toBe(7 * 1200);
    expect(sheet.width).toBe(12 + 6 * (40 + 12));
    expect(sheet.height).toBeGreaterThan(4 * 30);
  });

  it('shrinks large pictures to the given side', async () => {
    const sheet = await contactSheet('t', ['a'], [{ pictures: [plain(400, 200, [200, 0, 0])] }], 100);
    expect(pixelsOf(sheet, [200, 0, 0])).toBe(100 * 50);
  });

  it('has room for a scale and a caption', async () => {
    const bare = await contactSheet('t', ['a'], [{ pictures: [red] }]);
    const scaled = await contactSheet('t', ['a'], [{ pictures: [red], low: 0.5, caption: 'cosine' }]);
    expect(scaled.height).toBeGreaterThan(bare.height);
    expect(pixelsOf(scaled, [200, 0, 0])).toBe(1200);
  });

  it('has captions under their pictures, in the second band too', async () => {
    const names = Array.from({ length: 7 }, (_, i) => `n${i}`);
    const written = async (captions: string[]) => {
      const rows = [{ pictures: names.map(() => red), captions }];
      return contactSheet('t', names, rows);
    };
    const empty = await written([]);
    const place = async (column: number) => {
      const sheet = await written(names.map((_, i) => (i === column ? 'IoU' : '')));
      const ink = [...sheet.data.keys()].filter(i => sheet.data[i] !== empty.data[i]).map(i => Math.floor(i / 3));
      const across = ink.map(i => i % sheet.width);
      return { left: Math.min(...across), right: Math.max(...across), top: Math.floor(ink[0] / sheet.width) };
    };
    const [first, sixth, seventh] = [await place(0), await place(5), await place(6)];
    expect([first.left >= 12, first.right < 12 + 40]).toEqual([true, true]);
    expect([sixth.left - first.left, sixth.top]).toEqual([5 * (40 + 12), first.top]);
    expect(seventh.left).toBe(first.left);
    expect(seventh.top).toBeGreaterThan(first.top + 30);
  });
});

describe('pictures', () => {
  it('keep hard squares where they grow', async () => {
    const small = { width: 2, height: 1, data: Uint8Array.of(255, 0, 0, 0, 0, 255) };
    const large = await resizePicture(small, 6, 2);
    expect(pixelsOf(large, [255, 0, 0])).toBe(6);
    expect(pixelsOf(large, [0, 0, 255])).toBe(6);
    expect(await resizePicture(small, 2, 1)).toBe(small);
  });

  it('get a scale below, as wide as the text needs', () => {
    const out = withScale(plain(8, 8, [10, 20, 30]), 'cosine 0.1 to 1');
    expect(out.width).toBe(textWidth('cosine 0.1 to 1', 2));
    expect(pixelsOf(out, [10, 20, 30])).toBe(64);
  });
});
