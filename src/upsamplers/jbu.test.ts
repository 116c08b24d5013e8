import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { numericalGradient } from '../../test/support/finite-differences.ts';
import { at, type Nd, nd, tabulate, total } from '../../test/support/nd.ts';
import { evaluate, projected, uniform } from '../../test/support/run.ts';
import { gradient } from '../graph/gradient.ts';
import { GraphError, input, type Shape } from '../graph/tensor.ts';
import { type JbuOptions, jointBilateralUpsample } from './jbu.ts';

/** The definition, cell by cell. */
function reference(features: Nd, guidance: Nd, cells: Nd, { sigmaSpatial, sigmaRange, radius = 2 }: JbuOptions): Nd {
  const [b, c, h, w] = features.shape;
  const [, g, height, width] = guidance.shape;
  return tabulate([b, c, height, width], ([n, channel, y, x]) => {
    let [sum, norm] = [0, 0];
    for (let i = 0; i < h; i++) {
      for (let j = 0; j < w; j++) {
        const dy = ((y + 0.5) * h) / height - 0.5 - i;
        const dx = ((x + 0.5) * w) / width - 0.5 - j;
        if (Math.max(Math.abs(dy), Math.abs(dx)) >= radius - 1e-6) continue;
        const colour = total(g, k => (at(guidance, [n, k, y, x]) - at(cells, [n, k, i, j])) ** 2);
        const weight = Math.exp(-(dy * dy + dx * dx) / (2 * sigmaSpatial ** 2) - colour / (2 * sigmaRange ** 2));
        sum += weight * at(features, [n, channel, i, j]);
        norm += weight;
      }
    }
    return sum / norm;
  });
}

function example(b: number, [h, w]: Shape, [height, width]: Shape, seed = 0) {
  const shapes: Shape[] = [
    [b, 2, h, w],
    [b, 3, height, width],
    [b, 3, h, w],
  ];
  const [f, image, cells] = shapes.map((shape, i) => input(['f', 'image', 'cells'][i], shape, 'clicks'));
  const data = shapes.map((shape, i) => uniform(shape, i === 0 ? -1 : 0, 1, 'jbu', i, seed));
  return { tensors: [f, image, cells] as const, arrays: shapes.map((shape, i) => nd(shape, data[i])), data };
}
const feeds = (data: Float32Array[]) => ({ f: data[0], image: data[1], cells: data[2] });

describe('jointBilateralUpsample', () => {
  it('is the definition, at any size and ratio', async () => {
    const size = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 6 }));
    const grown = fc.tuple(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 0, max: 15 }));
    const options = fc.record({
      radius: fc.integer({ min: 1, max: 3 }),
      sigmaSpatial: fc.double({ min: 0.4, max: 2, noNaN: true }),
      sigmaRange: fc.double({ min: 0.1, max: 1, noNaN: true }),
    });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 2 }), size, grown, options, async (b, [h, w], [dh, dw], chosen) => {
        const { tensors, arrays, data } = example(b, [h, w], [h + dh, w + dw], dh * 16 + dw);
        const { y } = await evaluate({ y: jointBilateralUpsample(...tensors, chosen) }, feeds(data));
        expectClose(y, reference(arrays[0], arrays[1], arrays[2], chosen).data, 3e-5, 'the output');
      }),
      { numRuns: 25, seed: 5 },
    );
  });

  it('has the gradients of the definition to features and both guidances', async () => {
    const options = { sigmaSpatial: 0.7, sigmaRange: 0.4, radius: 2 };
    const { tensors, arrays, data } = example(2, [3, 2], [7, 9]);
    const y = jointBilateralUpsample(...tensors, options);
    const weights = uniform(y.shape, -1, 1, 'jbu', 'projection');
    const [df, dimage, dcells] = gradient(projected(y, weights), tensors);
    const results = Object.values(await evaluate({ df, dimage, dcells }, feeds(data)));
    const value = () =>
      reference(arrays[0], arrays[1], arrays[2], options).data.reduce((sum, v, i) => sum + v * weights[i], 0);
    for (const [i, array] of arrays.entries()) {
      const numerical = numericalGradient(array.data, value);
      const computed = numerical.map(({ index }) => results[i][index]);
      const slopes = numerical.map(d => d.value);
      expectClose(computed, slopes, 3e-5, `gradient to input ${i}`);
    }
  });

  it('stays between the least and the greatest feature', async () => {
    const { tensors, data } = example(1, [4, 4], [30, 30]);
    const y = jointBilateralUpsample(...tensors, { sigmaSpatial: 0.5, sigmaRange: 0.01 });
    const result = (await evaluate({ y }, feeds(data))).y;
    expect(Math.max(...result)).toBeLessThanOrEqual(Math.max(...data[0]) + 1e-6);
    expect(Math.min(...result)).toBeGreaterThanOrEqual(Math.min(...data[0]) - 1e-6);
  });

  it('turns with its inputs', async () => {
    const { tensors, data } = example(1, [3, 3], [15, 15]);
    const y = jointBilateralUpsample(...tensors, { sigmaSpatial: 0.6, sigmaRange: 0.3 });
    const turned = (values: Float32Array, n: number) =>
      values.map((_, i) => values[i - (i % (n * n)) + (i % n) * n + Math.floor((i % (n * n)) / n)]);
    const mirrored = (values: Float32Array, n: number) => values.map((_, i) => values[i - (i % n) + (n - 1 - (i % n))]);
    const straight = (await evaluate({ y }, feeds(data))).y;
    for (const moved of [turned, mirrored]) {
      const inputs = feeds([moved(data[0], 3), moved(data[1], 15), moved(data[2], 3)]);
      expectClose((await evaluate({ y }, inputs)).y, moved(straight, 15), 1e-5, moved.name);
    }
  });

  it.each([0, 1.5, -1])('refuses radius %s', radius => {
    const { tensors } = example(1, [3, 3], [9, 9]);
    expect(() => jointBilateralUpsample(...tensors, { sigmaSpatial: 1, sigmaRange: 1, radius })).toThrow(
      new GraphError(`jbu: the radius must be a positive number of whole cells, given ${radius}`),
    );
  });

  it('refuses a guidance of other cells', () => {
    const [f, image] = example(1, [3, 3], [9, 9]).tensors;
    const cells = input('cells', [1, 3, 3, 4], 'image');
    expect(() => jointBilateralUpsample(f, image, cells, { sigmaSpatial: 1, sigmaRange: 1 })).toThrow(
      'jbu: guidance of 3x4 cells for 3x3 features',
    );
  });
});
