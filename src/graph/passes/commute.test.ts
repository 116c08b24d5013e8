import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectEqualGraphs } from '../../../test/support/passes.ts';
import { bicubic, bilinear, nearest } from '../../nn/resize.ts';
import { reshape } from '../ops/basic.ts';
import { type ConvOptions, conv2d, type Pads } from '../ops/conv.ts';
import { add, relu } from '../ops/elementwise.ts';
import { concat, slice } from '../ops/layout.ts';
import { matmul, resample } from '../ops/linear.ts';
import { count, input, type Matrix, type Shape, type Tensor, topological } from '../tensor.ts';
import { commute } from './commute.ts';

const BOUNDS = { element: 1e-5, l2: 5e-6 };

const aligned = (size: number, out: number) => bilinear(size, out, { alignCorners: true });
const shifted = (size: number, out: number) => bilinear(size, out, { alignCorners: false });
/** A nearest enlargement, mirrored. */
const flipped = (size: number, out: number): Matrix => {
  const { data } = nearest(size, out);
  const rows = Array.from({ length: out }, (_, i) => [...data.subarray((out - 1 - i) * size, (out - i) * size)]);
  return { rows: out, cols: size, data: Float32Array.from(rows.flat()) };
};
const axes = { aligned, shifted, bicubic: (size: number, out: number) => bicubic(size, out), nearest, flipped };

interface Layer {
  x: Shape;
  out?: readonly [number | undefined, number | undefined];
  kernel: readonly [number, number];
  channels?: number;
  axis?: (size: number, out: number) => Matrix;
  bias?: boolean;
  options?: ConvOptions;
}

function layer({ x, out = [40, 36], kernel, channels = 3, axis = aligned, bias = false, options }: Layer): Tensor {
  const features = input('x', x, 'image');
  const weight = input('w', [channels, x[1], ...kernel], 'weights');
  const [h, w] = x.slice(2);
  const along = (size: number, to?: number) => (to ? axis(size, to) : undefined);
  const upsampled = resample(features, along(h, out[0]), along(w, out[1]));
  return conv2d(upsampled, weight, bias ? input('b', [channels], 'weights') : undefined, options);
}

/** Whether a convolution of something resampled is left. */
const convolvesAbove = (y: Tensor) => topological([y]).some(t => t.op === 'conv2d' && t.inputs[0].op === 'resample');

async function expectMoved(y: Tensor): Promise<void> {
  const [moved] = commute([y]);
  expect(convolvesAbove(y)).toBe(true);
  expect(convolvesAbove(moved)).toBe(false);
  await expectEqualGraphs(moved, y, BOUNDS);
}

const SAME: Pads = [1, 1, 1, 1];

describe('commute moves', () => {
  it.each(Object.entries(axes))('1x1 and 3x3 convolutions below %s', async (_, axis) => {
    await expectMoved(layer({ x: [1, 8, 5, 4], kernel: [1, 1], axis }));
    await expectMoved(layer({ x: [1, 8, 5, 4], kernel: [3, 3], axis, options: { pads: SAME } }));
  });
  it.each<[string, Layer]>([
    ['without padding', { x: [1, 8, 4, 4], kernel: [3, 3] }],
    ['with padding on some sides', { x: [1, 8, 4, 4], kernel: [3, 3], options: { pads: [0, 2, 1, 0] } }],
    ['with wide padding', { x: [1, 8, 4, 4], kernel: [3, 3], options: { pads: [4, 3, 5, 4] } }],
    ['dilated', { x: [1, 8, 4, 4], kernel: [3, 3], options: { pads: [2, 2, 2, 2], dilation: 2 } }],
    ['batches and a bias', { x: [2, 8, 4, 5], kernel: [3, 3], bias: true, options: { pads: SAME } }],
    ['a bias below 1x1', { x: [2, 8, 4, 5], kernel: [1, 1], bias: true }],
    ['non-square kernels', { x: [1, 8, 4, 4], kernel: [1, 3], options: { pads: [0, 1, 0, 1] } }],
    ['even kernels', { x: [1, 8, 4, 4], kernel: [2, 4], bias: true }],
    ['resampled columns only', { x: [1, 32, 4, 4], out: [undefined, 128], kernel: [1, 1], channels: 4 }],
    [
      'kept rows with a border',
      { x: [1, 32, 4, 4], out: [undefined, 128], kernel: [3, 1], channels: 4, options: { pads: [1, 0, 2, 0] } },
    ],
    ['resampled rows only', { x: [1, 32, 4, 4], out: [128, undefined], kernel: [1, 1], channels: 4 }],
  ])('%s', (_, one) => expectMoved(layer(one)));

  it('its bias too, where a tap keeps constants', () => {
    const sizes = (one: Layer) =>
      topological(commute([layer(one)])).flatMap(t => (t.op === 'add' ? [count(t.shape)] : []));
    const one = { x: [1, 8, 4, 4], kernel: [3, 3], bias: true } as const;
    expect(sizes({ ...one, options: { pads: SAME } })).toEqual([9 * 3 * 16]);
    // no tap sees the whole map
    expect(sizes({ ...one, out: [40, 40], options: { pads: [3, 3, 3, 3] } })).toEqual([3 * 44 * 44]);
  });

  it('a convolution of what another one gave below it', async () => {
    const features = input('x', [1, 8, 4, 4], 'image');
    const first = conv2d(features, input('w1', [8, 8, 3, 3], 'weights'), undefined, { pads: SAME });
    const up = resample(first, aligned(4, 36), aligned(4, 36));
    const y = conv2d(up, input('w2', [4, 8, 3, 3], 'weights'), undefined, { pads: SAME });
    // the upsampled map is used beside the convolution too
    const both = add(y, conv2d(relu(up), input('w3', [4, 8, 1, 1], 'weights')));
    const [moved] = commute([both]);
    expect(convolvesAbove(moved)).toBe(false);
    await expectEqualGraphs(moved, both, BOUNDS);
  });

  it('any of these', async () => {
    const property = fc.asyncProperty(
      fc.record({
        x: fc.tuple(
          fc.integer({ min: 1, max: 2 }),
          fc.integer({ min: 4, max: 9 }),
          fc.integer({ min: 2, max: 5 }),
          fc.integer({ min: 2, max: 5 }),
        ),
        out: fc.tuple(fc.integer({ min: 30, max: 45 }), fc.integer({ min: 30, max: 45 })),
        kernel: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
        axis: fc.constantFrom(...Object.values(axes)),
        bias: fc.boolean(),
        options: fc.record({
          pads: fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.nat(3)),
          dilation: fc.integer({ min: 1, max: 3 }),
        }),
      }),
      async one => {
        const y = layer(one);
        await expectEqualGraphs(commute([y])[0], y, BOUNDS);
      },
    );
    await fc.assert(property, { numRuns: 12, seed: 1 });
  });
});

describe('commute leaves alone', () => {
  const leaves = (y: Tensor) => expect(commute([y])[0]).toBe(y);
  it('maps hardly enlarged', () => {
    leaves(layer({ x: [1, 16, 24, 24], out: [30, 30], kernel: [3, 3], channels: 16, options: { pads: SAME } }));
    leaves(layer({ x: [1, 16, 24, 24], out: [12, 12], kernel: [3, 3], channels: 16, options: { pads: SAME } }));
  });
  it('where there are no channels to save on', () => {
    leaves(layer({ x: [1, 1, 4, 4], kernel: [1, 1], channels: 1 }));
  });
  it('strides and groups', () => {
    leaves(layer({ x: [1, 8, 4, 4], kernel: [3, 3], options: { stride: 2 } }));
    const features = input('x', [1, 8, 4, 4], 'image');
    const up = resample(features, aligned(4, 40), aligned(4, 40));
    leaves(conv2d(up, input('w', [8, 2, 3, 3], 'weights'), undefined, { groups: 4 }));
  });
  it('what is not linear in between', () => {
    const features = input('x', [1, 8, 4, 4], 'image');
    const up = relu(resample(features, aligned(4, 40), aligned(4, 40)));
    leaves(conv2d(up, input('w', [8, 8, 1, 1], 'weights')));
  });
});

describe('a 1x1 convolution over weighted sums of cells', () => {
  /** Bands as the image-guided upsamplers make them: some rows of cells, spread to pixels by weights from the image. */
  function spreadLayer(out: number, bias: boolean): Tensor {
    const [b, c, h, w] = [2, 6, 4, 5];
    const features = input('x', [b, c, h, w], 'clicks');
    const bands = [0, 1, 2].map(i => {
      const cells = reshape(slice(features, 2, i, 2), [b, c, 2 * w]);
      const weights = input(`k${i}`, [b, 3 * 10, 2 * w], 'image');
      return reshape(matmul(cells, weights, { transB: true }), [b, c, 3, 10]);
    });
    const weight = input('w', [out, c, 1, 1], 'weights');
    return conv2d(concat(bands, 2), weight, bias ? input('b', [out], 'weights') : undefined);
  }

  it.each([
    [1, true],
    [1, false],
    [6, true],
  ])('moves below them with %i channels, bias %s', async (out, bias) => {
    const y = spreadLayer(out, bias);
    const [commuted] = commute([y]);
    expect(topological([commuted]).some(t => t.op === 'conv2d')).toBe(false);
    const spread = topological([commuted]).filter(t => t.op === 'matmul' && t.attributes.transB === true);
    expect(spread.map(t => t.shape[1])).toEqual([out, out, out]);
    await expectEqualGraphs(y, commuted, BOUNDS);
  });

  it('stays where it would make more channels to spread', () => {
    const y = spreadLayer(7, false);
    expect(commute([y])[0]).toBe(y);
  });
});
