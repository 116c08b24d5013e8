import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Mask } from '../base/raster.ts';
import { chamferDistance } from './chamfer.ts';

const round = (values: ArrayLike<number>) => Array.from(values, value => Math.round(value * 1e4) / 1e4);

it('knows straight, diagonal and knight steps', () => {
  const width = 7;
  const hole: Mask = { width, height: width, data: new Uint8Array(width * width).fill(1) };
  hole.data[3 * width + 3] = 0;
  const distance = round(chamferDistance(hole));
  expect(distance.slice(2 * width + 2, 2 * width + 5)).toEqual([1.4, 1, 1.4]);
  expect(distance.slice(width + 2, width + 5)).toEqual([2, 2, 2]);
  expect(distance.slice(0, width)).toEqual([1, 1, 1, 1, 1, 1, 1]);
});

it('counts everything outside as empty', () => {
  expect(round(chamferDistance({ width: 3, height: 3, data: new Uint8Array(9).fill(1) }))).toEqual([
    1, 1, 1, 1, 2, 1, 1, 1, 1,
  ]);
  expect(chamferDistance({ width: 2, height: 1, data: new Uint8Array(2) })).toEqual(new Float32Array(2));
});

it('lies within 3 % of the Euclidean distance', () => {
  const side = 24;
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: side * side - 1 }), { maxLength: 6 }), holes => {
      const mask: Mask = { width: side, height: side, data: new Uint8Array(side * side).fill(1) };
      for (const hole of holes) mask.data[hole] = 0;
      const distance = chamferDistance(mask);
      for (let i = 0; i < distance.length; i++) {
        const [x, y] = [i % side, Math.floor(i / side)];
        let exact = Math.min(x + 1, y + 1, side - x, side - y);
        for (const hole of holes) exact = Math.min(exact, Math.hypot((hole % side) - x, Math.floor(hole / side) - y));
        expect(Math.abs(distance[i] - exact)).toBeLessThanOrEqual(0.03 * exact);
      }
    }),
    { numRuns: 30 },
  );
});
