import { expect, it } from 'vitest';
import { expectEqualGraphs } from '../../test/support/passes.ts';
import { resample } from '../graph/ops/linear.ts';
import { input } from '../graph/tensor.ts';
import { bicubic, bilinear } from '../nn/resize.ts';
import { resampleInBlocks } from './bands.ts';

it.each([
  ['smaller', bilinear(80, 70, { alignCorners: true }), bicubic(96, 84)],
  ['larger', bicubic(20, 77), bilinear(9, 100, { alignCorners: false })],
])('resampleInBlocks is resample: %s', async (_, vertical, horizontal) => {
  const x = input('x', [2, 3, vertical.cols, horizontal.cols], 'clicks');
  const y = resampleInBlocks(x, vertical, horizontal);
  expect(y.shape).toEqual([2, 3, vertical.rows, horizontal.rows]);
  await expectEqualGraphs(y, resample(x, vertical, horizontal), { element: 2e-6, l2: 2e-6 });
});
