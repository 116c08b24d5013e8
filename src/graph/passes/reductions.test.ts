import { describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/support/close.ts';
import { randomFeeds } from '../../../test/support/passes.ts';
import { evaluate } from '../../../test/support/run.ts';
import { reflectBorder } from '../../nn/borders.ts';
import { adaptiveAverage, nearest } from '../../nn/resize.ts';
import { reshape, sum } from '../ops/basic.ts';
import { conv2d, type Pads } from '../ops/conv.ts';
import { add, mul, relu, tanh } from '../ops/elementwise.ts';
import { concat, slice, transpose } from '../ops/layout.ts';
import { matmul, resample } from '../ops/linear.ts';
import { groupNormalise } from '../ops/reduce.ts';
import { count, input, nameOf, sources, type Tensor, topological } from '../tensor.ts';
import { momentsIn } from './moments.ts';
import { defaultPasses, prepare } from './prepare.ts';
import { reductions } from './reductions.ts';

const [B, C, H, W] = [2, 8, 30, 26];
const MAP = 4 * B * C * H * W;
// a map of one image is large, some rows of it are a band
const LITTLE = { bandBytes: 4 * C * W * 2, keepBytes: MAP / 2 / 4 - 4 };

const image = input('image', [B, 3, H, W], 'image');
const weight = (name: string, ...shape: number[]) => input(name, shape, 'frozen');
const SAME: Pads = [1, 1, 1, 1];

/** As an encoder of images: convolutions with reflecting borders, norms between. */
function encoded(source: Tensor): Tensor {
  const first = conv2d(source, weight('w0', C, 3, 1, 1));
  const second = conv2d(reflectBorder(tanh(groupNormalise(first, 2, 1e-5)), 1), weight('w1', C, C, 3, 3));
  return add(first, tanh(groupNormalise(second, 4, 1e-5)));
}

/** An MLP of the tokens of an image, the hidden layer in the form of a map or not. */
function mlp(inMap: boolean): Tensor {
  const tokens = transpose(tanh(slice(image, 0, 1, 1)), [0, 2, 3, 1]);
  const [rows, hidden] = [
    [H * W, 3],
    [1, H, W, 2 * C],
  ];
  const first = matmul(reshape(tokens, rows), weight('fc1', 3, 2 * C));
  const active = inMap ? reshape(tanh(reshape(first, hidden)), first.shape) : tanh(first);
  return matmul(active, weight('fc2', 2 * C, 2));
}

const reduced: Record<string, Tensor> = {
  'statistics of norms': slice(encoded(image), 2, 3, 4),
  'sums over channels': sum(mul(encoded(image), encoded(image)), [1]),
  'sums over all': sum(encoded(image), [1, 2, 3]),
  pooling: resample(encoded(image), adaptiveAverage(H, 7), adaptiveAverage(W, 5)),
  'sampling of rows': resample(encoded(image), nearest(H, 11), undefined),
  'a convolution with a stride': conv2d(encoded(image), weight('w2', C, C, 3, 3), undefined, { stride: 2, pads: SAME }),
  'an MLP': mlp(false),
  'an MLP in the form of a map': mlp(true),
  'one behind another': sum(resample(encoded(image), adaptiveAverage(H, 15), undefined), [2]),
};

const largest = (y: Tensor) =>
  Math.max(...topological([y]).map(({ shape, inputs }) => (inputs.length > 0 ? 4 * count(shape) : 0)));
const rate = (node: Tensor) => sources([node]).map(({ attributes }) => attributes.rate);

describe('reductions', () => {
  it.each(Object.entries(reduced))('%s: are made of bands, with the same numbers', async (name, y) => {
    const [banded] = reductions([y], LITTLE);
    expect(banded.shape).toEqual(y.shape);
    const feeds = randomFeeds([y]);
    const [expected, found] = [await evaluate({ y }, feeds), await evaluate({ y: banded }, feeds)];
    expectClose(found.y, expected.y, 1e-5, name);
    if (name === 'statistics of norms') return; // the rows asked for are a slice of the whole
    expect(largest(y)).toBeGreaterThanOrEqual(MAP);
    expect(largest(banded)).toBeLessThan(MAP / 2);
  });

  it('leave alone what is not large', () => {
    for (const y of Object.values(reduced)) expect(reductions([y], { ...LITTLE, keepBytes: MAP })[0]).toBe(y);
  });

  it('leave alone what changes with clicks, which is made when it is asked for', () => {
    const y = sum(encoded(input('clicks', [B, 3, H, W], 'clicks')), [2, 3]);
    expect(reductions([y], LITTLE)[0]).toBe(y);
  });

  it('of the image alone stay so where a click asks for them', () => {
    const [c, h, w] = [96, 40, 24];
    const map = conv2d(
      conv2d(input('image', [1, 3, h, w], 'image'), weight('a', c, 3, 1, 1)),
      weight('b', c, c, 3, 3),
      undefined,
      { pads: SAME },
    );
    const clicks = input('clicks', [1, c, h, w], 'clicks');
    const hidden = relu(conv2d(mul(clicks, sum(map, [2, 3])), weight('c', c, c, 3, 3), undefined, { pads: SAME }));
    const [y] = prepare(
      [conv2d(hidden, weight('d', 1, c, 1, 1))],
      { ...defaultPasses, bandBytes: 3e4, keepBytes: 2e4 },
      {
        forGradient: false,
      },
    );
    const sums = topological([y]).filter(({ op }) => op === 'sum');
    expect(sums.length).toBeGreaterThan(1);
    for (const node of sums) expect(rate(node)).not.toContain('clicks');
    expect(sources([y]).map(nameOf)).toEqual(expect.arrayContaining(['image', 'clicks']));
  });

  it('make both sums of a norm of the same bands', () => {
    const y = sum(tanh(groupNormalise(encoded(image), 2, 1e-5)), [2, 3]);
    const [banded] = reductions([y], LITTLE);
    const sums = topological([banded]).filter(({ op, inputs: [x] }) => op === 'sum' && x.shape.length === 5);
    expect(momentsIn([y])).toHaveLength(3);
    expect(sums.length).toBeGreaterThan(2 * 3 * B);
    expect(2 * momentsIn([banded]).length).toBe(sums.length);
  });

  it('do not make a band of a concatenation of rows in full', () => {
    const y = sum(concat([encoded(image), encoded(image)], 2), [2, 3]);
    expect(largest(reductions([y], LITTLE)[0])).toBeLessThan(MAP / 2);
  });
});
