import { expect, it } from 'vitest';
import { evaluate } from '../../test/support/run.ts';
import { input } from '../graph/tensor.ts';
import { Scope } from '../nn/scope.ts';
import { enlarged, largeImage } from './large-image.ts';

it('has the backbone see the image enlarged', async () => {
  const x = input('x', [1, 1, 1, 2], 'image');
  expect(enlarged(x, 1)).toBe(x);
  expect(enlarged(x, 2).shape).toEqual([1, 1, 2, 4]);
  const { y } = await evaluate({ y: enlarged(x, 2) }, { x: Float32Array.of(0, 4) });
  expect([...y]).toEqual([0, 1, 3, 4, 0, 1, 3, 4]);
});

it('brings the finer features to the size bilinearly', () => {
  const entry = largeImage(4);
  expect([entry.name, entry.imageFactor]).toEqual(['large-image-x4', 4]);
  const f = input('f', [1, 5, 16, 12], 'clicks');
  const y = entry.upsample(f, input('image', [1, 3, 56, 42], 'image'), [56, 42], Scope.frozen('u'));
  expect(y.shape).toEqual([1, 5, 56, 42]);
});
