import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { build, interpret, leaves, recipes } from '../../../test/support/expressions.ts';
import { uniform } from '../../../test/support/run.ts';
import { reshape, sum } from '../ops/basic.ts';
import { conv2d } from '../ops/conv.ts';
import { add, detach, mul, sub } from '../ops/elementwise.ts';
import { concat, recomputed, slice, transpose } from '../ops/layout.ts';
import { matmul, resample } from '../ops/linear.ts';
import { layerNorm } from '../ops/reduce.ts';
import { constant, input, nameOf, type Tensor, topological } from '../tensor.ts';
import { deduplicate } from './deduplicate.ts';

const x = input('x', [4, 4], 'image');
const map = input('map', [1, 2, 6, 6], 'image');
const kernel = input('kernel', [2, 2, 3, 3], 'weights');
const cube = input('cube', [2, 2, 2], 'image');
const row = input('row', [4], 'weights');
const matrix = { rows: 4, cols: 4, data: uniform([4, 4], 0, 1, 'matrix') };
const long = uniform([100], 0, 1, 'long');

describe('deduplicate merges', () => {
  it.each<[string, () => Tensor]>([
    ['ops of equal inputs', () => add(mul(x, x), x)],
    ['small constants by content', () => add(x, constant(Float32Array.of(1, 2, 3, 4), [4]))],
    ['numbers', () => mul(x, 0.1)],
    ['large constants that are one array', () => constant(long, [100])],
    ['lists in attributes', () => transpose(reshape(x, [2, 2, 4]), [2, 0, 1])],
    ['options', () => conv2d(map, kernel, undefined, { pads: [1, 0, 1, 0] })],
    ['resampling by one matrix', () => resample(x, matrix, undefined)],
    ['sources of one name', () => add(input('twin', [4], 'clicks'), row)],
  ])('%s', (_, make) => {
    const [a, b] = deduplicate([make(), make()]);
    expect(a).toBe(b);
  });

  it('below as well as on top', () => {
    const [y] = deduplicate([add(mul(x, x), sum(mul(x, x), [0]))]);
    expect(topological([y]).filter(t => t.op === 'mul')).toHaveLength(1);
  });

  it('reshapes in a row, whatever a gradient sees between', () => {
    const last = reshape(recomputed(reshape(detach(reshape(x, [2, 8])), [16]), x), [8, 2]);
    const [y, same] = deduplicate([last, reshape(reshape(x, [2, 8]), [4, 4])]);
    expect(y.op).toBe('reshape');
    expect(y.inputs).toEqual([x]);
    expect(same.inputs).toEqual([x]);
  });

  it('nothing where there is nothing: the graph stays the same object', () => {
    const y = add(mul(x, x), x);
    expect(deduplicate([y])[0]).toBe(y);
  });
});

describe('deduplicate keeps apart', () => {
  it.each<[string, Tensor, Tensor]>([
    ['the order of operands', sub(x, row), sub(row, x)],
    ['numbers', mul(x, 1), mul(x, 2)],
    ['constants', constant(Float32Array.of(1, 23), [2]), constant(Float32Array.of(12, 3), [2])],
    ['shapes of constants', constant(Float32Array.of(1, 2), [2]), constant(Float32Array.of(1, 2), [2, 1])],
    ['large constants in two arrays', constant(long, [100]), constant(long.slice(), [100])],
    ['names', input('a', [2], 'clicks'), input('b', [2], 'clicks')],
    ['rates', input('a', [2], 'clicks'), input('a', [2], 'image')],
    ['axes', sum(x, [0]), sum(x, [1])],
    ['axes of joins', concat([x, x], 0), concat([x, x], 1)],
    ['permutations', transpose(cube, [2, 0, 1]), transpose(cube, [1, 2, 0])],
    ['shapes', reshape(x, [2, 8]), reshape(x, [8, 2])],
    ['places', slice(x, 0, 0, 2), slice(x, 0, 1, 2)],
    ['steps', slice(x, 0, 0, 2), slice(x, 0, 0, 2, 2)],
    [
      'paddings',
      conv2d(map, kernel, undefined, { pads: [1, 1, 0, 0] }),
      conv2d(map, kernel, undefined, { pads: [0, 0, 1, 1] }),
    ],
    ['transpositions', matmul(x, x, { transA: true }), matmul(x, x, { transB: true })],
    ['factors', matmul(x, x, { alpha: 0.5 }), matmul(x, x, { alpha: 0.25 })],
    ['epsilons', layerNorm(x, row, row, 1e-6), layerNorm(x, row, row, 1e-5)],
    ['axes of matrices', resample(x, matrix, undefined), resample(x, undefined, matrix)],
    ['matrices', resample(x, matrix, undefined), resample(x, { ...matrix, data: long.slice(0, 16) }, undefined)],
  ])('%s', (_, a, b) => {
    const [keptA, keptB] = deduplicate([a, b]);
    expect(keptA).not.toBe(keptB);
  });
});

describe('deduplicate of any expression', () => {
  const feeds = Object.fromEntries(leaves.map(leaf => [nameOf(leaf), uniform([3], -1, 1, nameOf(leaf))]));

  it('keeps every value, and leaves no two equal nodes', () => {
    const property = fc.property(recipes(12), recipes(12), (one, two) => {
      const outputs = [...build(one), ...build(two), ...build(one)];
      const merged = deduplicate(outputs);
      expect(interpret(merged, feeds)).toEqual(interpret(outputs, feeds));
      merged.slice(0, build(one).length).forEach((y, i) => {
        expect(merged[outputs.length - build(one).length + i]).toBe(y);
      });
      expect(deduplicate(merged)).toEqual(merged);
      const nodes = topological(merged).filter(t => t.inputs.length > 0);
      const written = nodes.map(t => [t.op, ...t.inputs.map(i => nodes.indexOf(i) + 1 || JSON.stringify(i))].join());
      expect(new Set(written).size).toBe(nodes.length);
    });
    fc.assert(property, { numRuns: 60, seed: 1 });
  });
});
