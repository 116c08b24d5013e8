import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { at, nd, tabulate, total } from '../../test/support/nd.ts';
import { expectEqualGraphs } from '../../test/support/passes.ts';
import { peakBytes } from '../../test/support/peak.ts';
import { evaluate, projected, uniform } from '../../test/support/run.ts';
import { Random } from '../base/random.ts';
import { gradient } from '../graph/gradient.ts';
import { input, type Matrix, nameOf, type Rate, type Shape, type Tensor } from '../graph/tensor.ts';
import { type LocalAttention, localAttention, UNSEEN } from './local-attention.ts';

const at2 = ({ cols, data }: Matrix, i: number, j: number) => data[i * cols + j];

/** Windows of random width that move along the axis, with random log weights. */
function windows(rows: number, cols: number, widest: number, seed: number): Matrix {
  const random = Random.of(3, seed);
  const data = new Float32Array(rows * cols).fill(UNSEEN);
  for (let i = 0; i < rows; i++) {
    const width = 1 + Math.floor(random.uniform(0, Math.min(widest, cols)));
    const from = Math.round((i / rows) * (cols - width));
    for (let j = from; j < from + width; j++) data[i * cols + j] = random.uniform(-1, 1);
  }
  return { rows, cols, data };
}

interface Sizes {
  b: number;
  heads: number;
  d: number;
  c: number;
  out: readonly [number, number];
  low: readonly [number, number];
}

function shapesOf({ b, heads, d, c, out, low }: Sizes): Record<'q' | 'k' | 'v', Shape> {
  return { q: [b, heads * d, ...out], k: [b, heads * d, ...low], v: [b, c, ...low] };
}

function build(
  sizes: Sizes,
  rest: Omit<LocalAttention, 'queries' | 'keys' | 'values' | 'heads'>,
  rate: Rate = 'clicks',
) {
  const shapes = shapesOf(sizes);
  const [queries, keys, values] = [
    input('q', shapes.q, rate),
    input('k', shapes.k, 'clicks'),
    input('v', shapes.v, 'clicks'),
  ];
  return { y: localAttention({ ...rest, queries, keys, values, heads: sizes.heads }), queries, keys, values };
}

const ratios = fc.record({
  out: fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 30 })),
  low: fc.tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 7 })),
  widest: fc.integer({ min: 1, max: 5 }),
  heading: fc.constantFrom('average' as const, 'groups' as const),
  seed: fc.integer({ min: 0, max: 99 }),
});

describe('localAttention', () => {
  it('is attention to all cells under the two masks, at any sizes', async () => {
    await fc.assert(
      fc.asyncProperty(ratios, async ({ out, low, widest, heading, seed }) => {
        const sizes = { b: 2, heads: 2, d: 3, c: 4, out, low };
        const [down, across] = [windows(out[0], low[0], widest, seed), windows(out[1], low[1], widest, seed + 100)];
        const shapes = shapesOf(sizes);
        const feeds = {
          q: uniform(shapes.q, -2, 2, 'q', seed),
          k: uniform(shapes.k, -2, 2, 'k', seed),
          v: uniform(shapes.v, -2, 2, 'v', seed),
        };
        const [q, k, v] = [nd(shapes.q, feeds.q), nd(shapes.k, feeds.k), nd(shapes.v, feeds.v)];
        const [h, w] = low;
        const expected = tabulate([2, 4, ...out], ([b, c, y, x]) => {
          const ofHead = (head: number) => {
            const weights = Array.from({ length: h * w }, (_, cell) => {
              const [i, j] = [Math.floor(cell / w), cell % w];
              const dot = total(3, n => at(q, [b, head * 3 + n, y, x]) * at(k, [b, head * 3 + n, i, j]));
              return Math.exp(dot / Math.sqrt(3) + at2(down, y, i) + at2(across, x, j));
            });
            const sum = weights.reduce((s, value) => s + value, 0);
            return total(h * w, cell => (weights[cell] / sum) * at(v, [b, c, Math.floor(cell / w), cell % w]));
          };
          return heading === 'average' ? (ofHead(0) + ofHead(1)) / 2 : ofHead(Math.floor(c / 2));
        });
        const { y } = build(sizes, { down, across, heading, fixed: false });
        expectClose((await evaluate({ y }, feeds)).y, expected.data, 5e-6, 'attention');
      }),
      { numRuns: 30, seed: 5 },
    );
  });

  it.each(['average', 'groups'] as const)(
    'gives equal values and gradients in few bands and in many: %s',
    async heading => {
      const sizes: Sizes = { b: 2, heads: 2, d: 3, c: 4, out: [21, 17], low: [6, 5] };
      const [down, across] = [windows(21, 6, 4, 1), windows(17, 5, 4, 2)];
      const few = build(sizes, { down, across, heading, fixed: false }).y;
      const many = build(sizes, { down, across, heading, fixed: true, memory: 75_000 }).y;
      await expectEqualGraphs(many, few, { element: 5e-6, l2: 5e-6 });
    },
  );

  describe('of a large map', () => {
    const sizes: Sizes = { b: 1, heads: 4, d: 5, c: 7, out: [128, 128], low: [16, 16] };
    // windows of 4 cells to each side
    const data = Float32Array.from({ length: 128 * 16 }, (_, i) => {
      return Math.abs(Math.floor(i / 16) / 8 - (i % 16)) <= 4 ? 0 : UNSEEN;
    });
    const window = { rows: 128, cols: 16, data };
    const everyPair = 4 * 4 * 128 * 128 * 256;
    // a tile sees 9 cells across
    const matrices = (t: Tensor) =>
      t.shape[1] === 16 && t.shape.at(-1)! > 9 && t.shape.at(-1)! % 9 === 0 && t.shape.at(-2)! >= 8;

    it('makes matrices of the windows, not of all cells', () => {
      const { y } = build(sizes, { down: window, across: window, heading: 'average', fixed: false });
      const { values } = build(sizes, { down: window, across: window, heading: 'average', fixed: false });
      const loss = projected(y, uniform(y.shape, -1, 1, 'loss'));
      expect(values.shape).toEqual([1, 7, 16, 16]);
      expect(peakBytes([loss], matrices)).toBeLessThan(everyPair / 10);
    });

    it.each([
      ['image', ['v']],
      ['image', ['k', 'v']],
      ['clicks', ['v']],
      ['clicks', ['k', 'v']],
      ['clicks', ['q', 'k', 'v']],
    ] as const)('holds them within the memory, queries by %s, gradients to %s', (rate, names: readonly string[]) => {
      const peak = (memory: number) => {
        const built = build(sizes, { down: window, across: window, heading: 'average', fixed: false, memory }, rate);
        const loss = projected(built.y, uniform(built.y.shape, -1, 1, 'loss'));
        const wanted = [built.queries, built.keys, built.values].filter(x => names.includes(nameOf(x)));
        return peakBytes([loss, ...gradient(loss, wanted)], matrices);
      };
      for (const memory of [2e6, 5e6]) expect(peak(memory)).toBeLessThanOrEqual(memory);
      expect(peak(2e9)).toBeGreaterThan(16e6);
    });
  });
});
