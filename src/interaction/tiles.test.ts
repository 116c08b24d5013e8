import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cutTiles, mergeTiles, planTiles, tileClick, tileCorners, tileOffsets } from './tiles.ts';

it('covers a length with as few tiles as the overlap allows, the last one at the end', () => {
  expect(tileOffsets(10, 10, 0.2)).toEqual([0]);
  expect(tileOffsets(11, 10, 0.2)).toEqual([0, 1]);
  expect(tileOffsets(30, 10, 0)).toEqual([0, 10, 20]);
  expect(tileOffsets(25, 10, 0.5)).toEqual([0, 5, 10, 15]);
  expect(() => tileOffsets(9, 10, 0.2)).toThrow(RangeError);
});

it('leaves a picture alone that is smaller than a tile on one side', () => {
  expect(planTiles([9, 50], [10, 20])).toEqual({ picture: [9, 50], size: [9, 50], tops: [0], lefts: [0] });
});

it('moves clicks into the tile', () => {
  expect(tileClick({ y: 3, x: 9, positive: true }, { top: 5, left: 4 })).toEqual({ y: -2, x: 5, positive: true });
});

it('cuts and merges back to the same picture, and every neighbour overlaps as asked', () => {
  const side = fc.integer({ min: 1, max: 12 });
  fc.assert(
    fc.property(side, side, fc.nat(20), fc.nat(20), fc.constantFrom(0, 0.2, 0.5), (h, w, moreH, moreW, overlap) => {
      const picture = [h + moreH, w + moreW] as const;
      const tiles = planTiles(picture, [h, w], overlap);
      const planes = Float32Array.from({ length: 2 * picture[0] * picture[1] }, (_, i) => i);
      const cut = cutTiles(planes, tiles);
      expect(cut.length).toBe(tileCorners(tiles).length * 2 * h * w);
      const first = cut.filter((_, i) => Math.floor(i / (h * w)) % 2 === 0);
      const merged = mergeTiles(first, tiles);
      expect(Math.max(...merged.map((value, i) => Math.abs(value - i)))).toBeLessThan(1e-4);
      for (const [offsets, length] of [
        [tiles.tops, h],
        [tiles.lefts, w],
      ] as const) {
        for (let i = 1; i < offsets.length; i++) {
          expect(length - (offsets[i] - offsets[i - 1])).toBeGreaterThanOrEqual(Math.floor(length * overlap) - 1);
        }
      }
    }),
  );
});
