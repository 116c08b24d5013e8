import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { at, nd, tabulate, total } from '../../test/support/nd.ts';
import { evaluate, projected, uniform } from '../../test/support/run.ts';
import { gradient } from '../graph/gradient.ts';
import { input } from '../graph/tensor.ts';
import { groupNorm, rmsNorm, unitLength } from './norms.ts';
import { Scope } from './scope.ts';

const parameters = (scope: Scope) => [...scope.parameters.values()].map(({ name, shape }) => ({ name, shape }));

describe('groupNorm', () => {
  it('normalises groups of channels, then scales and shifts channels', async () => {
    const shape = [2, 6, 3, 2];
    const scope = Scope.trained('s');
    const y = groupNorm(input('x', shape, 'image'), scope, 3);
    expect(parameters(scope)).toEqual([
      { name: 's.weight', shape: [6] },
      { name: 's.bias', shape: [6] },
    ]);
    const feeds = {
      x: uniform(shape, -2, 2, 'x'),
      's.weight': uniform([6], 0, 2, 'w'),
      's.bias': uniform([6], -1, 1, 'b'),
    };
    const x = nd(shape, feeds.x);
    const expected = tabulate(shape, ([b, c, i, j]) => {
      const member = (k: number) =>
        at(x, [b, 2 * Math.floor(c / 2) + Math.floor(k / 6), Math.floor((k % 6) / 2), k % 2]);
      const mean = total(12, member) / 12;
      const variance = total(12, k => (member(k) - mean) ** 2) / 12;
      return ((at(x, [b, c, i, j]) - mean) / Math.sqrt(variance + 1e-5)) * feeds['s.weight'][c] + feeds['s.bias'][c];
    });
    expectClose((await evaluate({ y }, feeds)).y, expected.data, 3e-6, 'groupNorm');
  });
});

describe('rmsNorm', () => {
  it('divides by the root mean square of the last axis', async () => {
    const y = rmsNorm(input('x', [2, 4], 'image'), Scope.trained('s'));
    const feeds = { x: Float32Array.of(3, 4, 0, 0, 0, 0, 0, 0), 's.weight': Float32Array.of(1, 2, 3, 4) };
    expectClose((await evaluate({ y }, feeds)).y, [1.2, 3.2, 0, 0, 0, 0, 0, 0], 1e-6, 'rmsNorm');
  });
  it('or of another axis', async () => {
    const y = rmsNorm(input('x', [1, 4, 2], 'image'), Scope.trained('s'), { axis: 1 });
    const feeds = { x: Float32Array.of(3, 0, 4, 0, 0, 0, 0, 0), 's.weight': Float32Array.of(1, 2, 3, 4) };
    expectClose((await evaluate({ y }, feeds)).y, [1.2, 0, 3.2, 0, 0, 0, 0, 0], 1e-6, 'rmsNorm');
  });
});

describe('unitLength', () => {
  it('gives vectors along an axis the length 1, leaves 0 as it is, and has gradients there', async () => {
    const x = input('x', [1, 2, 2], 'clicks');
    const y = unitLength(x, 1);
    const [dx] = gradient(projected(y, Float32Array.of(1, 1, 1, 1)), [x]);
    const results = await evaluate({ y, dx }, { x: Float32Array.of(3, 0, 4, 0) });
    expectClose(results.y, [0.6, 0, 0.8, 0], 1e-6, 'unitLength');
    // (1 - y (y1 + y2)) / 5
    expectClose([results.dx[0], results.dx[2]], [0.032, -0.024], 1e-6, 'its gradient');
    expect(results.dx.every(Number.isFinite)).toBe(true);
  });
});
