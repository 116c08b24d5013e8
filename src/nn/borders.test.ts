import { expect, it } from 'vitest';
import { expectEqualGraphs } from '../../test/support/passes.ts';
import { resample } from '../graph/ops/linear.ts';
import { GraphError, input } from '../graph/tensor.ts';
import { reflectBorder } from './borders.ts';
import { reflectPad } from './resize.ts';

const map = input('x', [2, 3, 4, 6], 'clicks');

it.each([1, 2, 3])('reflectBorder is the matrix reflectPad: %s', async border => {
  const matrix = resample(map, reflectPad(4, border), reflectPad(6, border));
  await expectEqualGraphs(reflectBorder(map, border), matrix, { element: 1e-6, l2: 1e-6 });
});

it('reflectBorder leaves a map without border alone and refuses one as wide as the map', () => {
  expect(reflectBorder(map, 0)).toBe(map);
  expect(() => reflectBorder(map, 4)).toThrow(GraphError);
});
