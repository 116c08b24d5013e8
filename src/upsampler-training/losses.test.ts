import { describe, expect, it } from 'vitest';
import { evaluate } from '../../test/support/run.ts';
import { constant, GraphError } from '../graph/tensor.ts';
import { refined } from './loftup.ts';
import { affinityLoss, cosineAndRangedLoss, cosineLoss, squaredLoss } from './losses.ts';
import { taken, viewed } from './view.ts';

const map = (numbers: number[], channels: number, side: number) =>
  constant(Float32Array.from(numbers), [1, channels, side, side]);

describe('losses', () => {
  it('are what their formulas say on two vectors', async () => {
    // vectors (3,4) and (1,0) against (4,3) and (0,2), at two of four places; the others are equal
    const x = map([3, 1, 1, 1, 4, 0, 1, 1], 2, 2);
    const y = map([4, 0, 1, 1, 3, 2, 1, 1], 2, 2);
    const { cosine, squared, ranged } = await evaluate({
      cosine: cosineLoss(x, y),
      squared: squaredLoss(x, y),
      // equal channels have no range: the difference there is 0
      ranged: cosineAndRangedLoss(x, y).ranged,
    });
    expect(cosine[0]).toBeCloseTo(1 - (24 / 25 + 0 + 1 + 1) / 4, 5);
    expect(squared[0]).toBeCloseTo((1 + 1 + 1 + 4) / 8, 5);
    // ranges of the target: 1 and 2
    expect(ranged[0]).toBeCloseTo((1 + 1 + 0.25 + 1) / 8, 4);
  });

  it('compares all pairs inside the margin', async () => {
    const x = map([1, 0, 1, 1, 0, 1, 0, 0], 2, 2);
    const y = map([1, 1, 1, 1, 0, 0, 0, 0], 2, 2);
    const { affinity } = await evaluate({ affinity: affinityLoss(x, y, 0) });
    // of 16 pairs, the 6 with the one other vector differ by 1
    expect(affinity[0]).toBeCloseTo(6 / 16, 5);
    const big = constant(new Float32Array(2 * 100).fill(1), [1, 2, 10, 10]);
    const { inner } = await evaluate({ inner: affinityLoss(big, big, 0.1) });
    expect(inner[0]).toBeCloseTo(0, 6);
  });

  it('refuse maps of different shapes', () => {
    expect(() => cosineLoss(map([1], 1, 1), map([1, 2, 3, 4], 1, 2))).toThrow(GraphError);
  });
});

it('moves features towards the means of their objects', async () => {
  const features = map([1, 3, 10, 20], 1, 2);
  const objects = constant(Float32Array.from([1, 1, 0, 0, 0, 0, 0, 1]), [1, 2, 4]);
  const { y } = await evaluate({ y: refined(features, objects) });
  // the mean of 1 and 3 is 2, four fifths of the way; 20 is alone; 10 belongs to none
  [1.8, 2.2, 10, 20].forEach((value, i) => {
    expect(y[i]).toBeCloseTo(value, 5);
  });
});

it('takes the part of a map that matrices say', async () => {
  const all = map(
    Array.from({ length: 16 }, (_, i) => i),
    1,
    4,
  );
  const matrix = (from: number) => constant(taken(4, from, 2), [1, 2, 4]);
  const { y } = await evaluate({ y: viewed(all, matrix(1), matrix(2)) });
  expect([...y]).toEqual([6, 7, 10, 11]);
});
