import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectEqualGraphs } from '../../../test/support/passes.ts';
import { add } from '../ops/elementwise.ts';
import { matmul } from '../ops/linear.ts';
import { softmax } from '../ops/reduce.ts';
import { count, input, type Rate, type Shape, type Tensor, topological } from '../tensor.ts';
import { chunkAttention } from './attention.ts';

interface Case {
  batch: Shape;
  queries: number;
  keys: number;
  /** Shape of what is added to the scores; none without. */
  bias?: Shape;
  transB?: boolean;
  biasFirst?: boolean;
  rate?: Rate;
}

function attention({ batch, queries, keys, bias, transB = true, biasFirst = false, rate = 'clicks' }: Case): Tensor {
  const q = input('q', [...batch, queries, 5], rate);
  const k = input('k', transB ? [...batch, keys, 5] : [...batch, 5, keys], rate);
  const v = input('v', [...batch, keys, 4], rate);
  const product = matmul(q, k, { transB, alpha: 0.4 });
  const extra = bias && input('bias', bias, 'weights');
  const scores = extra ? (biasFirst ? add(extra, product) : add(product, extra)) : product;
  return matmul(softmax(scores), v);
}

const largest = (y: Tensor) =>
  Math.max(...topological([y]).flatMap(t => (t.op === 'softmax' ? [4 * count(t.shape)] : [])));

async function expectChunked(y: Tensor, bytes: number): Promise<void> {
  const [chunked] = chunkAttention([y], bytes);
  expect(largest(y)).toBeGreaterThan(bytes);
  expect(largest(chunked)).toBeLessThanOrEqual(bytes);
  await expectEqualGraphs(chunked, y, { element: 1e-5, l2: 1e-5 });
}

describe('attention in chunks gives the same values and gradients', () => {
  it('with and without a bias, whatever its shape and place', async () => {
    const base = { batch: [2, 3], queries: 7, keys: 6 };
    for (const bias of [undefined, [7, 6], [1, 3, 7, 6], [6], [2, 3, 1, 6]]) {
      await expectChunked(attention({ ...base, bias, biasFirst: bias?.length === 2 }), 320);
    }
  });

  it('of keys that are transposed already', () =>
    expectChunked(attention({ batch: [2], queries: 6, keys: 5, transB: false }), 100));

  it('that comes from the image alone', async () => {
    const y = attention({ batch: [2], queries: 6, keys: 5, rate: 'image' });
    const [chunked] = chunkAttention([y], 100);
    expect(largest(chunked)).toBeLessThanOrEqual(100);
    await expectEqualGraphs(chunked, y, { element: 1e-5, l2: 1e-5 });
  });

  it('of any size and bound', async () => {
    const size = fc.integer({ min: 1, max: 9 });
    await fc.assert(
      fc.asyncProperty(size, size, size, fc.integer({ min: 1, max: 400 }), async (b, queries, keys, bytes) => {
        const y = attention({ batch: [b], queries, keys });
        const [chunked] = chunkAttention([y], bytes);
        expect(largest(chunked)).toBeLessThanOrEqual(Math.max(bytes, 4 * b * keys));
        await expectEqualGraphs(chunked, y, { element: 1e-5, l2: 1e-5 });
      }),
      { numRuns: 15 },
    );
  });
});

describe('attention stays whole', () => {
  it('where its matrix is within the bound', () => {
    const y = attention({ batch: [2, 3], queries: 7, keys: 6 });
    expect(chunkAttention([y], 4 * 2 * 3 * 7 * 6)[0]).toBe(y);
  });
});
