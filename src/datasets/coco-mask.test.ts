import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import type { Target } from '../base/raster.ts';
import { paintSegmentation, type Segmentation } from './coco-mask.ts';

function paint(segmentation: unknown, width: number, height: number): Target {
  const target = { width, height, data: new Int8Array(width * height) };
  paintSegmentation(segmentation as Segmentation, target, 1, 'annotation 7 of a.json');
  return target;
}

const rows = ({ width, height, data }: Target) =>
  Array.from({ length: height }, (_, y) => data.subarray(y * width, (y + 1) * width).join(''));

/** COCO's compressed text of run lengths. */
function compress(counts: number[]): string {
  return counts
    .map((count, i) => {
      let rest = i > 2 ? count - counts[i - 2] : count;
      let text = '';
      for (;;) {
        const group = rest & 31;
        rest >>= 5;
        const more = group & 16 ? rest !== -1 : rest !== 0;
        text += String.fromCharCode(48 + group + (more ? 32 : 0));
        if (!more) return text;
      }
    })
    .join('');
}

const coordinate = fc.double({ min: -8, max: 28, noNaN: true });
const polygons = fc
  .array(fc.tuple(coordinate, coordinate), { minLength: 3, maxLength: 8 })
  .map(points => points.flat());
const size = { width: 20, height: 15 };

describe('polygons', () => {
  it('fills whole pixels of an axis-parallel rectangle', () => {
    expect(rows(paint([[1, 1, 4, 1, 4, 3, 1, 3]], 6, 4))).toEqual(['000000', '011100', '011100', '000000']);
  });

  it('is clipped at the image, also when it covers all of it', () => {
    expect(rows(paint([[-5, -5, 50, -5, 50, 50, -5, 50]], 3, 2))).toEqual(['111', '111']);
    expect(rows(paint([[2, 1, 50, 1, 50, 50, 2, 50]], 4, 3))).toEqual(['0000', '0011', '0011']);
    expect(paint([[30, 30, 40, 30, 40, 40]], 4, 3).data).not.toContain(1);
  });

  it('unites several polygons and leaves other pixels alone', () => {
    const square = [0, 0, 2, 0, 2, 2, 0, 2];
    expect(rows(paint([square, square.map(v => v + 1)], 4, 3))).toEqual(['1100', '1110', '0110']);
    const target = { width: 4, height: 1, data: Int8Array.of(-1, -1, -1, -1) };
    paintSegmentation([[1, 0, 3, 0, 3, 1, 1, 1]], target, 1, 'a');
    expect([...target.data]).toEqual([-1, 1, 1, -1]);
  });

  it('covers nothing where it has no area', () => {
    expect(paint([[1, 1, 1, 1, 1, 1]], 4, 4).data).not.toContain(1);
    expect(paint([[2.1, 2.1, 2.2, 2.1, 2.2, 2.2]], 4, 4).data).not.toContain(1);
  });

  it('holds the pixels whose centres are inside, but for those next to the boundary', () => {
    fc.assert(
      fc.property(polygons, polygon => {
        const { data } = paint([polygon], size.width, size.height);
        const wrong = data.findIndex((value, i) => {
          const x = (i % size.width) + 0.5;
          const y = Math.floor(i / size.width) + 0.5;
          return (value === 1) !== inside(polygon, x, y) && distance(polygon, x, y) > 0.5;
        });
        expect(wrong).toBe(-1);
      }),
      { numRuns: 300 },
    );
  });

  it('does not depend on the first vertex or the direction', () => {
    fc.assert(
      fc.property(polygons, polygon => {
        const points = Array.from({ length: polygon.length / 2 }, (_, i) => polygon.slice(2 * i, 2 * i + 2));
        const once = paint([polygon], size.width, size.height);
        expect(paint([points.toReversed().flat()], size.width, size.height)).toEqual(once);
        expect(paint([[...points.slice(1), points[0]].flat()], size.width, size.height)).toEqual(once);
      }),
    );
  });
});

describe('run lengths', () => {
  it('go down the columns, background first', () => {
    expect(rows(paint({ size: [2, 3], counts: [1, 3, 2] }, 3, 2))).toEqual(['010', '110']);
    expect(rows(paint({ size: [2, 2], counts: [0, 4] }, 2, 2))).toEqual(['11', '11']);
  });

  it('mean the same as compressed text', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2000), { minLength: 1, maxLength: 8 }), counts => {
        const total = Math.max(
          counts.reduce((a, b) => a + b),
          1,
        );
        const all = counts.reduce((a, b) => a + b) === 0 ? [1] : counts;
        const plain = paint({ size: [total, 1], counts: all }, 1, total);
        expect(paint({ size: [total, 1], counts: compress(all) }, 1, total)).toEqual(plain);
      }),
    );
    // one long run: 100 = 3 * 32 + 4, so the groups 4 (more follow) and 3
    expect(paint({ size: [10, 10], counts: 'T3' }, 10, 10).data).not.toContain(1);
  });
});

it('rejects malformed segmentations, naming the annotation', () => {
  const cases: [unknown, RegExp][] = [
    [[[1, 2, 3, 4]], /a polygon of 4 numbers, expected x and y of at least 3 points/],
    [[[1, 2, 3, 4, 5, 6, 7]], /a polygon of 7 numbers/],
    [[7], /a polygon of undefined numbers/],
    [[[1, 2, null, 4, 5, 6]], /the coordinate null/],
    [[[1, 2, 1e9, 4, 5, 6]], /the coordinate 1000000000/],
    [{ size: [3, 4], counts: [12] }, /size \[3,4\], expected \[4,3\]/],
    [{ counts: [12] }, /size undefined, expected \[4,3\]/],
    [{ size: [4, 3], counts: [5, 6] }, /cover 11 pixels, expected 12/],
    [{ size: [4, 3], counts: [20, -8] }, /a run length of -8/],
    [{ size: [4, 3], counts: ' ' }, /not compressed text/],
    [{ size: [4, 3], counts: 'T' }, /not compressed text/],
  ];
  for (const [segmentation, message] of cases) {
    expect(() => paint(segmentation, 3, 4)).toThrow(UserError);
    expect(() => paint(segmentation, 3, 4)).toThrow(message);
    expect(() => paint(segmentation, 3, 4)).toThrow(/^annotation 7 of a\.json has /);
  }
});

function inside(polygon: number[], x: number, y: number): boolean {
  let odd = false;
  for (let i = 0, j = polygon.length - 2; i < polygon.length; j = i, i += 2) {
    const [x0, y0, x1, y1] = [polygon[i], polygon[i + 1], polygon[j], polygon[j + 1]];
    if (y0 > y !== y1 > y && x < x0 + ((y - y0) * (x1 - x0)) / (y1 - y0)) odd = !odd;
  }
  return odd;
}

function distance(polygon: number[], x: number, y: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0, j = polygon.length - 2; i < polygon.length; j = i, i += 2) {
    const [dx, dy] = [polygon[j] - polygon[i], polygon[j + 1] - polygon[i + 1]];
    const along = ((x - polygon[i]) * dx + (y - polygon[i + 1]) * dy) / (dx * dx + dy * dy || 1);
    const t = Math.min(Math.max(along, 0), 1);
    least = Math.min(least, Math.hypot(polygon[i] + t * dx - x, polygon[i + 1] + t * dy - y));
  }
  return least;
}
