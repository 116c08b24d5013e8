import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { evaluate, projected, uniform } from '../../test/support/run.ts';
import { UserError } from '../base/errors.ts';
import { gradient } from '../graph/gradient.ts';
import { expand } from '../graph/ops/basic.ts';
import { slice } from '../graph/ops/layout.ts';
import { deduplicate } from '../graph/passes/deduplicate.ts';
import { split } from '../graph/passes/split.ts';
import { count, input, type Shape, type Tensor, topological } from '../graph/tensor.ts';
import { Scope } from '../nn/scope.ts';
import { pooled } from './encoder.ts';
import { findUpsampler, upsamplers } from './registry.ts';
import type { Upsampler } from './types.ts';

const scope = Scope.frozen('upsampler');
const guided = ['joint-bilateral', 'jbu', 'guided-filter'];

/** A backbone of no use but for its shape: the image's first channel, averaged over the cells. */
const lookAt =
  (image: Tensor, [, c, h, w]: Shape) =>
  (move: (image: Tensor) => Tensor) => {
    const grey = pooled(slice(move(image), 1, 0, 1), [h, w]);
    return expand(grey, grey.shape.with(1, c));
  };

function built(upsampler: Upsampler, features: Shape, size: readonly [number, number]): Tensor {
  const [b] = features;
  const image = input('image', [b, 3, ...size], 'image');
  return upsampler.upsample(input('f', features, 'clicks'), image, size, scope, { look: lookAt(image, features) });
}

async function run(upsampler: Upsampler, shape: Shape, f: Float32Array, image: Float32Array, size: [number, number]) {
  const y = built(upsampler, shape, size);
  const needed = topological([y]).some(t => t.attributes.name === 'image');
  return (await evaluate({ y }, needed ? { f, image } : { f })).y;
}

describe('findUpsampler', () => {
  it('knows every entry by its name, which is unique', () => {
    const names = upsamplers.map(({ name }) => name);
    expect(names.slice(0, 7)).toEqual(['none', 'nearest', 'bilinear', 'bicubic', ...guided]);
    expect(new Set(names).size).toBe(names.length);
    for (const upsampler of upsamplers) expect(findUpsampler(upsampler.name)).toBe(upsampler);
  });
  it('suggests the nearest name', () => {
    expect(() => findUpsampler('bilinaer')).toThrow(UserError);
    expect(() => findUpsampler('bilinaer')).toThrow('no upsampler "bilinaer": did you mean "bilinear"? (known: none,');
    expect(() => findUpsampler('subpixel')).toThrow(/^no upsampler "subpixel": known: none, nearest/);
  });
});

describe.each(upsamplers)('$name', upsampler => {
  it.each([14, 16])('is no finer than asked for, and passes gradients on to the features: patch %s', patch => {
    const scope = Scope.frozen('u');
    const [f, image] = [input('f', [1, 32, 10, 9], 'clicks'), input('image', [1, 3, 10 * patch, 9 * patch], 'image')];
    const y = upsampler.upsample(f, image, [10 * patch, 9 * patch], scope, { look: lookAt(image, f.shape) });
    expect(y.shape.slice(0, 2)).toEqual([1, 32]);
    for (const [axis, low] of [10, 9].entries()) {
      expect(y.shape[2 + axis]).toBeLessThanOrEqual(low * patch);
      expect(y.shape[2 + axis]).toBeGreaterThanOrEqual(low);
    }
    const [df] = gradient(projected(y, new Float32Array(count(y.shape))), [f]);
    expect(df.shape).toEqual(f.shape);
    expect(scope.parameters.size > 0).toBe(upsampler.learned);
  });

  it('says what it is', () => {
    for (const text of [upsampler.description, upsampler.source, upsampler.licence]) expect(text).not.toBe('');
    for (const { file } of Object.values(upsampler.weights ?? {})) {
      if ('hub' in file) expect(`${file.hub}/${file.name}`).toMatch(/^[\w.-]+\/[\w.-]+\/[\w.-]+$/);
      else expect('url' in file ? file.url : file.page).toMatch(/^https:/);
    }
    expect(upsampler.weights !== undefined && !upsampler.learned).toBe(false);
  });
});

// those that are fitted to a picture have tests of their own, with constants
const fixed = upsamplers.filter(
  ({ name, learned }) => !learned && !['none', 'upsample-anything', 'featup-implicit'].includes(name),
);

describe.each(fixed)('$name', upsampler => {
  it('keeps constant features, at any ratio and for every image of a batch', async () => {
    const low = fc.tuple(fc.integer({ min: 2, max: 4 }), fc.integer({ min: 2, max: 5 }));
    const ratio = fc.constantFrom(2, 3.5, 14, 16);
    await fc.assert(
      fc.asyncProperty(low, ratio, async ([h, w], r) => {
        const size: [number, number] = [Math.round(h * r), Math.round(w * r)];
        const f = new Float32Array(2 * 3 * h * w).fill(0.75);
        const image = uniform([2, 3, ...size], -2, 2, 'image', h, w);
        const y = await run(upsampler, [2, 3, h, w], f, image, size);
        expectClose(y, new Float32Array(2 * 3 * size[0] * size[1]).fill(0.75), 1e-4, 'the output');
      }),
      { numRuns: 6, seed: 5 },
    );
  });

  it('is linear, and treats channels alike and apart', async () => {
    const [shape, size] = [[1, 3, 3, 4], [30, 41] as [number, number]];
    const image = uniform([1, 3, ...size], -2, 2, 'image');
    const f = uniform([2, 12], -1, 1, 'features');
    // channels: f0, f1, f0 - 2 f1
    const mixed = Float32Array.from([...f, ...Array.from({ length: 12 }, (_, i) => f[i] - 2 * f[12 + i])]);
    const y = await run(upsampler, shape, mixed, image, size);
    const n = size[0] * size[1];
    const expected = Float32Array.from({ length: n }, (_, i) => y[i] - 2 * y[n + i]);
    expectClose(y.subarray(2 * n), expected, 2e-5, 'a combination of channels');
  });
});

describe.each(guided.map(findUpsampler))('$name', upsampler => {
  it('leaves to a click no more than products with weights kept from the image', () => {
    const y = built(upsampler, [1, 256, 14, 14], [224, 224]);
    const [image, clicks] = split(new Map([['main', new Map([['y', deduplicate([y])[0]]])]]));
    expect(image.rate).toBe('image');
    expect(clicks.rate).toBe('clicks');
    const bytes = [...image.outputs.values()].reduce((total, t) => total + 4 * count(t.shape), 0);
    expect(bytes).toBeLessThan(25e6);
    const ops = topological([...clicks.outputs.values()]).filter(t => t.op !== 'input');
    expect(new Set(ops.map(t => t.op))).toEqual(new Set(['slice', 'reshape', 'matmul', 'concat']));
    const products = ops.filter(t => t.op === 'matmul').map(t => count(t.shape) * t.inputs[0].shape[2]);
    expect(products.reduce((a, b) => a + b)).toBeLessThan(224 * 224 * 256 * 14 * 6);
  });

  it.each([14, 16])('follows an edge inside cells more closely than bilinear interpolation, ratio %s', async ratio => {
    const [h, w] = [6, 7];
    const size: [number, number] = [h * ratio, w * ratio];
    // bright right of a slanted line; features are the bright share of each cell
    const bright = (y: number, x: number) => (x > 2.6 * ratio + 0.3 * y ? 1 : 0);
    const image = new Float32Array(3 * size[0] * size[1]);
    const f = new Float32Array(h * w);
    const truth = new Float32Array(size[0] * size[1]);
    const noise = uniform([size[0] * size[1]], -0.05, 0.05, 'noise');
    for (let i = 0; i < truth.length; i++) {
      const [y, x] = [Math.floor(i / size[1]), i % size[1]];
      truth[i] = bright(y, x);
      for (let c = 0; c < 3; c++) image[c * truth.length + i] = 2 * truth[i] - 1 + noise[i];
      f[Math.floor(y / ratio) * w + Math.floor(x / ratio)] += truth[i] / ratio ** 2;
    }
    const step = (y: Float32Array) => {
      let sum = 0;
      for (let row = 0; row < size[0]; row++) {
        const edge = Math.floor(2.6 * ratio + 0.3 * row);
        sum += y[row * size[1] + edge + 1] - y[row * size[1] + edge - 1];
      }
      return sum / size[0];
    };
    const smooth = await run(findUpsampler('bilinear'), [1, 1, h, w], f, image, size);
    const sharp = await run(upsampler, [1, 1, h, w], f, image, size);
    expect(step(truth)).toBeGreaterThan(0.99);
    expect(step(sharp)).toBeGreaterThan(4 * step(smooth));
    const error = (y: Float32Array) => y.reduce((sum, value, i) => sum + Math.abs(value - truth[i]), 0);
    expect(error(sharp)).toBeLessThan(error(smooth));
  });
});
