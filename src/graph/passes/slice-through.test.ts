import { expect, it } from 'vitest';
import { expectClose } from '../../../test/support/close.ts';
import { randomFeeds } from '../../../test/support/passes.ts';
import { evaluate } from '../../../test/support/run.ts';
import { bilinear, replicatePad } from '../../nn/resize.ts';
import { type ConvOptions, conv2d, convTranspose2d } from '../ops/conv.ts';
import { pad, slice } from '../ops/layout.ts';
import { resample } from '../ops/linear.ts';
import { windows } from '../ops/windows.ts';
import { input, type Shape, type Tensor } from '../tensor.ts';
import { sliceThrough } from './slice-through.ts';

const x = input('x', [1, 3, 7, 5], 'clicks');
const weight = (shape: Shape) => input(`w${shape.join()}`, shape, 'frozen');
const transposed = (side: number, size: Shape, options: ConvOptions) =>
  convTranspose2d(x, weight([3, 2, side, side]), { size, ...options });

const NODES: [string, Tensor][] = [
  ['a convolution with padding', conv2d(x, weight([2, 3, 3, 3]), undefined, { pads: [1, 1, 1, 1] })],
  ['a convolution with a stride', conv2d(x, weight([2, 3, 3, 3]), undefined, { stride: 2, pads: [1, 1, 1, 1] })],
  ['a dilated convolution', conv2d(x, weight([2, 3, 3, 3]), undefined, { dilation: 2, pads: [2, 2, 2, 2] })],
  ['a transposed convolution, kernel as its stride', transposed(2, [14, 10], { stride: 2 })],
  ['one with gaps', transposed(1, [15, 11], { stride: 3, pads: [2, 2, 2, 2] })],
  ['one that overlaps', transposed(5, [14, 10], { stride: 2, pads: [2, 2, 2, 2] })],
  ['one with a border that the input does not reach', transposed(3, [16, 12], { stride: 2 })],
  ['a dilated one', transposed(3, [11, 9], { dilation: 2 })],
  ['an enlargement', resample(x, bilinear(7, 18, { alignCorners: false }), bilinear(5, 9, { alignCorners: false }))],
  ['a border', resample(x, replicatePad(7, 2, 1), undefined)],
  ['zeros around', pad(x, [[2, 2, 1]])],
];

it.each(NODES)('rows of %s are made of the rows that they see', async (_, node) => {
  const height = node.shape[2];
  const outputs: Record<string, Tensor> = { whole: node };
  for (let start = 0; start < height; start++) {
    for (const length of new Set([1, 2, 5, height - start])) {
      if (start + length > height) continue;
      const rows = sliceThrough(
        node,
        { axis: 2, start, length },
        (y, cut) => slice(y, cut.axis, cut.start, cut.length),
        y => y,
      );
      // nothing but padding is left to the caller
      if (rows) outputs[`${start} ${length}`] = rows;
    }
  }
  expect(Object.keys(outputs).length).toBeGreaterThan(2 * height);
  const { whole, ...parts } = await evaluate(outputs, randomFeeds([node]), { forGradient: false });
  const [, channels, , width] = node.shape;
  for (const [name, rows] of Object.entries(parts)) {
    const [start, length] = name.split(' ').map(Number);
    const expected = Array.from({ length: channels }, (_, c) => {
      const from = (c * height + start) * width;
      return [...whole.subarray(from, from + length * width)];
    });
    expectClose(rows, Float32Array.from(expected.flat()), 1e-5, name);
  }
});

it('windows are made of the cells that they see', async () => {
  const map = input('map', [4, 10, 8, 6], 'clicks');
  const node = windows(map, 4, 2);
  const outputs: Record<string, Tensor> = {};
  const expected: Record<string, Tensor> = {};
  for (const axis of [0, 1, 2, 4]) {
    const cut = { axis, start: 1, length: 2 };
    const all = (y: Tensor) => y;
    outputs[`axis ${axis}`] = sliceThrough(node, cut, (y, own) => slice(y, own.axis, own.start, own.length), all)!;
    expected[`axis ${axis}`] = slice(node, axis, 1, 2);
  }
  const parts = await evaluate(outputs, randomFeeds([node]));
  const wanted = await evaluate(expected, randomFeeds([node]));
  for (const name of Object.keys(expected)) expect(parts[name], name).toEqual(wanted[name]);
  expect(
    sliceThrough(
      node,
      { axis: 3, start: 0, length: 1 },
      y => y,
      y => y,
    ),
  ).toBeNull();
});
