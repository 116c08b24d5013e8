import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Mask } from '../base/raster.ts';
import { squaredDistances } from './distance.ts';

function maskOf(...rows: string[]): Mask {
  return {
    width: rows[0].length,
    height: rows.length,
    data: Uint8Array.from(rows.join(''), c => (c === '#' ? 1 : 0)),
  };
}

/** By trying every unset pixel, and the frame of unset pixels around the mask. */
function bruteForce({ width, height, data }: Mask): number[] {
  const unset: [number, number][] = [];
  for (let y = -1; y <= height; y++) {
    for (let x = -1; x <= width; x++) {
      const inside = y >= 0 && y < height && x >= 0 && x < width;
      if (!inside || data[y * width + x] === 0) unset.push([y, x]);
    }
  }
  return Array.from(data, (value, i) => {
    const [y, x] = [Math.floor(i / width), i % width];
    return value === 0 ? 0 : Math.min(...unset.map(([v, u]) => (v - y) ** 2 + (u - x) ** 2));
  });
}

describe('squaredDistances', () => {
  it('counts what lies outside as unset', () => {
    expect([...squaredDistances(maskOf('###', '###', '###')).data]).toEqual([1, 1, 1, 1, 4, 1, 1, 1, 1]);
    expect([...squaredDistances(maskOf('#')).data]).toEqual([1]);
  });

  it('measures diagonally', () => {
    const mask = maskOf('.######', '#######', '#######', '#######', '#######', '#######', '#######');
    const { data } = squaredDistances(mask);
    expect(data[1 * 7 + 1]).toBe(2);
    expect(data[2 * 7 + 2]).toBe(8);
    expect(data[3 * 7 + 3]).toBe(16);
  });

  it('is 0 everywhere on an empty mask', () => {
    expect([...squaredDistances(maskOf('....', '....')).data]).toEqual(new Array(8).fill(0));
  });

  it('equals the definition', () => {
    const masks = fc
      .record({ width: fc.integer({ min: 1, max: 14 }), height: fc.integer({ min: 1, max: 14 }), dense: fc.boolean() })
      .chain(({ width, height, dense }) =>
        fc
          .array(fc.nat(9), { minLength: width * height, maxLength: width * height })
          .map(values => ({ width, height, data: Uint8Array.from(values, v => (v > (dense ? 0 : 4) ? 1 : 0)) })),
      );
    fc.assert(
      fc.property(masks, mask => {
        expect([...squaredDistances(mask).data]).toEqual(bruteForce(mask));
      }),
      { numRuns: 200 },
    );
  });
});
