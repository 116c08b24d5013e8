import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { evaluate, projected, uniform } from '../../test/support/run.ts';
import { gradient } from '../graph/gradient.ts';
import { reshape } from '../graph/ops/basic.ts';
import { add } from '../graph/ops/elementwise.ts';
import { matmul, resample } from '../graph/ops/linear.ts';
import { deduplicate } from '../graph/passes/deduplicate.ts';
import { split } from '../graph/passes/split.ts';
import { constant, GraphError, input, type Tensor, topological } from '../graph/tensor.ts';
import { adaptiveAverage, bilinear } from '../nn/resize.ts';
import { Scope } from '../nn/scope.ts';
import { featUpImplicit, featUpImplicitUpsampler } from './featup-implicit.ts';

const [H, W, STRIDE, C] = [6, 8, 8, 5];
const SIZE = [H * STRIDE, W * STRIDE] as const;
const N = SIZE[0] * SIZE[1];
const MIX = constant(uniform([C, 3], -1, 1, 'mix'), [C, 3]);

/** Features of each pixel: mixtures of its colours. */
const ofPixels = (image: Tensor): Tensor => {
  const [b, , h, w] = image.shape;
  return reshape(matmul(MIX, reshape(image, [b, 3, h * w])), [b, C, h, w]);
};

/** A backbone that gives each cell the mean of its pixels. */
const backbone = (image: Tensor): Tensor => {
  const pixels = ofPixels(image);
  const [h, w] = image.shape.slice(2);
  return resample(pixels, adaptiveAverage(h, h / STRIDE), adaptiveAverage(w, w / STRIDE));
};

/** A bright disk on a dark ground that grows lighter to the right. */
function disk(shift: number): Float32Array {
  return Float32Array.from({ length: 3 * N }, (_, i) => {
    const [y, x] = [Math.floor(i / SIZE[1]) % SIZE[0], i % SIZE[1]];
    const inside = Math.hypot(y - 20, x - 30 - shift) < 13;
    return inside ? 1 - 0.3 * Math.floor(i / N) : -1 + (0.6 * x) / SIZE[1];
  });
}

const image = input('image', [1, 3, ...SIZE], 'image');
const features = input('features', [1, C, H, W], 'clicks');
const look = (move: (image: Tensor) => Tensor) => backbone(move(image));
const distance = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0);

describe('featUpImplicit', () => {
  it('makes features of pixels from those of cells, far better than interpolation', async () => {
    const seen = backbone(image);
    const { y, truth, smooth } = await evaluate(
      {
        y: featUpImplicit(seen, image, SIZE, look),
        truth: ofPixels(image),
        smooth: resample(
          seen,
          bilinear(H, SIZE[0], { alignCorners: false }),
          bilinear(W, SIZE[1], { alignCorners: false }),
        ),
      },
      { image: disk(0) },
    );
    expect(distance(y, truth)).toBeLessThan(0.05 * distance(smooth, truth));
  });

  it('brings a change by clicks to pixels, linearly, and its gradient back', async () => {
    const clicked = featUpImplicit(add(backbone(image), features), image, SIZE, look);
    const weigh = uniform(clicked.shape, -1, 1, 'weigh');
    const [slope] = gradient(projected(clicked, weigh), [features]);
    const given = { image: disk(0), features: uniform(features.shape, -1, 1, 'change') };
    const { y, slope: found } = await evaluate({ y: clicked, slope }, given);
    const { y: none } = await evaluate({ y: clicked }, { ...given, features: new Float32Array(C * H * W) });
    const { y: double } = await evaluate({ y: clicked }, { ...given, features: given.features.map(v => 2 * v) });
    const change = y.map((value, i) => value - none[i]);
    expect(Math.max(...change)).toBeGreaterThan(0.3);
    expectClose(
      double.map((value, i) => value - none[i]),
      change.map(v => 2 * v),
      1e-4,
      'twice the change',
    );
    // of what is linear, the gradient says the whole change
    const said = found.reduce((sum, value, i) => sum + value * given.features[i], 0);
    expect(said).toBeCloseTo(
      change.reduce((sum, value, i) => sum + value * weigh[i], 0),
      2,
    );
  });

  it('fits once per picture, however many clicks follow', () => {
    const y = featUpImplicit(features, image, SIZE, look);
    const [own, clicks] = split(new Map([['main', new Map([['y', deduplicate([y])[0]]])]]));
    expect([own.rate, clicks.rate]).toEqual(['image', 'clicks']);
    const ops = new Set(topological([...clicks.outputs.values()]).map(({ op }) => op));
    expect(ops).not.toContain('sin');
    expect(ops).not.toContain('conv2d');
  });

  it('fits each image of a batch by itself, and keeps constants', async () => {
    const two = input('image', [2, 3, ...SIZE], 'image');
    const of = (image: Tensor, y: Tensor = backbone(image)) =>
      featUpImplicit(y, image, SIZE, move => backbone(move(image)));
    const { y } = await evaluate({ y: of(two) }, { image: Float32Array.of(...disk(0), ...disk(9)) });
    const { y: alone } = await evaluate({ y: of(image) }, { image: disk(9) });
    expectClose(y.subarray(C * N), alone, 1e-3, 'the second image');
    const flat = await evaluate({ y: of(image) }, { image: new Float32Array(3 * N).fill(0.5) });
    const { truth } = await evaluate({ truth: ofPixels(image) }, { image: new Float32Array(3 * N).fill(0.5) });
    expectClose(flat.y, truth, 1e-3, 'a constant');
  });
});

describe('the upsampler', () => {
  it('says what it cannot do', () => {
    const f = input('f', [1, C, H, W], 'image');
    expect(() => featUpImplicitUpsampler.upsample(f, image, SIZE, Scope.frozen('u'))).toThrow(GraphError);
    expect(() => featUpImplicit(f, input('image', [1, 3, 50, 64], 'image'), [50, 64], look)).toThrow(
      'featup-implicit: 50x64 pixels are no whole multiple of 6x8 cells',
    );
  });
});
