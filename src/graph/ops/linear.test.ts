import { expect, it } from 'vitest';
import { testCases } from '../../../test/support/op-cases.ts';
import { linearCases } from '../../../test/support/ops/linear.ts';
import { resampleCost } from './linear.ts';

testCases(linearCases);

it('resampling takes the cheaper order', () => {
  const matrix = (rows: number, cols: number) => ({ rows, cols, data: new Float32Array(rows * cols) });
  // V (X H^T): 2 rows of 10 columns from 3, then 20 rows from 2; (V X) H^T: 20 rows of 3 columns, then 10 columns from 3
  const enlarged = resampleCost([4, 2, 3], matrix(20, 2), matrix(10, 3));
  expect(enlarged).toEqual({ cost: 4 * (2 * 10 * 3 + 20 * 10 * 2), rowsFirst: false });
  expect(resampleCost([4, 2, 3], matrix(1, 2), matrix(10, 3))).toEqual({ cost: 4 * (3 * 2 + 10 * 3), rowsFirst: true });
  expect(resampleCost([4, 2, 3], undefined, matrix(10, 3)).cost).toBe(4 * 2 * 10 * 3);
  expect(resampleCost([4, 2, 3], matrix(5, 2)).cost).toBe(4 * 5 * 2 * 3);
  expect(resampleCost([4, 2, 3]).cost).toBe(0);
});
