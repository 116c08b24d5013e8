import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { heatColors } from './heat.ts';
import { cosineMap, similarityPicture } from './similarity.ts';

/** Two channels on 2 x 3 positions: along x, along y, opposite, diagonal, nothing, along x again but longer. */
const field = {
  channels: 2,
  height: 2,
  width: 3,
  data: Float32Array.of(...[1, 0, -2, 1, 0, 5], ...[0, 3, 0, 1, 0, 0]),
};

describe('cosineMap', () => {
  it('tells directions apart, whatever the lengths; nothing is like nothing', () => {
    const { width, height, data } = cosineMap(field, { row: 0, column: 0 });
    expect([width, height]).toEqual([3, 2]);
    expect([...data]).toEqual([1, 0, -1, Math.fround(Math.SQRT1_2), 0, 1]);
    expect([...cosineMap(field, { row: 1, column: 1 }).data]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('is 1 at its own position and the same both ways', () => {
    const maps = fc
      .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }))
      .chain(([channels, height, width]) => {
        const size = channels * height * width;
        const number = fc.integer({ min: -50, max: 50 }).filter(value => value !== 0);
        return fc
          .array(number, { minLength: size, maxLength: size })
          .map(data => ({ channels, height, width, data: Float32Array.from(data) }));
      });
    fc.assert(
      fc.property(maps, fc.nat(), fc.nat(), (map, a, b) => {
        const size = map.height * map.width;
        const place = (i: number) => ({ row: Math.floor(i / map.width), column: i % map.width });
        const [from, to] = [a % size, b % size];
        const there = cosineMap(map, place(from)).data;
        expect(there[from]).toBeCloseTo(1, 6);
        expect(there[to]).toBeCloseTo(cosineMap(map, place(to)).data[from], 6);
        for (const value of there) expect(Math.abs(value)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('refuses positions outside and features that are no numbers', () => {
    for (const place of [
      { row: 2, column: 0 },
      { row: 0, column: 3 },
      { row: -1, column: 0 },
      { row: Number.NaN, column: 0 },
    ]) {
      expect(() => cosineMap(field, place)).toThrow(RangeError);
    }
    const data = field.data.slice();
    data[8] = Number.NaN;
    expect(() => cosineMap({ ...field, data }, { row: 0, column: 0 })).toThrow(UserError);
  });
});

it('pictures cosines from the lowest to 1', () => {
  const map = { width: 3, height: 1, data: Float32Array.of(-0.5, 0, 1) };
  const colors = (low: number) => [...similarityPicture(map, low).data];
  const level = (i: number) => [...heatColors.subarray(3 * i, 3 * i + 3)];
  expect(colors(-0.5)).toEqual([...level(0), ...level(85), ...level(255)]);
  expect(colors(0)).toEqual([...level(0), ...level(0), ...level(255)]);
  expect(colors(1)).toEqual([...level(255), ...level(255), ...level(255)]);
});
