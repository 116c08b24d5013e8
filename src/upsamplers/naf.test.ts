import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GraphError, input } from '../graph/tensor.ts';
import { Scope } from '../nn/scope.ts';
import { naf, neighbours } from './naf.ts';

/** How often each pixel's neighbourhood holds each cell. */
const counts = (size: number, cells: number, kernel: number): number[][] => {
  const { data } = neighbours(size, cells, kernel);
  return Array.from({ length: size }, (_, i) =>
    Array.from(data.subarray(i * cells, (i + 1) * cells), value => Math.round(Math.exp(value))),
  );
};

describe('neighbours', () => {
  it('are the nearest cells where pixels are a multiple of cells, moved inwards at borders', () => {
    fc.assert(
      fc.property(fc.integer({ min: 9, max: 40 }), fc.integer({ min: 1, max: 16 }), (cells, ratio) => {
        counts(cells * ratio, cells, 9).forEach((row, i) => {
          const first = Math.min(Math.max(0, Math.floor(i / ratio) - 4), cells - 9);
          expect(row).toEqual(Array.from({ length: cells }, (_, cell) => (cell >= first && cell < first + 9 ? 1 : 0)));
        });
      }),
      { seed: 5 },
    );
  });

  it('are as many as the kernel has taps at any ratio, close to the pixel, in one run', () => {
    fc.assert(
      fc.property(fc.integer({ min: 5, max: 40 }), fc.integer({ min: 0, max: 200 }), (cells, more) => {
        const size = cells + more;
        counts(size, cells, 5).forEach((row, i) => {
          expect(row.reduce((sum, n) => sum + n, 0)).toBe(5);
          const seen = row.flatMap((n, cell) => (n > 0 ? [cell] : []));
          expect(seen.at(-1)! - seen[0]).toBeLessThan(10);
          const own = Math.min(cells - 1, Math.floor(((i + 0.5) * cells) / size));
          expect(Math.min(...seen.map(cell => Math.abs(cell - own)))).toBeLessThanOrEqual(1);
        });
      }),
      { seed: 5 },
    );
  });

  it('by hand', () => {
    // taps are 2 pixels apart; the pixels' own cells are 0 0 1 1 1 2 2
    const [even, odd, last] = [
      [1, 2, 0],
      [1, 1, 1],
      [0, 2, 1],
    ];
    expect(counts(7, 3, 3)).toEqual([even, odd, even, odd, last, odd, last]);
  });

  it('need as many cells as the kernel has taps, and pixels', () => {
    expect(() => neighbours(64, 8, 9)).toThrow(GraphError);
    expect(() => neighbours(64, 8, 9)).toThrow('windows of 9 cells need as many cells along each side');
    expect(() => neighbours(8, 9, 9)).toThrow('given 9 cells and 8 pixels');
  });
});

it('needs channels in equal groups', () => {
  const [features, image] = [input('f', [1, 6, 9, 9], 'clicks'), input('image', [1, 3, 36, 36], 'image')];
  expect(() => naf(features, image, [36, 36], Scope.frozen('w'))).toThrow(
    new GraphError('naf: needs channels in 4 equal groups, given 6'),
  );
});
