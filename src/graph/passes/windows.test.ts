import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectEqualGraphs } from '../../../test/support/passes.ts';
import { heldAtOnce } from '../../../test/support/peak.ts';
import { selfAttention } from '../../nn/attention.ts';
import { layerNorm } from '../../nn/layers.ts';
import { Scope } from '../../nn/scope.ts';
import { fromWindows, toWindows } from '../../nn/windows.ts';
import { reshape } from '../ops/basic.ts';
import { add, mul } from '../ops/elementwise.ts';
import { matmul } from '../ops/linear.ts';
import { softmax } from '../ops/reduce.ts';
import { count, input, type Rate, type Tensor, topological } from '../tensor.ts';
import { windowRuns } from './windows.ts';

const HEADS = 2;

/** Windowed attention with its residual over cells [1,H,W,8], in front of and behind other work. */
function windowed(height: number, width: number, window: number, rate: Rate = 'clicks'): Tensor {
  const cells = mul(input('cells', [1, height, width, 8], rate), 0.5);
  const windows = toWindows(cells, window);
  const scope = Scope.trained('own');
  const attended = selfAttention(layerNorm(windows, scope.at('norm'), 1e-5), scope.at('attn'), HEADS);
  return mul(fromWindows(add(windows, attended), cells.shape), 2);
}

/** Bytes of the largest value that only attention has. */
const largest = (y: Tensor): number =>
  Math.max(...topological([y]).flatMap(t => (t.op === 'softmax' ? [4 * count(t.shape)] : [])));

describe('attention in runs of windows', () => {
  it('gives the same values and gradients, whatever the size of map, window and bound', async () => {
    const size = fc.integer({ min: 1, max: 9 });
    const property = fc.asyncProperty(
      size,
      size,
      fc.integer({ min: 1, max: 4 }),
      fc.nat(2000),
      async (h, w, n, bytes) => {
        const y = windowed(h, w, n);
        const [changed] = windowRuns([y], bytes + 1);
        await expectEqualGraphs(changed, y, { element: 1e-4, l2: 1e-5 });
      },
    );
    await fc.assert(property, { numRuns: 12, seed: 3 });
  });

  it('holds projections and scores of one run at a time', () => {
    const y = windowed(40, 40, 4, 'image');
    // scores: 100 windows x 2 heads x 16 x 16
    expect(largest(y)).toBe(204800);
    const [changed] = windowRuns([y], 20000);
    expect(largest(changed)).toBeLessThanOrEqual(20000);
    for (const order of ['first', 'last'] as const) {
      expect(heldAtOnce([changed], order)).toBeLessThan(4 * 4 * 40 * 40 * 8);
      expect(heldAtOnce([y], order)).toBeGreaterThan(8 * 4 * 40 * 40 * 8);
    }
  });

  it('goes on where the runs of one attention are what the next one is made of', async () => {
    const scope = Scope.trained('next');
    const first = windowed(8, 6, 2);
    const windows = toWindows(first, 3);
    const y = fromWindows(add(windows, selfAttention(windows, scope, HEADS)), first.shape);
    const [changed] = windowRuns([y], 700);
    // scores of one window of 9 tokens
    expect(largest(changed)).toBe(4 * 2 * 9 * 9);
    await expectEqualGraphs(changed, y, { element: 1e-4, l2: 1e-5 });
  });

  it('holds in full what others use too', async () => {
    const q = mul(input('q', [12, 2, 4, 3], 'clicks'), 0.3);
    const v = input('v', [12, 2, 4, 3], 'clicks');
    const attended = matmul(softmax(matmul(q, q, { transB: true })), v);
    const y = reshape(add(add(attended, mul(attended, v)), q), [24, 12]);
    const [changed] = windowRuns([y], 500);
    expect(largest(changed)).toBeLessThanOrEqual(500);
    await expectEqualGraphs(changed, y, { element: 1e-4, l2: 1e-5 });
  });

  it('leaves alone what is small, and what has too few windows', () => {
    const small = windowed(8, 8, 2);
    expect(windowRuns([small], 1e6)).toEqual([small]);
    const one = windowed(8, 8, 8);
    expect(windowRuns([one], 1000)).toEqual([one]);
  });
});
