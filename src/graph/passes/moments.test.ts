import { describe, expect, it } from 'vitest';
import { evaluate } from '../../../test/support/run.ts';
import { sum } from '../ops/basic.ts';
import { mul, sub } from '../ops/elementwise.ts';
import { slice } from '../ops/layout.ts';
import { groupNormalise, mean } from '../ops/reduce.ts';
import { input } from '../tensor.ts';
import { joinedMoments, momentsIn, momentsOfPart } from './moments.ts';

const x = input('x', [1, 2, 30, 8], 'image');

describe('moments', () => {
  it('are found in norms, and nowhere else', () => {
    const [found, ...others] = momentsIn([groupNormalise(x, 1, 1e-5)]);
    expect(others).toEqual([]);
    expect(found.axes).toEqual([2, 3, 4]);
    expect(found.total.inputs[0]).toBe(found.map);
    const squares = (centred: typeof x) => sum(mul(centred, centred), [2, 3]);
    const others2 = [sub(x, mean(x, [2])), sub(x, mul(sum(x, [2, 3]), 1 / 7)), mul(x, 2)];
    expect(momentsIn(others2.map(squares))).toEqual([]);
  });

  it('of parts give those of the whole, also where the mean is much larger than what varies', async () => {
    const values = Float32Array.from({ length: 480 }, (_, i) => 3000 + Math.sin(i) + (i % 240 > 100 ? 2 : 0));
    const parts = [0, 7, 20].map((from, i) => momentsOfPart(slice(x, 2, from, [7, 13, 10][i]), [2, 3]));
    const { total, squares } = await evaluate(joinedMoments(parts), { x: values });
    for (const channel of [0, 1]) {
      const own = [...values.subarray(240 * channel, 240 * (channel + 1))];
      const average = own.reduce((a, b) => a + b) / 240;
      const expected = own.reduce((all, value) => all + (value - average) ** 2, 0);
      expect(total[channel] / 240).toBeCloseTo(average, 2);
      expect(Math.abs(squares[channel] / expected - 1)).toBeLessThan(1e-3);
    }
  });
});
