import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { numericalGradient } from '../../test/support/finite-differences.ts';
import { at, type Nd, nd, tabulate, total } from '../../test/support/nd.ts';
import { evaluate, projected, uniform } from '../../test/support/run.ts';
import { gradient } from '../graph/gradient.ts';
import { GraphError, input, type Shape } from '../graph/tensor.ts';
import { type JointBilateralOptions, jointBilateral } from './joint-bilateral.ts';

function bilinear(x: Nd, [height, width]: Shape): Nd {
  const [b, c, h, w] = x.shape;
  const place = (i: number, out: number, size: number) => Math.max(0, ((i + 0.5) * size) / out - 0.5);
  return tabulate([b, c, height, width], ([n, k, i, j]) => {
    const [y, x0] = [place(i, height, h), place(j, width, w)];
    const [top, left] = [Math.floor(y), Math.floor(x0)];
    const value = (row: number, col: number) => at(x, [n, k, Math.min(row, h - 1), Math.min(col, w - 1)]);
    const [v, u] = [y - top, x0 - left];
    return (
      (1 - v) * ((1 - u) * value(top, left) + u * value(top, left + 1)) +
      v * ((1 - u) * value(top + 1, left) + u * value(top + 1, left + 1))
    );
  });
}

/** The definition: upsample, filter tap by tap, resize. */
function reference(features: Nd, image: Nd, out: Shape, options: JointBilateralOptions): Nd {
  const { kernelSize, sigmaColor, sigmaSpatial, dilation = [1, 1], factor } = options;
  const [b, c, h, w] = features.shape;
  const grid = factor === undefined ? out : [h * factor, w * factor];
  const [map, guidance] = [bilinear(features, grid), bilinear(image, grid)];
  const half = (kernelSize - 1) / 2;
  const mirror = (i: number, size: number) => size - 1 - Math.abs(size - 1 - Math.abs(i));
  const filtered = tabulate([b, c, ...grid], ([n, channel, y, x]) => {
    let [sum, norm] = [0, 0];
    for (let i = -half; i <= half; i++) {
      for (let j = -half; j <= half; j++) {
        const [row, col] = [mirror(y + i * dilation[0], grid[0]), mirror(x + j * dilation[1], grid[1])];
        const colour = total(guidance.shape[1], k =>
          Math.abs(at(guidance, [n, k, y, x]) - at(guidance, [n, k, row, col])),
        );
        const weight = Math.exp(-(colour ** 2) / (2 * sigmaColor ** 2) - (i * i + j * j) / (2 * sigmaSpatial ** 2));
        sum += weight * at(map, [n, channel, row, col]);
        norm += weight;
      }
    }
    return sum / norm;
  });
  return bilinear(filtered, out);
}

function example(b: number, low: Shape, image: Shape, seed: number) {
  const shapes: Shape[] = [
    [b, 2, ...low],
    [b, 3, ...image],
  ];
  const data = shapes.map((shape, i) => uniform(shape, 0, 1, 'joint-bilateral', i, seed));
  const [f, guidance] = shapes.map((shape, i) => input(['f', 'guidance'][i], shape, 'clicks'));
  return { f, guidance, data, arrays: shapes.map((shape, i) => nd(shape, data[i])) };
}

describe('jointBilateral', () => {
  it('is the definition, with any taps, grid and ratio', async () => {
    const options = fc.record({
      kernelSize: fc.constantFrom(1, 3, 5),
      sigmaColor: fc.double({ min: 0.1, max: 2, noNaN: true }),
      sigmaSpatial: fc.double({ min: 0.4, max: 3, noNaN: true }),
      dilation: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
      factor: fc.constantFrom(undefined, 4, 5),
    });
    const low = fc.tuple(fc.integer({ min: 2, max: 4 }), fc.integer({ min: 2, max: 5 }));
    const out = fc.tuple(fc.integer({ min: 7, max: 20 }), fc.integer({ min: 7, max: 20 }));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 2 }), low, out, options, async (b, [h, w], size, chosen) => {
        const { f, guidance, data, arrays } = example(b, [h, w], [11, 13], h * w);
        // factor 4 and two cells: a grid of 8 holds every kernel drawn
        const { y } = await evaluate(
          { y: jointBilateral(f, guidance, size, chosen) },
          { f: data[0], guidance: data[1] },
        );
        expectClose(y, reference(arrays[0], arrays[1], size, chosen).data, 1e-5, 'the output');
      }),
      { numRuns: 25, seed: 5 },
    );
  });

  it('has the gradients of the definition', async () => {
    const options = { kernelSize: 3, sigmaColor: 0.5, sigmaSpatial: 1.2, dilation: [2, 3] as const };
    const { f, guidance, data, arrays } = example(2, [3, 2], [9, 10], 1);
    const y = jointBilateral(f, guidance, [9, 10], options);
    const weights = uniform(y.shape, -1, 1, 'joint-bilateral', 'projection');
    const [df, dg] = gradient(projected(y, weights), [f, guidance]);
    const results = Object.values(await evaluate({ df, dg }, { f: data[0], guidance: data[1] }));
    const value = () =>
      reference(arrays[0], arrays[1], [9, 10], options).data.reduce((sum, v, i) => sum + v * weights[i], 0);
    for (const [i, array] of arrays.entries()) {
      const numerical = numericalGradient(array.data, value, 48, 1e-6);
      const computed = numerical.map(({ index }) => results[i][index]);
      const slopes = numerical.map(d => d.value);
      expectClose(computed, slopes, 3e-5, `gradient to input ${i}`);
    }
  });

  it.each([
    [4, undefined],
    [3, [10, 1]],
    [3, [1, 10]],
  ] as const)('refuses %s taps %s pixels apart on a 10x10 grid', (kernelSize, dilation) => {
    const { f, guidance } = example(1, [2, 2], [10, 10], 0);
    const build = () => jointBilateral(f, guidance, [10, 10], { kernelSize, dilation, sigmaColor: 1, sigmaSpatial: 1 });
    expect(build).toThrow(GraphError);
    expect(build).toThrow(`given ${kernelSize} taps ${(dilation ?? [1, 1]).join(' and ')} pixels apart`);
  });
});
