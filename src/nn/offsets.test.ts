import { expect, it } from 'vitest';
import { evaluate, uniform } from '../../test/support/run.ts';
import { input } from '../graph/tensor.ts';
import { byOffset } from './offsets.ts';

it.each([1, 2, 3, 5])('byOffset gives every pair of %i places the entry of its offset', async n => {
  const [a, c] = [2, 3];
  const x = input('x', [a, 2 * n - 1, c], 'image');
  const data = uniform(x.shape, -1, 1, n);
  const built = byOffset(x);
  expect(built.shape).toEqual([a, n, n, c]);
  const { y } = await evaluate({ y: built }, { x: data });
  for (let b = 0; b < a; b++) {
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        for (let k = 0; k < c; k++) {
          expect(y[((b * n + i) * n + j) * c + k]).toBe(data[(b * (2 * n - 1) + i - j + n - 1) * c + k]);
        }
      }
    }
  }
});
