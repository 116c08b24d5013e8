import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import type { Grid } from '../base/raster.ts';
import { nextPoints, PAPER_NEXT_POINTS } from './next-points.ts';

const likeThePaper = { ...PAPER_NEXT_POINTS, clickIgnored: true };
describe('nextPoints', () => {
  const size = { width: 9, height: 9 };
  const grid = (value: (x: number, y: number) => number): Grid<Float32Array> => ({
    ...size,
    data: Float32Array.from({ length: 81 }, (_, i) => value(i % 9, Math.floor(i / 9))),
  });
  const nothing = grid(() => 0);
  const square = grid((x, y) => +(x >= 2 && x < 7 && y >= 2 && y < 7));

  it('clicks every pixel of the inner half alike', () => {
    const hits = new Map<string, number>();
    const random = Random.of(5);
    for (let i = 0; i < 900; i++) {
      const [point] = nextPoints([], nothing, square, 1, PAPER_NEXT_POINTS, random);
      expect(point).toMatchObject({ positive: true, round: 1 });
      hits.set(`${point.row},${point.col}`, (hits.get(`${point.row},${point.col}`) ?? 0) + 1);
    }
    expect([...hits.keys()].sort()).toEqual(['3,3', '3,4', '3,5', '4,3', '4,4', '4,5', '5,3', '5,4', '5,5']);
    for (const count of hits.values()) expect(Math.abs(count - 100)).toBeLessThan(5 * Math.sqrt(100));
  });

  it('gives a negative click on a false positive and none where all is right', () => {
    expect(nextPoints([], square, nothing, 2, PAPER_NEXT_POINTS, Random.of(0))).toMatchObject([
      { positive: false, round: 2 },
    ]);
    expect(nextPoints([], square, square, 2, PAPER_NEXT_POINTS, Random.of(0))).toEqual([]);
  });

  it('leaves ignored pixels alone unless told otherwise', () => {
    const ignored = grid((x, y) => (square.data[y * 9 + x] === 1 ? -1 : 0));
    expect(nextPoints([], square, ignored, 1, PAPER_NEXT_POINTS, Random.of(0))).toEqual([]);
    expect(nextPoints([], square, ignored, 1, likeThePaper, Random.of(0))).toMatchObject([{ positive: false }]);
  });
});
