import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { evaluate, uniform } from '../../test/support/run.ts';
import { deduplicate } from '../graph/passes/deduplicate.ts';
import { split } from '../graph/passes/split.ts';
import { input, topological } from '../graph/tensor.ts';
import { Scope } from '../nn/scope.ts';
import { fitGaussians, fitRate, upsampleAnything } from './upsample-anything.ts';

/** Two halves of different colour, with a slanted border and noise. */
function halves(seed: number, height: number, width: number): Float32Array {
  const noise = uniform([3, height, width], -0.05, 0.05, 'halves', seed);
  return noise.map((v, i) => {
    const [y, x] = [Math.floor(i / width) % height, i % width];
    return v + (x > width / 2 + (seed + 1) * 0.2 * (y - height / 2) ? 0.9 : 0.2);
  });
}

describe('fitGaussians', () => {
  it('rebuilds the picture better with every few steps', async () => {
    const image = input('image', [1, 3, 24, 32], 'image');
    const { steps } = fitGaussians(image, [6, 8], { steps: 12 });
    const losses = Object.fromEntries([0, 4, 8, 11].map(i => [`loss${i}`, steps[i].loss]));
    const found = Object.values(await evaluate(losses, { image: halves(0, 24, 32) })).map(([loss]) => loss);
    for (let i = 1; i < found.length; i++) expect(found[i]).toBeLessThan(found[i - 1]);
    expect(found.at(-1)!).toBeLessThan(0.9 * found[0]);
  });

  it('fits each image of a batch by itself', async () => {
    const fitted = (b: number) => {
      const { sx, sy, th, sr } = fitGaussians(input('image', [b, 3, 12, 16], 'image'), [3, 4], { steps: 2 }).steps[1]
        .maps;
      return { sx, sy, th, sr };
    };
    const pictures = [0, 1].map(seed => halves(seed, 12, 16));
    const both = await evaluate(fitted(2), { image: Float32Array.of(...pictures[0], ...pictures[1]) });
    for (const [i, image] of pictures.entries()) {
      const alone = await evaluate(fitted(1), { image });
      for (const name of ['sx', 'sy', 'sr']) {
        expectClose(both[name].subarray(12 * i, 12 * (i + 1)), alone[name], 1e-4, `${name} of image ${i}`);
      }
    }
  });

  it('lowers its rate by the same share every step', () => {
    expect(fitRate(0)).toBe(0.1);
    expect(fitRate(5100)).toBeCloseTo(1e-9, 15);
  });
});

describe('the upsampler', () => {
  it('fits once per picture, keeps constants and makes whole ratios', async () => {
    const [f, image] = [input('f', [1, 9, 2, 3], 'clicks'), input('image', [1, 3, 13, 17], 'image')];
    const y = upsampleAnything.upsample(f, image, [13, 17], Scope.frozen('u'));
    expect(y.shape).toEqual([1, 9, 12, 15]);
    const [own, clicks] = split(new Map([['main', new Map([['y', deduplicate([y])[0]]])]]));
    expect([own.rate, clicks.rate]).toEqual(['image', 'clicks']);
    const ops = new Set(topological([...clicks.outputs.values()]).map(({ op }) => op));
    for (const op of ['softmax', 'exp', 'sqrt', 'conv2d']) expect(ops).not.toContain(op);
    const feeds = { f: new Float32Array(54).fill(0.75), image: uniform(image.shape, -2, 2, 'image') };
    expectClose((await evaluate({ y }, feeds)).y, new Float32Array(9 * 12 * 15).fill(0.75), 1e-5, 'a constant');
  });
});
