import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { at, nd, tabulate, total } from '../../test/support/nd.ts';
import { expectEqualGraphs } from '../../test/support/passes.ts';
import { peakBytes } from '../../test/support/peak.ts';
import { evaluate, projected, uniform } from '../../test/support/run.ts';
import { gradient } from '../graph/gradient.ts';
import { GraphError, input, nameOf } from '../graph/tensor.ts';
import { Scope } from '../nn/scope.ts';
import { averagedAttention, chunks, inProjection, toHeads } from './attention.ts';

describe('chunks', () => {
  it('cover all queries once, in order, and hold no more than the memory allows', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 4, max: 10000 }),
        fc.integer({ min: 60000, max: 1e9 }),
        (count, bytes, memory) => {
          const { ranges, keep } = chunks(count, bytes, { memory });
          let end = 0;
          for (const { start, length } of ranges) {
            expect(start).toBe(end);
            expect(length).toBeGreaterThan(0);
            expect(6 * length * bytes).toBeLessThanOrEqual(memory);
            end += length;
          }
          expect(end).toBe(count);
          expect(keep).toBe(count * bytes <= memory);
        },
      ),
      { seed: 5 },
    );
  });
  it('are of the size of caches where memory is plenty, but never too many', () => {
    expect(chunks(10000, 1000, {}).ranges.length).toBe(3);
    expect(chunks(100000, 10000, {}).ranges.length).toBe(48);
    expect(chunks(10, 4, {}, { most: 3 }).ranges.map(({ length }) => length)).toEqual([2, 3, 2, 3]);
  });
  it('are of whole rows where they take more than one', () => {
    const lengths = (memory: number) =>
      chunks(12 * 7, 1000, { memory }, { width: 12 }).ranges.map(({ length }) => length);
    expect(lengths(6000 * 30)).toEqual([12, 24, 24, 24]);
    expect(Math.max(...lengths(6000 * 11))).toBeLessThanOrEqual(11);
  });
  it('do not fit into too little memory', () => {
    expect(() => chunks(10, 1000, { memory: 5999 })).toThrow(GraphError);
    expect(() => chunks(10, 1000, { memory: 5999 })).toThrow('5999 bytes of memory are too few, one query takes 6000');
    expect(chunks(10, 1000, { memory: 6000 }).ranges.length).toBe(10);
  });
});

const source = (name: string, ...shape: number[]) => input(name, shape, 'clicks');
const [B, HEADS, N, K, D, C] = [2, 3, 50, 11, 4, 5];
const attended = (memory: number) =>
  averagedAttention(source('q', B, HEADS, N, D), source('k', B, HEADS, K, D), source('v', B, C, K), { memory });
/** All matrices take 13,200 bytes. */
const WHOLE = 2e9;
const TIGHT = 8000;

describe('averagedAttention', () => {
  it.each([WHOLE, TIGHT])(
    'is the mean over heads of softmax(q k / sqrt(d)), on the values; memory %s',
    async memory => {
      const shapes = { q: [B, HEADS, N, D], k: [B, HEADS, K, D], v: [B, C, K] };
      const feeds = Object.fromEntries(
        Object.entries(shapes).map(([name, shape]) => [name, uniform(shape, -2, 2, name)]),
      );
      const [q, k, v] = Object.entries(shapes).map(([name, shape]) => nd(shape, feeds[name]));
      const score = (b: number, h: number, i: number, j: number) =>
        total(D, d => at(q, [b, h, i, d]) * at(k, [b, h, j, d])) / Math.sqrt(D);
      const weights = tabulate([B, N, K], ([b, i, j]) =>
        total(HEADS, h => {
          const sum = total(K, other => Math.exp(score(b, h, i, other)));
          return Math.exp(score(b, h, i, j)) / sum / HEADS;
        }),
      );
      const expected = tabulate([B, C, N], ([b, c, i]) => total(K, j => at(weights, [b, i, j]) * at(v, [b, c, j])));
      expectClose((await evaluate({ y: attended(memory) }, feeds)).y, expected.data, 3e-6, 'attention');
    },
  );

  it('gives equal values and gradients in few chunks and in many', async () => {
    await expectEqualGraphs(attended(TIGHT), attended(WHOLE), { element: 3e-6, l2: 3e-6 });
  });

  it.each([
    ['image', []],
    ['image', ['v']],
    ['image', ['k', 'v']],
    ['clicks', ['v']],
    ['clicks', ['k', 'v']],
    ['clicks', ['q', 'k', 'v']],
  ] as const)('holds matrices within the memory, queries by %s, gradients to %s', (rate, names: readonly string[]) => {
    // 1,000 queries of 12 heads x 37 cells: 1.8 MB
    const [n, cells] = [1000, 37];
    const inputs = [input('q', [2, 6, n, D], rate), source('k', 2, 6, cells, D), source('v', 2, C, cells)];
    const peak = (memory: number) => {
      const y = averagedAttention(inputs[0], inputs[1], inputs[2], { memory });
      const loss = projected(y, uniform(y.shape, -1, 1, 'loss'));
      const wanted = inputs.filter(x => names.includes(nameOf(x)));
      return peakBytes([loss, ...gradient(loss, wanted)], t => t.shape.at(-1) === cells && t.shape.at(-2)! > C);
    };
    for (const memory of [200_000, 500_000]) {
      expect(peak(memory)).toBeGreaterThan(memory / 10);
      expect(peak(memory)).toBeLessThanOrEqual(memory);
    }
    expect(peak(WHOLE)).toBeGreaterThan(names.length > 0 ? 1_776_000 : 100_000);
  });
});

describe('inProjection', () => {
  it('takes its rows of a joint weight, or a weight of its own', () => {
    const scope = Scope.trained('s');
    const x = source('x', 2, 7, 6);
    expect(inProjection(x, scope.at('a'), 1, 8).shape).toEqual([2, 7, 8]);
    expect(inProjection(x, scope.at('b'), 0, 8, { joint: false }).shape).toEqual([2, 7, 8]);
    expect([...scope.parameters.values()].map(({ name, shape }) => [name, shape])).toEqual([
      ['s.a.in_proj_weight', [24, 6]],
      ['s.a.in_proj_bias', [24]],
      ['s.b.q_proj_weight', [8, 6]],
      ['s.b.in_proj_bias', [24]],
    ]);
  });
  it('is followed by heads', () => {
    expect(toHeads(source('x', 2, 7, 6), 3).shape).toEqual([2, 3, 7, 2]);
  });
});
