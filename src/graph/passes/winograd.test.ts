import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/support/close.ts';
import { expectEqualGraphs, randomFeeds } from '../../../test/support/passes.ts';
import { evaluate, projected, uniform } from '../../../test/support/run.ts';
import { gradient } from '../gradient.ts';
import { type ConvOptions, conv2d, type Pads } from '../ops/conv.ts';
import { add, mul, relu } from '../ops/elementwise.ts';
import { slice } from '../ops/layout.ts';
import { resample } from '../ops/linear.ts';
import { input, type Shape, sources, type Tensor, topological } from '../tensor.ts';
import { deduplicate } from './deduplicate.ts';
import { winograd } from './winograd.ts';
import { bestTile } from './winograd-tiles.ts';

const WHOLE = { bandBytes: 2 ** 30, keepBytes: 2 ** 40 };
/** Room for `rows` rows of tiles of one [64,height,width] map. */
function bandsOf(rows: number, [height, width]: readonly [number, number], keep = true) {
  const tile = bestTile(height, width);
  const bandBytes = rows * 4 * 64 * tile.in ** 2 * Math.ceil(width / tile.out);
  return { bandBytes, keepBytes: keep ? 2 ** 40 : 0 };
}
// the transforms amplify rounding about tenfold
const BOUNDS = { element: 1e-4, l2: 2e-5 };
// where a value near zero gets the other sign a ReLU's gradient jumps, which no rounding bound covers
const BEHIND_RELU = { element: 0.1, l2: 3e-3 };

const convolution = (x: Shape, options: ConvOptions = {}, { out = 64, bias = false } = {}): Tensor =>
  conv2d(
    input('x', x, 'image'),
    input('w', [out, x[1], 3, 3], 'weights'),
    bias ? input('b', [out], 'weights') : undefined,
    options,
  );

const isDirect = (t: Tensor) => t.op === 'conv2d' && t.inputs[1].op === 'input';
const bandCount = (y: Tensor) => topological([y]).filter(t => t.op === 'convTranspose2d').length;

async function expectTransformed(y: Tensor, options = WHOLE): Promise<Tensor> {
  const [fast] = winograd([y], options);
  expect(topological([y]).some(isDirect)).toBe(true);
  expect(topological([fast]).some(isDirect)).toBe(false);
  await expectEqualGraphs(fast, y, BOUNDS);
  return fast;
}

describe('winograd equals the direct convolution', () => {
  it.each<[string, Shape, Pads]>([
    ['sizes of whole tiles', [1, 64, 16, 12], [1, 1, 1, 1]],
    ['the smallest map', [1, 64, 8, 8], [1, 1, 1, 1]],
    ['no padding', [1, 64, 10, 15], [0, 0, 0, 0]],
    ['sides that leave 1, 2, 3', [1, 64, 13, 10], [1, 1, 1, 1]],
    ['odd sides', [1, 64, 37, 11], [1, 1, 1, 1]],
    ['padding on top and left', [1, 64, 11, 9], [1, 1, 0, 0]],
    ['padding below and right', [1, 64, 9, 14], [0, 0, 1, 2]],
    ['wide padding', [1, 64, 9, 9], [2, 2, 2, 2]],
  ])('%s', async (_, x, pads) => {
    await expectTransformed(convolution(x, { pads }));
  });

  it('with a bias, batches and unequal channels', async () => {
    await expectTransformed(convolution([2, 64, 9, 13], { pads: [1, 1, 1, 1] }, { bias: true, out: 70 }));
    await expectTransformed(convolution([2, 70, 12, 11], {}, { bias: true }));
  });

  it.each([
    [1, true],
    [2, true],
    [3, true],
    [1, false],
    [3, false],
    [7, false],
  ])('in bands of %i rows of tiles, in one piece where the transformed map is kept whole: %s', async (rows, keep) => {
    const y = convolution([1, 64, 27, 10], { pads: [1, 1, 1, 1] }, { bias: true });
    const banded = await expectTransformed(y, bandsOf(rows, [27, 10], keep));
    expect(bestTile(27, 10).out).toBe(6);
    expect(bandCount(banded)).toBe(keep ? 1 : Math.ceil(5 / rows));
  });

  it('in bands of one row of one image where not even one fits', async () => {
    const y = convolution([2, 64, 12, 8], { pads: [2, 0, 1, 2] });
    expect(bestTile(13, 8).out).toBe(4);
    expect(bandCount(await expectTransformed(y, { bandBytes: 1, keepBytes: 0 }))).toBe(2 * Math.ceil(13 / 4));
  });

  it('with the tiles that take the fewest products', () => {
    expect([8, 16, 17, 112, 224].map(side => bestTile(side, side).out)).toEqual([4, 4, 6, 6, 6]);
  });

  it('and transforms a map at most twice for its gradients, however many bands', () => {
    const y = convolution([1, 64, 64, 8], { pads: [1, 1, 1, 1] });
    const transforms = (keep: boolean) => {
      const [fast] = winograd([y], bandsOf(1, [64, 8], keep));
      const slopes = gradient(projected(fast, new Float32Array(64 * 64 * 8)), sources([fast]));
      const all = topological(deduplicate([fast, ...slopes]));
      return all.filter(t => t.op === 'conv2d' && t.inputs[1].op === 'constant' && t.inputs[1].shape[2] === 6).length;
    };
    expect(transforms(true)).toBe(1);
    expect(transforms(false)).toBe(32);
  });

  it('for any size, padding and band', async () => {
    const property = fc.asyncProperty(
      fc.integer({ min: 1, max: 2 }),
      fc.integer({ min: 10, max: 37 }),
      fc.integer({ min: 10, max: 37 }),
      fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(2)),
      fc.integer({ min: 1, max: 9 }),
      fc.boolean(),
      fc.boolean(),
      async (batch, height, width, pads, rows, bias, keep) => {
        await expectTransformed(
          convolution([batch, 64, height, width], { pads }, { bias }),
          bandsOf(rows, [height + pads[0] + pads[2] - 2, width + pads[1] + pads[3] - 2], keep),
        );
      },
    );
    await fc.assert(property, { numRuns: 8, seed: 1 });
  });

  it('in chains, with what stands between', async () => {
    const same: ConvOptions = { pads: [1, 1, 1, 1] };
    const x = input('x', [1, 64, 12, 10], 'image');
    const [w1, w2] = ['w1', 'w2'].map(name => input(name, [64, 64, 3, 3], 'weights'));
    const linear = conv2d(mul(conv2d(x, w1, undefined, same), 0.5), w2, undefined, same);
    await expectTransformed(add(linear, x));
    // one weight twice
    await expectTransformed(conv2d(conv2d(x, w1, undefined, same), w1, undefined, same));

    const rectified = conv2d(relu(conv2d(x, w1, undefined, same)), w2, undefined, same);
    await expectEqualGraphs(winograd([rectified], WHOLE)[0], rectified, BEHIND_RELU);
  });
});

const matrix = (rows: number, cols: number) => ({ rows, cols, data: uniform([rows, cols], 0, 1, 'matrix') });

describe('an inference', () => {
  const same: ConvOptions = { pads: [1, 1, 1, 1] };
  const low = input('low', [2, 100, 5, 4], 'image');
  const [w1, w2] = ['w1', 'w2'].map(name => input(name, [100, 100, 3, 3], 'weights'));
  const bias = input('b', [100], 'weights');
  const map = relu(add(resample(low, matrix(17, 5), matrix(23, 4)), 0.25));

  async function inference(y: Tensor, rows: number): Promise<Tensor> {
    // an inference takes bands of three times the size
    const bandBytes = Math.ceil((bandsOf(rows, [17, 23]).bandBytes * 100) / 64 / 3);
    const [fast] = winograd([y], { bandBytes, keepBytes: 0, forGradient: false });
    const feeds = randomFeeds([y]);
    const [expected, actual] = [await evaluate({ y }, feeds), await evaluate({ y: fast }, feeds)];
    expectClose(actual.y, expected.y, BOUNDS.element, 'y');
    return fast;
  }

  it.each([1, 2, 9])('resamples a band of %i rows of tiles at a time', async rows => {
    const fast = await inference(conv2d(map, w1, bias, same), rows);
    const resampled = topological([fast]).filter(t => t.op === 'resample');
    expect(resampled).toHaveLength(2 * Math.ceil(3 / rows));
    expect(resampled.every(t => t.shape[0] === 1)).toBe(true);
  });

  it('holds no whole map between its convolutions and a few channels', async () => {
    const between = relu(conv2d(map, w1, bias, same));
    const few = conv2d(between, input('w3', [2, 100, 1, 1], 'weights'), input('b3', [2], 'weights'));
    const fast = await inference(few, 1);
    expect(topological([fast]).filter(t => t.shape.length === 4 && t.shape[1] === 100 && t.shape[2] >= 17)).toEqual([]);
  });

  it('puts the map together where something needs it whole', async () => {
    const y = conv2d(map, w1, bias, same);
    await inference(conv2d(relu(y), w2, undefined, same), 2);
    await inference(add(conv2d(y, input('w3', [2, 100, 1, 1], 'weights')), slice(y, 1, 0, 2)), 2);
  });
});

describe('a 1x1 convolution to few channels', () => {
  const x = input('x', [2, 64, 11, 14], 'image');
  const w = input('w', [64, 64, 3, 3], 'weights');
  const first = conv2d(x, w, input('b', [64], 'weights'), { pads: [1, 1, 1, 1] });
  const few = (t: Tensor, out = 3) => conv2d(t, input('w1', [out, 64, 1, 1], 'weights'), input('b1', [out], 'weights'));
  const joins = (y: Tensor) => topological([y]).filter(t => t.op === 'convTranspose2d').length;

  it.each<[string, Tensor, typeof BOUNDS]>([
    ['directly', few(first), BOUNDS],
    ['behind what treats channels alike', few(mul(add(first, input('s', [1, 64, 1, 1], 'weights')), 0.5)), BOUNDS],
    ['behind a ReLU', few(relu(first)), BEHIND_RELU],
  ])('is done on the pixels of the tiles, %s', async (_, y, bounds) => {
    for (const options of [WHOLE, bandsOf(1, [11, 14], false)]) {
      const [fast] = winograd([y], options);
      expect(joins(fast)).toBe(0);
      await expectEqualGraphs(fast, y, bounds);
    }
  });

  it('works on the map where pixels differ or channels are many', async () => {
    for (const y of [few(mul(first, input('p', [1, 1, 11, 14], 'weights'))), few(first, 60)]) {
      const [fast] = winograd([y], WHOLE);
      expect(joins(fast)).toBeGreaterThan(0);
      await expectEqualGraphs(fast, y, BOUNDS);
    }
  });
});

describe('winograd leaves alone', () => {
  const x = input('x', [1, 64, 16, 16], 'image');
  const weight = (...shape: number[]) => input('w', shape, 'weights');
  it.each<[string, Tensor]>([
    ['other kernels', conv2d(x, weight(64, 64, 1, 1))],
    ['other kernels in one direction', conv2d(x, weight(64, 64, 3, 1))],
    ['strides', conv2d(x, weight(64, 64, 3, 3), undefined, { stride: 2 })],
    ['dilation', conv2d(x, weight(64, 64, 3, 3), undefined, { dilation: 2 })],
    ['groups', conv2d(x, weight(128, 32, 3, 3), undefined, { groups: 2 })],
    ['few channels out', conv2d(x, weight(63, 64, 3, 3))],
    ['few channels in', conv2d(input('x', [1, 63, 16, 16], 'image'), weight(64, 63, 3, 3))],
    ['low maps', conv2d(input('x', [1, 64, 9, 30], 'image'), weight(64, 64, 3, 3))],
    ['narrow maps', conv2d(input('x', [1, 64, 30, 9], 'image'), weight(64, 64, 3, 3))],
    ['padding wider than the kernel sees', conv2d(x, weight(64, 64, 3, 3), undefined, { pads: [3, 0, 0, 0] })],
  ])('%s', (_, y) => expect(winograd([y], { bandBytes: 1, keepBytes: 0 })[0]).toBe(y));
});
