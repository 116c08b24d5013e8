import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { numericalGradient } from '../../test/support/finite-differences.ts';
import { at, type Nd, nd, tabulate, total } from '../../test/support/nd.ts';
import { evaluate, projected, uniform } from '../../test/support/run.ts';
import { gradient } from './gradient.ts';
import { reshape, sum } from './ops/basic.ts';
import { add, detach, mul } from './ops/elementwise.ts';
import { slice } from './ops/layout.ts';
import { matmul } from './ops/linear.ts';
import { GraphError, input, type Tensor, topological } from './tensor.ts';

const x = input('x', [3], 'clicks');
const other = input('other', [3], 'clicks');
const squared = (t: Tensor) =>
  reshape(
    sum(
      mul(t, t),
      t.shape.map((_, axis) => axis),
    ),
    [],
  );

describe('no gradient', () => {
  it('refuses a loss of several numbers', () => {
    expect(() => gradient(x, [x])).toThrow(new GraphError('gradient: the loss must be one number, given [3]'));
  });
  it.each([
    ['to what the loss does not use', squared(x), other, /does not depend on input other \[3\]/],
    ['past a detach', squared(detach(x)), x, /does not depend on input x \[3\]/],
    ['to an op beside the path', squared(x), mul(x, 2), /does not depend on mul/],
  ])('%s', (_, loss, target, message) => {
    expect(() => gradient(loss, [target])).toThrow(GraphError);
    expect(() => gradient(loss, [target])).toThrow(message);
  });
});

describe('gradient', () => {
  it('of the loss to itself is 1, also where it is [1, 1]', async () => {
    const loss = reshape(squared(x), [1, 1]);
    const [one, dx] = gradient(loss, [loss, x]);
    const results = await evaluate({ one, dx }, { x: Float32Array.of(1, -2, 3) });
    expect(one.shape).toEqual([1, 1]);
    expect([...results.one]).toEqual([1]);
    expect([...results.dx]).toEqual([2, -4, 6]);
  });

  it('reaches intermediate tensors as well as sources', async () => {
    const middle = mul(x, 3);
    const [dMiddle, dx] = gradient(squared(middle), [middle, x]);
    const results = await evaluate({ dMiddle, dx }, { x: Float32Array.of(1, 0, -1) });
    expect([...results.dMiddle]).toEqual([6, 0, -6]);
    expect([...results.dx]).toEqual([18, 0, -18]);
  });

  it('sums over every path', async () => {
    const y = add(mul(x, x), add(x, mul(x, other)));
    const [dx] = gradient(projected(y, Float32Array.of(1, 1, 1)), [x]);
    const { grad } = await evaluate({ grad: dx }, { x: Float32Array.of(1, 2, 3), other: Float32Array.of(4, 5, 6) });
    expect([...grad]).toEqual([2 + 1 + 4, 4 + 1 + 5, 6 + 1 + 6]);
  });

  it('builds nothing for what the loss does not depend on', () => {
    const [dx] = gradient(squared(mul(x, other)), [x]);
    const products = topological([dx]).filter(t => t.op === 'mul');
    // x other, 2 of the square's two sides, and times other
    expect(products.length).toBeLessThanOrEqual(4);
  });

  it('differentiates a gradient again', async () => {
    const cube = projected(mul(x, mul(x, x)), Float32Array.of(1, 1, 1));
    const [first] = gradient(cube, [x]);
    const [second] = gradient(projected(first, Float32Array.of(1, 1, 1)), [x]);
    const { grad } = await evaluate({ grad: second }, { x: Float32Array.of(1, -2, 0.5) });
    expect([...grad]).toEqual([6, -12, 3]);
  });

  it.each([2, 3, 5])('a factor shared by %i products, and twice in one, gets the gradients of all', async n => {
    const w = input('w', [3, 3], 'weights');
    const parts = Array.from({ length: n }, (_, i) => input(`p${i}`, [3, 2], 'clicks'));
    const chain = uniform([3, 3], -1, 1, 'chain');
    const projections = parts.map((_, i) => uniform([3, 2], -1, 1, 'projection', i));
    const losses = parts.map((p, i) => projected(matmul(w, p), projections[i]));
    const loss = losses.reduce((sum, one) => add(sum, one), projected(matmul(w, matmul(w, w)), chain));

    const values = [uniform([3, 3], -1, 1, 'w'), ...parts.map((_, i) => uniform([3, 2], -1, 1, 'p', i))];
    const named = Object.fromEntries(gradient(loss, [w, ...parts]).map((dx, i) => [`grad${i}`, dx]));
    const results = await evaluate(named, Object.fromEntries(values.map((v, i) => [i === 0 ? 'w' : `p${i - 1}`, v])));

    const [W, ...P] = values.map((v, i) => nd(i === 0 ? [3, 3] : [3, 2], v));
    const product = (a: Nd, b: Nd) =>
      tabulate([3, b.shape[1]], ([i, j]) => total(3, k => at(a, [i, k]) * at(b, [k, j])));
    const weighted = (y: Nd, by: Float32Array) => total(by.length, i => y.data[i] * by[i]);
    const reference = () =>
      weighted(product(W, product(W, W)), chain) + total(n, i => weighted(product(W, P[i]), projections[i]));
    for (const [i, array] of [W, ...P].entries()) {
      const expected = numericalGradient(array.data, reference).map(d => d.value);
      expectClose(results[`grad${i}`], expected, 2e-5, `gradient ${i}`);
    }
  });
});

describe('the gradient of slices of one tensor', () => {
  /** The slices' weights added at their places. */
  const scatter = (size: number, pieces: readonly { start: number; weights: Float32Array }[]) => {
    const out = new Float64Array(size);
    for (const { start, weights } of pieces) {
      weights.forEach((w, i) => {
        out[start + i] += w;
      });
    }
    return out;
  };

  const cut = (size: number, spans: readonly (readonly [start: number, length: number])[]) => {
    const source = input('source', [size], 'clicks');
    const pieces = spans.map(([start, length], i) => ({ start, length, weights: uniform([length], 1, 2, 'cut', i) }));
    const loss = pieces
      .map(({ start, length, weights }) => projected(slice(source, 0, start, length), weights))
      .reduce((sum, part) => add(sum, part));
    return { source, loss, expected: scatter(size, pieces) };
  };

  it.each([
    [
      'side by side',
      6,
      [
        [0, 2],
        [2, 3],
        [5, 1],
      ],
    ],
    [
      'overlapping',
      6,
      [
        [0, 4],
        [2, 4],
      ],
    ],
    [
      'with gaps',
      9,
      [
        [1, 2],
        [5, 2],
      ],
    ],
    [
      'one within another',
      7,
      [
        [1, 5],
        [3, 1],
      ],
    ],
    [
      'the same twice',
      5,
      [
        [1, 3],
        [1, 3],
      ],
    ],
    [
      'three over one place',
      6,
      [
        [0, 4],
        [1, 4],
        [2, 4],
      ],
    ],
    ['alone', 5, [[2, 2]]],
    [
      'with the whole',
      4,
      [
        [0, 4],
        [1, 2],
        [3, 1],
      ],
    ],
  ] as [string, number, [number, number][]][])('%s', async (_, size, spans) => {
    const { source, loss, expected } = cut(size, spans);
    const [dx] = gradient(loss, [source]);
    const { grad } = await evaluate({ grad: dx, loss }, { source: new Float32Array(size) });
    expectClose(grad, expected, 1e-6, 'the gradient');
  });

  it('joins what covers an axis, without padding', () => {
    const { source, loss } = cut(6, [
      [0, 2],
      [2, 3],
      [5, 1],
    ]);
    const ops = topological(gradient(loss, [source])).map(t => t.op);
    expect(ops).toContain('concat');
    expect(ops).not.toContain('unslice');
  });

  it('holds for any spans, steps and axes', async () => {
    const span = fc.record({
      axis: fc.integer({ min: 0, max: 1 }),
      start: fc.integer({ min: 0, max: 5 }),
      length: fc.integer({ min: 1, max: 4 }),
      step: fc.constantFrom(1, 1, 1, 2, -1),
    });
    const property = fc.asyncProperty(fc.array(span, { minLength: 2, maxLength: 5 }), async spans => {
      const source = input('source', [6, 6], 'clicks');
      const fitting = spans.filter(({ start, length, step }) => {
        const last = start + (length - 1) * step;
        return last >= 0 && last < 6;
      });
      if (fitting.length === 0) return;
      const expected = new Float64Array(36);
      const losses = fitting.map(({ axis, start, length, step }, i) => {
        const y = slice(source, axis, start, length, step);
        const weights = uniform(y.shape, -1, 1, 'span', i);
        weights.forEach((w, k) => {
          const place = [Math.floor(k / y.shape[1]), k % y.shape[1]];
          place[axis] = start + place[axis] * step;
          expected[place[0] * 6 + place[1]] += w;
        });
        return projected(y, weights);
      });
      const loss = losses.reduce((sum, part) => add(sum, part));
      const results = await evaluate({ grad: gradient(loss, [source])[0], loss }, { source: new Float32Array(36) });
      expectClose(results.grad, expected, 1e-6, 'the gradient');
    });
    await fc.assert(property, { numRuns: 15, seed: 1 });
  });
});
