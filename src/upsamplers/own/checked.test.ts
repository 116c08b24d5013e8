import { expect, it } from 'vitest';
import { UserError } from '../../base/errors.ts';
import { add } from '../../graph/ops/elementwise.ts';
import { slice } from '../../graph/ops/layout.ts';
import { input, type Tensor } from '../../graph/tensor.ts';
import { Scope } from '../../nn/scope.ts';
import { checked } from './checked.ts';

const features = input('features', [2, 8, 4, 3], 'image');
const image = input('image', [2, 3, 16, 12], 'image');
const run = (upsample: (features: Tensor) => unknown) => () =>
  checked('./mine.ts', upsample as never)(features, image, [16, 12], Scope.frozen('w'));

it('gives what the file gives', () => {
  expect(run(x => x)()).toBe(features);
});

it.each<[string, (x: Tensor) => unknown, RegExp]>([
  ['fewer channels', x => slice(x, 1, 0, 4), /gave \[2, 4, 4, 3\], expected a map \[2, 8, h', w'\] with h' up to 16/],
  ['another batch', x => slice(x, 0, 0, 1), /gave \[1, 8, 4, 3\]/],
  ['a larger map', () => input('x', [2, 8, 17, 12], 'image'), /gave \[2, 8, 17, 12\].*w' up to 12/],
  ['tokens', () => input('x', [2, 12, 8], 'image'), /gave \[2, 12, 8\]/],
  ['nothing', () => undefined, /gave undefined, expected/],
  ['a list', x => [x], /gave a list/],
  ['a promise', async x => x, /gave a promise.*must not be async/],
  [
    'an error of the graph',
    x => add(x, slice(x, 1, 0, 4)),
    /mine\.ts: upsample\(features \[2, 8, 4, 3\], image \[2, 3, 16, 12\], size \[16, 12\]\) failed: add.*\[2, 4, 4, 3\]/,
  ],
  ['an error', x => (x as never as { no: () => void }).no(), /failed: x\.no is not a function/],
  [
    'what is no error',
    () => {
      throw 'up';
    },
    /failed: it threw up/,
  ],
])('says whose fault it is: %s', (_, upsample, says) => {
  expect(run(upsample)).toThrow(UserError);
  expect(run(upsample)).toThrow(says);
});

it('leaves an error of the user’s own words alone', () => {
  const own = new UserError('this needs an even grid');
  const fails = run(() => {
    throw own;
  });
  expect(fails).toThrow(own);
});
