import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluate, projected, uniform } from '../../test/support/run.ts';
import { gradient } from '../graph/gradient.ts';
import { input } from '../graph/tensor.ts';
import { Scope } from '../nn/scope.ts';
import { granularities, granularityRow, granularityTokens } from './table.ts';

describe('granularityRow', () => {
  it('has a row for each step', () => {
    expect(granularities.map(granularityRow)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('cuts off between steps and stays within the table', () => {
    expect([-1, 0, 0.19, 0.299, 0.95, 2].map(granularityRow)).toEqual([0, 0, 0, 1, 8, 9]);
  });

  it('never falls as the granularity grows', () => {
    const finite = fc.double({ min: -2, max: 3, noNaN: true });
    fc.assert(fc.property(finite, finite, (a, b) => granularityRow(Math.min(a, b)) <= granularityRow(Math.max(a, b))));
  });
});

describe('granularityTokens', () => {
  const rows = input('rows', [3], 'clicks');
  const scope = Scope.trained('t');
  const tokens = granularityTokens(rows, scope, 4);
  const table = uniform([10, 4], -1, 1, 'table');
  const row = (i: number) => [...table.subarray(4 * i, 4 * i + 4)];

  it('are the rows of the table', async () => {
    expect(tokens.shape).toEqual([3, 4, 1, 1]);
    const { y } = await evaluate({ y: tokens }, { rows: Float32Array.of(9, 0, 4), 't.weight': table });
    expect([...y]).toEqual([...row(9), ...row(0), ...row(4)]);
  });

  it('teach the rows in use alone', async () => {
    const [dx] = gradient(projected(tokens, new Float32Array(12).fill(1)), [scope.parameters.get('t.weight')!.tensor]);
    const { y } = await evaluate({ y: dx }, { rows: Float32Array.of(2, 2, 7) });
    const sums = Array.from({ length: 10 }, (_, i) => y[4 * i]);
    expect(sums).toEqual([0, 0, 2, 0, 0, 0, 0, 1, 0, 0]);
  });

  it('mix two rows in between', async () => {
    const { y } = await evaluate({ y: tokens }, { rows: Float32Array.of(0.5, 0, 0), 't.weight': table });
    expect([...y.subarray(0, 4)]).toEqual(row(0).map((value, i) => Math.fround(0.5 * value + 0.5 * row(1)[i])));
  });
});
