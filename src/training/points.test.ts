import fc from 'fast-check';
import { expect, it } from 'vitest';
import { addPoint, type Point } from './points.ts';

const MAX = 6;
const sampled = (count: number, positive: boolean): Point[] =>
  Array.from({ length: count }, (_, col) => ({ row: 0, col, positive, round: 0 }));

it('keeps the same points as a table with fixed places, written from the end', () => {
  const counts = fc.integer({ min: 0, max: MAX });
  const rounds = fc.array(fc.boolean(), { maxLength: MAX });
  fc.assert(
    fc.property(counts, counts, rounds, (positives, negatives, signs) => {
      let points = [...sampled(positives, true), ...sampled(negatives, false)];
      const table = new Array<Point | undefined>(2 * MAX).fill(undefined);
      points.forEach(point => {
        table[point.col + (point.positive ? 0 : MAX)] = point;
      });
      for (const [i, positive] of signs.entries()) {
        const point = { row: 1, col: i, positive, round: i + 1 };
        table[(positive ? MAX : 2 * MAX) - (i + 1)] = point;
        points = addPoint(points, point, MAX);
      }
      const expected = table.filter(point => point !== undefined);
      expect(points).toHaveLength(expected.length);
      expect(new Set(points)).toEqual(new Set(expected));
    }),
  );
});

it('refuses more rounds than places', () => {
  expect(() => addPoint([], { row: 0, col: 0, positive: true, round: 3 }, 2)).toThrow('among 2 points per sign');
});
