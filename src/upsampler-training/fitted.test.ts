import { expect, it } from 'vitest';
import { scoreFitted } from './fitted.ts';

it('sees no error where channels differ in scale and shift alone', () => {
  const map = Float32Array.from([1, 2, 3, -1, 0, 5]);
  const target = map.map((value, i) => (i < 3 ? 2 * value + 1 : -value + 4));
  const { cosine, mse } = scoreFitted([{ map, target }], 2);
  expect(cosine).toBeCloseTo(1, 6);
  expect(mse).toBeCloseTo(0, 10);
});

it('is the least error that a straight line leaves', () => {
  // the best line through (0,0), (1,1), (2,0) is y = 1/3; a flat channel is shifted
  const map = Float32Array.from([0, 1, 2, 7, 7, 7]);
  const target = Float32Array.from([0, 1, 0, 1, 1, 1]);
  const { mse } = scoreFitted([{ map, target }], 2);
  expect(mse).toBeCloseTo((1 / 9 + 4 / 9 + 1 / 9) / 3 / 2, 6);
});
