import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { maxDifference } from '../../test/support/differences.ts';
import { antialiasedAxis, plainSam } from '../../test/support/plain-vit.ts';
import { evaluate, uniform } from '../../test/support/run.ts';
import { gradient } from '../graph/gradient.ts';
import { sum } from '../graph/ops/basic.ts';
import { mul } from '../graph/ops/elementwise.ts';
import { constant, count, input } from '../graph/tensor.ts';
import { Scope } from '../nn/scope.ts';
import { type SamConfig, samEncoder } from './sam.ts';

const config: SamConfig = { patch: 4, dim: 12, depth: 3, heads: 2, window: 2, global: [1], grid: 4, neck: 5 };

function example(height: number, width: number) {
  const scope = Scope.frozen('w');
  const image = input('image', [1, 3, height, width], 'image');
  const clicks = input('clicks', [1, config.dim, height / 4, width / 4], 'clicks');
  const y = samEncoder(image, scope, config, clicks);
  const unclicked = samEncoder(image, scope, config);
  const parameters = new Map(
    [...scope.parameters.values()].map(({ name, shape }) => {
      const reach = /weight$/.test(name) && shape.length > 1 ? 2 / Math.sqrt(count(shape.slice(1))) : 1;
      return [name, uniform(shape, -reach, reach, name)];
    }),
  );
  const pixels = uniform(image.shape, -1, 1, 'pixels', height, width);
  const maps = uniform(clicks.shape, -1, 1, 'clicks', height, width);
  const get = (name: string) => parameters.get(`w.${name}`)!;
  const feeds = { image: pixels, clicks: maps };
  return { y, unclicked, clicks, feeds, bound: parameters, get, picture: { pixels, height, width, clicks: maps } };
}

const reference = { ...config, axis: antialiasedAxis };

describe('samEncoder', () => {
  it.each([
    { height: 16, width: 16, case: 'the trained size' },
    { height: 20, width: 12, case: 'windows padded, positions resized' },
    { height: 8, width: 28, case: 'wider than trained' },
    { height: 4, width: 4, case: 'one cell' },
  ])('equals the formulas at $height x $width px ($case)', async ({ height, width }) => {
    const { y, unclicked, feeds, bound, get, picture } = example(height, width);
    expect(y.shape).toEqual([1, 5, height / 4, width / 4]);
    const found = await evaluate({ y, unclicked }, feeds, { bound });
    expectClose(found.y, plainSam(picture, get, reference), 1e-5, 'features');
    const { clicks: _, ...plain } = picture;
    expectClose(found.unclicked, plainSam(plain, get, reference), 1e-5, 'features without clicks');
    expect(maxDifference(found.y, found.unclicked)).toBeGreaterThan(0.02);
  });

  it('has the gradient to the clicks that finite differences give', async () => {
    const { y, clicks, feeds, bound, get, picture } = example(12, 20);
    const factors = uniform(y.shape, -1, 1, 'factors');
    const loss = sum(mul(y, constant(factors, y.shape)), [0, 1, 2, 3]);
    const { dx } = await evaluate({ dx: gradient(loss, [clicks])[0] }, feeds, { bound });
    const along = uniform(clicks.shape, -1, 1, 'along');
    const at = (step: number) => {
      const moved = Float64Array.from(picture.clicks, (v, i) => v + step * along[i]);
      return plainSam({ ...picture, clicks: moved }, get, reference).reduce((s, v, i) => s + v * factors[i], 0);
    };
    const expected = (at(1e-5) - at(-1e-5)) / 2e-5;
    const scale = Math.sqrt(along.reduce((s, v) => s + v * v, 0) * dx.reduce((s, v) => s + v * v, 0));
    expect(Math.abs(dx.reduce((s, v, i) => s + v * along[i], 0) - expected) / scale).toBeLessThan(1e-5);
  });

  it("gives a block's output without the neck", () => {
    const scope = Scope.frozen('w');
    const y = samEncoder(input('image', [2, 3, 8, 12], 'image'), scope, config, undefined, { block: 2 });
    expect(y.shape).toEqual([2, 12, 2, 3]);
    expect([...scope.parameters.keys()].filter(name => /neck|blocks\.2/.test(name))).toEqual([]);
  });
});
