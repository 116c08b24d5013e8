import { expect, it } from 'vitest';
import { evaluate, uniform } from '../../test/support/run.ts';
import { matmul } from '../graph/ops/linear.ts';
import { input } from '../graph/tensor.ts';
import { ridgeSolve } from './ridge.ts';

it.each([1e-4, 1e-2])('solves for every column, of whatever length: ridge %s', async ridge => {
  const [n, rank, columns] = [40, 25, 3];
  const x = input('x', [n, rank], 'image');
  const right = input('right', [n, columns], 'image');
  const matrix = matmul(x, x, { transB: true });
  const feeds = {
    x: uniform([n, rank], -3, 3, 'x'),
    right: uniform([n, columns], -1, 1, 'right').map((v, i) => v * [1, 100, 0][i % columns]),
  };
  const { solved, a } = await evaluate({ solved: ridgeSolve(matrix, ridge, right), a: matrix }, feeds);
  const trace = Array.from({ length: n }, (_, i) => a[i * n + i]).reduce((sum, value) => sum + value);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = (ridge * trace * solved[i * columns + j]) / n;
      for (let k = 0; k < n; k++) sum += a[i * n + k] * solved[k * columns + j];
      expect(Math.abs(sum - feeds.right[i * columns + j])).toBeLessThan(4e-3 * [1, 100, 1][j]);
    }
  }
});
