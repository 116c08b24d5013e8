import { describe, expect, it } from 'vitest';
import { basicCases } from '../../test/support/ops/basic.ts';
import { convCases } from '../../test/support/ops/conv.ts';
import { elementwiseCases } from '../../test/support/ops/elementwise.ts';
import { layoutCases } from '../../test/support/ops/layout.ts';
import { linearCases } from '../../test/support/ops/linear.ts';
import { reduceCases } from '../../test/support/ops/reduce.ts';
import { windowsCases } from '../../test/support/ops/windows.ts';
import { defineOp, makeNode, opTable } from './op.ts';
import { expand, reshape, sum } from './ops/basic.ts';
import { conv2d, convTranspose2d } from './ops/conv.ts';
import { add, maximum, wherePositive } from './ops/elementwise.ts';
import { concat, pad, reverse, slice, transpose, unslice } from './ops/layout.ts';
import { matmul, resample } from './ops/linear.ts';
import { groupNormalise, layerNorm, mean } from './ops/reduce.ts';
import { windows } from './ops/windows.ts';
import { constant, GraphError, input, type Shape, type Tensor } from './tensor.ts';

const x = (...shape: number[]): Tensor => input(`x${shape}`, shape, 'clicks');

it('has cases for every op in the table', () => {
  const tables = [basicCases, convCases, elementwiseCases, layoutCases, linearCases, reduceCases, windowsCases];
  const tested = new Set(
    tables.flatMap(table => Object.entries(table).flatMap(([op, list]) => (list.length ? op : []))),
  );
  expect([...tested].sort()).toEqual([...opTable.keys()].sort());
});

describe('the table', () => {
  it('refuses an op that it does not know', () => {
    expect(() => makeNode('convolve', [], {})).toThrow(new GraphError('unknown op "convolve"'));
  });
  it('refuses to define an op twice', () => {
    const rule = { shape: () => [], gradient: () => [], lower: () => '' };
    expect(() => defineOp('add', rule)).toThrow(new GraphError('op "add" is defined twice'));
  });
});

const square = { rows: 4, cols: 4, data: new Float32Array(16) };

describe('shapes that do not fit', () => {
  // the op, the shapes that its message names, and what is wrong
  const wrong: [op: string, build: () => Tensor, shapes: Shape[]][] = [
    ['add', () => add(x(2), x(3)), [[2], [3]]],
    ['maximum', () => maximum(x(2, 3), x(2)), [[2, 3], [2]]],
    [
      'wherePositive',
      () => wherePositive(x(4, 1), x(3, 2)),
      [
        [4, 1],
        [3, 2],
      ],
    ],
    ['reshape', () => reshape(x(2, 3), [4]), [[2, 3]]],
    ['sum', () => sum(x(2, 3), [2]), [[2, 3]]],
    ['sum', () => mean(x(2, 3), [-1]), [[2, 3]]],
    ['expand', () => expand(x(2, 3), [2, 1]), [[2, 3]]],
    ['expand', () => expand(x(2, 3), [3]), [[2, 3]]],
    ['transpose', () => transpose(x(2, 3), [0]), [[2, 3]]],
    ['transpose', () => transpose(x(2, 3), [0, 0]), [[2, 3]]],
    ['transpose', () => transpose(x(1, 3), [2, 1]), [[1, 3]]],
    ['windows', () => windows(x(5, 5, 2), 3, 2), [[5, 5, 2]]],
    ['windows', () => windows(x(1, 5, 6, 2), 3, 2), [[1, 5, 6, 2]]],
    ['windows', () => windows(x(1, 5, 2, 2), 3, 1), [[1, 5, 2, 2]]],
    ['slice', () => slice(x(5), 0, 3, 3), [[5]]],
    ['slice', () => slice(x(5), 0, 1, 3, -1), [[5]]],
    ['slice', () => slice(x(5), 0, 1, 2, 0), [[5]]],
    ['slice', () => slice(x(5), 0, 1, 0), [[5]]],
    ['slice', () => slice(x(5), 1, 0, 1), [[5]]],
    ['unslice', () => unslice(x(3), 0, 3, 1, 5), [[3]]],
    ['unslice', () => unslice(x(3), 0, 1, -1, 5), [[3]]],
    ['unslice', () => unslice(x(3), 0, 1, 0, 5), [[3]]],
    ['unslice', () => unslice(x(3), 1, 0, 1, 5), [[3]]],
    ['unslice', () => pad(x(3), [[0, -1, 2]]), [[3]]],
    [
      'concat',
      () => concat([x(2, 3), x(3, 2)], 0),
      [
        [2, 3],
        [3, 2],
      ],
    ],
    ['concat', () => concat([x(2), x(2, 1)], 0), [[2], [2, 1]]],
    [
      'concat',
      () => concat([x(2, 3), x(2, 3)], 2),
      [
        [2, 3],
        [2, 3],
      ],
    ],
    ['concat', () => concat([], 0), []],
    [
      'matmul',
      () => matmul(x(2, 3), x(2, 3)),
      [
        [2, 3],
        [2, 3],
      ],
    ],
    [
      'matmul',
      () => matmul(x(2, 3), x(3, 2), { transA: true }),
      [
        [2, 3],
        [3, 2],
      ],
    ],
    [
      'matmul',
      () => matmul(x(2, 2, 3), x(3, 3, 2)),
      [
        [2, 2, 3],
        [3, 3, 2],
      ],
    ],
    ['matmul', () => matmul(x(3), x(3, 2)), [[3], [3, 2]]],
    ['resample', () => resample(x(3, 4), square, undefined), [[3, 4]]],
    ['resample', () => resample(x(4), undefined, square), [[4]]],
    ['layerNorm', () => layerNorm(x(2, 3), x(2), x(3), 1e-6), [[2, 3], [2], [3]]],
    [
      'conv2d',
      () => conv2d(x(1, 3, 4, 4), x(2, 4, 3, 3)),
      [
        [1, 3, 4, 4],
        [2, 4, 3, 3],
      ],
    ],
    [
      'conv2d',
      () => conv2d(x(1, 4, 4, 4), x(3, 2, 1, 1), undefined, { groups: 2 }),
      [
        [1, 4, 4, 4],
        [3, 2, 1, 1],
      ],
    ],
    ['conv2d', () => conv2d(x(1, 3, 4, 4), x(2, 3, 3, 3), x(3)), [[1, 3, 4, 4], [2, 3, 3, 3], [3]]],
    [
      'conv2d',
      () => conv2d(x(1, 1, 4, 2), x(1, 1, 3, 3)),
      [
        [1, 1, 4, 2],
        [1, 1, 3, 3],
      ],
    ],
    [
      'conv2d',
      () => conv2d(x(1, 1, 4, 4), x(1, 1, 3, 3), undefined, { dilation: 2 }),
      [
        [1, 1, 4, 4],
        [1, 1, 3, 3],
      ],
    ],
    [
      'conv2d',
      () => conv2d(x(3, 4, 4), x(2, 3, 3, 3)),
      [
        [3, 4, 4],
        [2, 3, 3, 3],
      ],
    ],
    [
      'convTranspose2d',
      () => convTranspose2d(x(1, 2, 3, 3), x(3, 2, 2, 2), { size: [4, 4] }),
      [
        [1, 2, 3, 3],
        [3, 2, 2, 2],
      ],
    ],
    [
      'convTranspose2d',
      () => convTranspose2d(x(1, 2, 3, 3), x(2, 2, 2, 2), { size: [5, 4] }),
      [
        [1, 2, 3, 3],
        [2, 2, 2, 2],
      ],
    ],
    [
      'convTranspose2d',
      () => convTranspose2d(x(1, 2, 3, 3), x(2, 2, 3, 3), { size: [7, 6], stride: 2 }),
      [
        [1, 2, 3, 3],
        [2, 2, 3, 3],
      ],
    ],
    [
      'convTranspose2d',
      () => convTranspose2d(x(1, 2, 3, 3), x(2, 2, 3, 3), { size: [9, 7], stride: 2 }),
      [
        [1, 2, 3, 3],
        [2, 2, 3, 3],
      ],
    ],
    ['groupNormalise', () => groupNormalise(x(1, 3, 4, 4), 2, 1e-5), [[1, 3, 4, 4]]],
    ['constant', () => constant(new Float32Array(3), [2, 2]), [[2, 2]]],
    ['input "bad"', () => input('bad', [2, 0], 'clicks'), [[2, 0]]],
    ['input "bad"', () => input('bad', [1.5], 'clicks'), [[1.5]]],
  ];
  it.each(wrong)('%s says so and names them', (op, build, shapes) => {
    expect(build).toThrow(GraphError);
    expect(build).toThrow(op);
    for (const shape of shapes) expect(build).toThrow(`[${shape.join(', ')}]`);
  });
});

describe('what changes nothing builds nothing', () => {
  const t = x(2, 3);
  const one = x(2, 1, 3);
  it.each([
    ['reshape', () => reshape(t, [2, 3])],
    ['expand', () => expand(t, [2, 3])],
    ['sum', () => sum(t, [])],
    ['transpose', () => transpose(t, [0, 1])],
    ['slice', () => slice(t, 1, 0, 3)],
    ['unslice', () => unslice(t, 1, 0, 1, 3)],
    ['concat', () => concat([t], 0)],
    ['resample', () => resample(t, undefined, undefined)],
    ['pad', () => pad(t, [[0, 0, 0]])],
  ])('%s', (_, build) => expect(build()).toBe(t));

  it('sums no axes of size 1', () => {
    expect(sum(one, [1])).toBe(one);
    expect(sum(one, [0, 1]).attributes.axes).toEqual([0]);
  });
  it('moves axes of size 1 by a reshape', () => {
    expect(transpose(x(2, 1, 3), [1, 0, 2]).op).toBe('reshape');
    expect(transpose(x(2, 1, 3), [2, 1, 0]).op).toBe('transpose');
    expect(reverse(x(3), 0).op).toBe('slice');
  });
});
