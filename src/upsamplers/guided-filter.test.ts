import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { at, type Nd, nd, tabulate, total } from '../../test/support/nd.ts';
import { evaluate, uniform } from '../../test/support/run.ts';
import { GraphError, input, type Shape } from '../graph/tensor.ts';
import { bilinear, boxMean } from '../nn/resize.ts';
import { Scope } from '../nn/scope.ts';
import { guidedFilter, guidedFilterUpsampler } from './guided-filter.ts';

const scope = Scope.frozen('upsampler');

/** The mean of a map over the window around (y, x), as far as it lies inside. */
function windowMean(map: Nd, radius: number): Nd {
  const [, , h, w] = map.shape;
  return tabulate(map.shape, ([n, c, y, x]) => {
    let [sum, count] = [0, 0];
    for (let i = Math.max(0, y - radius); i <= Math.min(h - 1, y + radius); i++) {
      for (let j = Math.max(0, x - radius); j <= Math.min(w - 1, x + radius); j++) {
        sum += at(map, [n, c, i, j]);
        count++;
      }
    }
    return sum / count;
  });
}

function resized(map: Nd, [height, width]: Shape): Nd {
  const [b, c, h, w] = map.shape;
  const rows = bilinear(h, height, { alignCorners: false });
  const cols = bilinear(w, width, { alignCorners: false });
  return tabulate([b, c, height, width], ([n, k, y, x]) =>
    total(h, i => total(w, j => rows.data[y * h + i] * cols.data[x * w + j] * at(map, [n, k, i, j]))),
  );
}

const zip = (f: (...values: number[]) => number, ...maps: Nd[]): Nd =>
  tabulate(maps[0].shape, index => f(...maps.map(map => at(map, index))));

function reference(guidance: Nd, p: Nd, radius: number, eps: number, scale: number): Nd {
  const [b, c, h, w] = p.shape;
  const coarse = [b, c, Math.floor(h / scale), Math.floor(w / scale)];
  const nth = (map: Nd) => tabulate(coarse, ([n, k, y, x]) => at(map, [n, k, y * scale, x * scale]));
  const mean = (map: Nd) => windowMean(map, Math.floor(radius / scale));
  const [I, q] = [nth(guidance), nth(p)];
  const [meanI, meanP] = [mean(I), mean(q)];
  const multiply = (x: number, y: number) => x * y;
  const covariance = zip((xy, x, y) => xy - x * y, mean(zip(multiply, I, q)), meanI, meanP);
  const variance = zip((xx, x) => xx - x * x, mean(zip(multiply, I, I)), meanI);
  const a = zip((cov, v) => cov / (v + eps), covariance, variance);
  const offset = zip((y, slope, x) => y - slope * x, meanP, a, meanI);
  return zip((slope, x, base) => slope * x + base, resized(mean(a), [h, w]), guidance, resized(mean(offset), [h, w]));
}

describe('boxMean', () => {
  it('averages over what there is of the window', () => {
    expect([...boxMean(4, 1).data]).toEqual(
      [
        [1 / 2, 1 / 2, 0, 0],
        [1 / 3, 1 / 3, 1 / 3, 0],
        [0, 1 / 3, 1 / 3, 1 / 3],
        [0, 0, 1 / 2, 1 / 2],
      ].flatMap(row => row.map(Math.fround)),
    );
  });
  it('is the identity at radius 0 and the overall mean at a large one', () => {
    expect([...boxMean(2, 0).data]).toEqual([1, 0, 0, 1]);
    expect([...boxMean(2, 9).data]).toEqual([0.5, 0.5, 0.5, 0.5]);
  });
});

describe('guidedFilter', () => {
  it('is the definition at any size, radius and scale', async () => {
    const size = fc.tuple(fc.integer({ min: 3, max: 14 }), fc.integer({ min: 3, max: 14 }));
    await fc.assert(
      fc.asyncProperty(
        size,
        fc.integer({ min: 0, max: 6 }),
        fc.integer({ min: 1, max: 3 }),
        async (hw, radius, scale) => {
          const shape = [2, 2, ...hw];
          const [I, p] = ['I', 'p'].map(name => uniform(shape, -1, 1, name, ...hw));
          const options = { radius, eps: 0.05, scale };
          const y = guidedFilter(input('I', shape, 'image'), input('p', shape, 'clicks'), options);
          const results = await evaluate({ y }, { I, p });
          expectClose(results.y, reference(nd(shape, I), nd(shape, p), radius, 0.05, scale).data, 2e-5, 'the output');
        },
      ),
      { numRuns: 25, seed: 5 },
    );
  });

  it('keeps p where it is an affine function of the guidance', async () => {
    const shape = [1, 2, 9, 8];
    const I = uniform(shape, 0, 1, 'affine');
    const y = guidedFilter(input('I', shape, 'image'), input('p', shape, 'clicks'), { radius: 2, eps: 1e-6 });
    const p = I.map(value => 3 * value - 1);
    expectClose((await evaluate({ y }, { I, p })).y, p, 1e-3, 'the output');
  });

  it('refuses other shapes and broken scales', () => {
    const I = input('I', [1, 2, 5, 5], 'image');
    expect(() => guidedFilter(I, input('p', [1, 3, 5, 5], 'clicks'), { radius: 1, eps: 1 })).toThrow(
      new GraphError('guidedFilter: guidance [1, 2, 5, 5] and input [1, 3, 5, 5] differ'),
    );
    expect(() => guidedFilter(I, I, { radius: 1, eps: 1, scale: 1.5 })).toThrow('positive integer, given 1.5');
  });
});

describe('the guided-filter upsampler', () => {
  // colour by colour: the normal equations of each window, solved by Cramer's rule
  function colourFilter(features: Nd, image: Nd, size: Shape, radius: number): Nd {
    const STD = [0.229, 0.224, 0.225];
    const [b, c, h, w] = features.shape;
    const rgb = tabulate(image.shape, index => at(image, index) * STD[index[1]]);
    const grid = [2 * h, 2 * w];
    const [sy, sx] = [size[0] / grid[0], size[1] / grid[1]];
    const coarse = tabulate([b, 3, ...grid], ([n, k, y, x]) =>
      total(sy, i => total(sx, j => at(rgb, [n, k, y * sy + i, x * sx + j]) / (sy * sx))),
    );
    const p = resized(features, grid);
    const mean = (value: (n: number, y: number, x: number) => number) =>
      windowMean(
        tabulate([b, 1, ...grid], ([n, , y, x]) => value(n, y, x)),
        radius,
      );
    const I = (k: number) => (n: number, y: number, x: number) => at(coarse, [n, k, y, x]);
    const means = [0, 1, 2].map(k => mean(I(k)));
    const squares = [0, 1, 2].map(i => [0, 1, 2].map(j => mean((...at) => I(i)(...at) * I(j)(...at))));
    const det = (m: number[][]) =>
      total(3, i => m[0][i] * (m[1][(i + 1) % 3] * m[2][(i + 2) % 3] - m[1][(i + 2) % 3] * m[2][(i + 1) % 3]));

    const perChannel = Array.from({ length: c }, (_, channel) => {
      const value = (n: number, y: number, x: number) => at(p, [n, channel, y, x]);
      const meanP = mean(value);
      const products = [0, 1, 2].map(k => mean((...at) => I(k)(...at) * value(...at)));
      const coefficients = tabulate([b, 4, ...grid], ([n, k, y, x]) => {
        const pick = (map: Nd) => at(map, [n, 0, y, x]);
        const m = means.map(pick);
        const matrix = squares.map((row, i) => row.map((s, j) => pick(s) - m[i] * m[j] + (i === j ? 1e-3 : 0)));
        const right = products.map((s, i) => pick(s) - m[i] * pick(meanP));
        const a = [0, 1, 2].map(
          i => det(matrix.map((row, r) => row.map((v, j) => (j === i ? right[r] : v)))) / det(matrix),
        );
        return k < 3 ? a[k] : pick(meanP) - total(3, i => a[i] * m[i]);
      });
      return resized(windowMean(coefficients, radius), size);
    });
    return tabulate([b, c, ...size], ([n, k, y, x]) => {
      const ab = (i: number) => at(perChannel[k], [n, i, y, x]);
      return ab(3) + total(3, i => ab(i) * at(rgb, [n, i, y, x]));
    });
  }

  it.each([
    { low: [3, 4], size: [24, 32], radius: 2 },
    { low: [5, 2], size: [80, 32], radius: 1 },
  ])('is the fast guided filter over colours: $low to $size', async ({ low, size, radius }) => {
    const shapes = [
      [2, 2, ...low],
      [2, 3, ...size],
    ];
    const [f, image] = shapes.map((shape, i) => uniform(shape, -1.5, 1.5, 'guided', i));
    const y = guidedFilterUpsampler.upsample(
      input('f', shapes[0], 'clicks'),
      input('image', shapes[1], 'image'),
      size as [number, number],
      scope,
    );
    const result = (await evaluate({ y }, { f, image })).y;
    expect(y.shape).toEqual([2, 2, ...size]);
    const expected = colourFilter(nd(shapes[0], f), nd(shapes[1], image), size, radius);
    expectClose(result, expected.data, 1e-4, 'the output');
  });
});
