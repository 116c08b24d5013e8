import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { randomValues } from '../../test/support/definition.ts';
import { evaluate } from '../../test/support/run.ts';
import { split } from '../graph/passes/split.ts';
import { input, nameOf, type Shape, sources } from '../graph/tensor.ts';
import { Scope } from '../nn/scope.ts';
import { lift, liftRepeated, liftToSize, liftUpsampler } from './lift.ts';

const features = (shape: Shape) => input('f', shape, 'clicks');
const image = (shape: Shape) => input('image', shape, 'image');

describe('lift', () => {
  it.each([8, 14, 16])('doubles features of a patch of %s', patch => {
    const size = [3 * patch, 5 * patch];
    const y = lift(features([2, 6, 3, 5]), image([2, 3, ...size]), Scope.frozen('u'));
    expect(y.shape).toEqual([2, 6, 6, 10]);
  });

  it('encodes the image once for all clicks', () => {
    const y = lift(features([1, 6, 4, 4]), image([1, 3, 56, 56]), Scope.frozen('u'));
    const [own, clicks] = split(new Map([['main', new Map([['y', y]])]]));
    expect([own.rate, clicks.rate]).toEqual(['image', 'clicks']);
    const names = sources([...clicks.outputs.values()]).map(nameOf);
    expect(names.filter(name => name.includes('image'))).toEqual([]);
    expect([...own.outputs.values()].map(({ shape }) => shape)).toEqual([
      [1, 32, 4, 4],
      [1, 32, 8, 8],
    ]);
  });

  it('repeats with the image enlarged', async () => {
    const scope = Scope.frozen('u');
    const [f, I] = [features([1, 6, 3, 2]), image([1, 3, 42, 28])];
    const once = liftRepeated(f, I, scope, 1);
    const twice = liftRepeated(f, I, scope, 2);
    expect(twice.shape).toEqual([1, 6, 12, 8]);
    const feeds = randomValues(twice);
    const { first } = await evaluate({ first: once }, feeds);
    // columns and rows of an image enlarged bilinearly: 3/4 of the nearer pixel, 1/4 of the other
    const enlarged = Float32Array.from({ length: 3 * 84 * 56 }, (_, i) => {
      const [c, y, x] = [Math.floor(i / (84 * 56)), Math.floor(i / 56) % 84, i % 56];
      const taps = (at: number, size: number): [number, number][] => {
        const place = Math.max(0, (at + 0.5) / 2 - 0.5);
        const low = Math.floor(place);
        return [
          [low, 1 - place + low],
          [Math.min(low + 1, size - 1), place - low],
        ];
      };
      let sum = 0;
      for (const [r, a] of taps(y, 42))
        for (const [s, b] of taps(x, 28)) sum += a * b * feeds.image[(c * 42 + r) * 28 + s];
      return sum;
    });
    const again = lift(input('g', [1, 6, 6, 4], 'clicks'), image([1, 3, 84, 56]), scope);
    const { f: _, ...weights } = feeds;
    const expected = await evaluate({ again }, { ...weights, g: first, image: enlarged });
    expectClose((await evaluate({ twice }, feeds)).twice, expected.again, 1e-5, 'the second step');
  });

  it('stops before it would be finer than asked for', () => {
    const [f, I, scope] = [features([1, 6, 4, 4]), image([1, 3, 56, 56]), Scope.frozen('u')];
    expect(liftUpsampler.upsample(f, I, [56, 56], scope).shape).toEqual([1, 6, 8, 8]);
    expect(liftToSize.upsample(f, I, [56, 56], scope).shape).toEqual([1, 6, 32, 32]);
    expect(liftToSize.upsample(f, I, [64, 80], scope).shape).toEqual([1, 6, 64, 64]);
    expect(liftToSize.upsample(f, I, [7, 7], scope)).toBe(f);
  });
});
