import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { at, nd, tabulate, total } from '../../test/support/nd.ts';
import { expectEqualGraphs } from '../../test/support/passes.ts';
import { evaluate, uniform } from '../../test/support/run.ts';
import { input } from '../graph/tensor.ts';
import { Scope } from '../nn/scope.ts';
import { shareWindows, unify } from './anyup.ts';
import { UNSEEN } from './local-attention.ts';

describe('unify', () => {
  const [B, C, H, W, M] = [2, 6, 4, 5, 8];
  const map = input('f', [B, C, H, W], 'clicks');
  const [f, basis] = [uniform([B, C, H, W], -1, 1, 'f'), uniform([M, 25], -3, 3, 'basis')];

  it.each([true, false])('filters channels alike and averages softmaxes; interleaved: %s', async interleaved => {
    const y = unify(map, Scope.trained('s'), M, { interleaved });
    const [maps, kernels] = [nd([B, C, H, W], f), nd([M, 25], basis)];
    const answer = (b: number, c: number, m: number, y0: number, x0: number) => {
      let [sum, taps] = [0, 0];
      for (let i = 0; i < 25; i++) {
        const [y1, x1] = [y0 + Math.floor(i / 5) - 2, x0 + (i % 5) - 2];
        if (y1 < 0 || y1 >= H || x1 < 0 || x1 >= W) continue;
        sum += at(kernels, [m, i]) * at(maps, [b, c, y1, x1]);
        taps++;
      }
      return sum / taps;
    };
    // interleaved: item (m, c) of answers that lie channel by channel is the (m * C + c)-th
    const item = (b: number, c: number, m: number, y0: number, x0: number) => {
      const place = interleaved ? m * C + c : c * M + m;
      return Math.exp(answer(b, Math.floor(place / M), place % M, y0, x0));
    };
    const expected = tabulate([B, M, H, W], ([b, m, y0, x0]) =>
      total(C, c => item(b, c, m, y0, x0) / total(M, other => item(b, c, other, y0, x0)) / C),
    );
    const result = await evaluate({ y }, { f, 's.basis': basis });
    expectClose(result.y, expected.data, 3e-6, 'the likenesses');
  });

  it('gives the same in pieces', async () => {
    const scope = Scope.trained('s');
    const pieces = unify(map, scope, M, { memory: 6 * 4 * B * C * M * 3 });
    await expectEqualGraphs(pieces, unify(map, scope, M), { element: 2e-6, l2: 2e-6 });
  });
});

describe('shareWindows', () => {
  const seen = (size: number, cells: number, rounding: 'float32' | 'exact', reach = 0.1) => {
    const { data } = shareWindows(size, cells, reach, rounding);
    return Array.from({ length: size }, (_, i) => {
      const row = [...data.subarray(i * cells, (i + 1) * cells)];
      expect(row.every(value => value === 0 || value === UNSEEN)).toBe(true);
      return [row.indexOf(0), row.lastIndexOf(0) + 1];
    });
  };

  it('are those of the definition, never empty', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 60 }), (size, cells) => {
        seen(size, cells, 'exact').forEach(([from, end], i) => {
          // in twentieths of a pixel, exactly
          const [low, high] = [10 * (2 * i + 1) - 2 * size, 10 * (2 * i + 1) + 2 * size];
          expect(from).toBe(Math.max(0, Math.floor((low * cells) / (20 * size))));
          expect(end).toBe(Math.min(cells, Math.ceil((high * cells) / (20 * size))));
          expect(end).toBeGreaterThan(from);
        });
      }),
      { seed: 5 },
    );
  });

  it('differ in float32 only where ends fall on borders of cells', () => {
    expect(seen(224, 14, 'float32')).toEqual(seen(224, 14, 'exact'));
    expect(seen(35, 7, 'float32')).not.toEqual(seen(35, 7, 'exact'));
  });
});
