import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { cellOf, inNetwork, networkSize, requireInside } from './feature-places.ts';

describe('networkSize', () => {
  it('brings the longer side to the multiple of the stride next to what is asked for', () => {
    expect(networkSize([480, 640], 448, 16)).toEqual([336, 448]);
    expect(networkSize([640, 480], 450, 16)).toEqual([448, 336]);
    expect(networkSize([500, 333], 518, 14)).toEqual([518, 350]);
    expect(networkSize([10, 10], 3, 14)).toEqual([14, 14]);
    expect(networkSize([10, 10000], 448, 16)).toEqual([16, 448]);
  });

  it('gives multiples, the longer side as the picture has it', () => {
    const side = fc.integer({ min: 1, max: 5000 });
    fc.assert(
      fc.property(side, side, fc.integer({ min: 1, max: 2000 }), fc.constantFrom(8, 14, 16), (h, w, size, stride) => {
        const [height, width] = networkSize([h, w], size, stride);
        expect([height % stride, width % stride]).toEqual([0, 0]);
        expect(Math.min(height, width)).toBeGreaterThan(0);
        expect(Math.sign(height - width) * Math.sign(h - w)).toBeGreaterThanOrEqual(0);
        expect(Math.abs(Math.max(height, width) - size)).toBeLessThanOrEqual(Math.max(stride / 2, stride - size));
      }),
    );
  });
});

describe('points', () => {
  it('are found again on the network’s input, corners on corners', () => {
    const own = [480, 640] as const;
    expect(inNetwork({ x: 0, y: 0 }, own, [336, 448])).toEqual({ x: 0, y: 0 });
    expect(inNetwork({ x: 639.9, y: 479 }, own, [336, 448])).toEqual({ x: 447, y: 335 });
    expect(inNetwork({ x: 320, y: 240 }, own, [336, 448])).toEqual({ x: 224, y: 168 });
    expect(inNetwork({ x: 0, y: 0 }, [1, 1], [16, 16])).toEqual({ x: 8, y: 8 });
  });

  it('lie in the cell that covers their pixel', () => {
    const map = { height: 21, width: 28 };
    expect(cellOf({ x: 15, y: 16 }, [336, 448], map)).toEqual({ row: 1, column: 0 });
    expect(cellOf({ x: 447, y: 335 }, [336, 448], map)).toEqual({ row: 20, column: 27 });
    expect(cellOf({ x: 447, y: 335 }, [336, 448], { height: 336, width: 448 })).toEqual({ row: 335, column: 447 });
  });

  it('on the picture are on every map', () => {
    const size = fc.integer({ min: 1, max: 600 });
    fc.assert(
      fc.property(fc.tuple(size, size, size, size, size, size), fc.nat(), fc.nat(), (sizes, a, b) => {
        const [h, w, networkHeight, networkWidth, rows, columns] = sizes;
        const point = { x: (a % (2 * w)) / 2, y: (b % (2 * h)) / 2 };
        expect(() => requireInside(point, [h, w], 'a')).not.toThrow();
        const at = inNetwork(point, [h, w], [networkHeight, networkWidth]);
        const { row, column } = cellOf(at, [networkHeight, networkWidth], { height: rows, width: columns });
        for (const [value, end] of [[at.x, networkWidth] as const, [at.y, networkHeight] as const]) {
          expect(Number.isInteger(value) && value >= 0 && value < end).toBe(true);
        }
        expect(row >= 0 && row < rows && column >= 0 && column < columns).toBe(true);
      }),
    );
  });

  it('outside the picture are refused, with what is inside', () => {
    for (const point of [
      { x: 40, y: 0 },
      { x: 0, y: 30 },
      { x: -1, y: 0 },
      { x: 0, y: -0.5 },
    ]) {
      const check = () => requireInside(point, [30, 40], 'photo.jpg');
      expect(check).toThrow(UserError);
      expect(check).toThrow(/outside photo\.jpg, which is 40 x 30 px: expected x from 0 to 39 and y from 0 to 29/);
    }
  });
});
