import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { maxAbsolute } from '../../test/support/differences.ts';
import { neededBy, parameterGradients } from '../../test/support/parameter-gradients.ts';
import { evaluate, projected, uniform } from '../../test/support/run.ts';
import { initialValues } from '../../test/support/toy-probe.ts';
import { add } from '../graph/ops/elementwise.ts';
import { GraphError, input, type Tensor } from '../graph/tensor.ts';
import { Scope } from '../nn/scope.ts';
import { toSize } from '../nn/to-size.ts';
import { necks } from './necks.ts';
import type { Neck, NeckInput } from './types.ts';

const grid = (h: number, w: number, channels = 6) => input('grid', [2, channels, h, w], 'image');

/** Bilinear upsampling, with the sizes that were asked for. */
function inputOf(map: Tensor, size: readonly [number, number]): NeckInput & { asked: (readonly number[])[] } {
  const asked: (readonly number[])[] = [];
  const upsampled = (to: readonly [number, number]) => {
    asked.push(to);
    return toSize(map, to);
  };
  return { grid: map, size, asked, upsampled };
}

const named = (name: string): Neck => necks.find(neck => neck.name === name)!;
const shapes = (maps: readonly Tensor[]) => maps.map(({ shape }) => shape);

describe('shapes', () => {
  it('simple-fpn: 4, 2, 1 and a half of the grid, odd ones cut', () => {
    const at = (h: number, w: number) =>
      shapes(named('simple-fpn').maps(inputOf(grid(h, w), [14 * h, 14 * w]), Scope.trained('neck'), 3));
    expect(at(4, 6)).toEqual([
      [2, 3, 16, 24],
      [2, 6, 8, 12],
      [2, 12, 4, 6],
      [2, 24, 2, 3],
    ]);
    expect(at(5, 3)).toEqual([
      [2, 3, 20, 12],
      [2, 6, 10, 6],
      [2, 12, 5, 3],
      [2, 24, 2, 1],
    ]);
  });

  it('upsampler-fpn: the image, a quarter of it, the grid, half of the grid', () => {
    const from = inputOf(grid(5, 3), [70, 42]);
    expect(shapes(named('upsampler-fpn').maps(from, Scope.trained('neck'), 4))).toEqual([
      [2, 4, 70, 42],
      [2, 8, 18, 11],
      [2, 16, 5, 3],
      [2, 32, 2, 1],
    ]);
    expect(from.asked).toEqual([
      [70, 42],
      [18, 11],
    ]);
  });

  it('upsampler-fpn-wide: all channels of the features in the upsampled maps', () => {
    const wide = named('upsampler-fpn-wide').maps(inputOf(grid(2, 2), [28, 28]), Scope.trained('neck'), 4);
    expect(wide.map(({ shape }) => shape[1])).toEqual([6, 6, 16, 32]);
  });

  it('a single cell cannot be halved', () => {
    for (const name of ['upsampler-fpn', 'upsampler-fpn-wide']) {
      const build = () => named(name).maps(inputOf(grid(1, 4), [14, 56]), Scope.trained('neck'), 4);
      expect(build).toThrow(GraphError);
      expect(build).toThrow(/\[1, 4\] cells cannot be halved/);
    }
  });
});

describe('values', () => {
  const values = (scope: Scope, h: number, w: number) => ({
    grid: uniform([2, 6, h, w], -1, 1, 'grid'),
    ...Object.fromEntries(initialValues(scope.parameters)),
  });

  it.each(necks.map(({ name }) => name))('%s: a gradient to every parameter', async name => {
    const scope = Scope.trained('neck');
    const maps = named(name).maps(inputOf(grid(5, 4), [20, 16]), scope, 4);
    const loss = maps
      .map((map, i) => projected(map, uniform(map.shape, -1, 1, name, i)))
      .reduce((sum, one) => add(sum, one));
    const found = await parameterGradients(loss, scope.parameters, values(scope, 5, 4));
    expect(found.size).toBeGreaterThan(10);
    for (const [each, dw] of found) expect(maxAbsolute(dw), each).toBeGreaterThan(1e-7);
  });

  it('upsampler-fpn: maps are normed over channels and pixels of each image; the coarsest takes the largest cells', async () => {
    const scope = Scope.trained('neck');
    const maps = named('upsampler-fpn').maps(inputOf(grid(5, 4), [20, 16]), scope, 2);
    const fed = values(scope, 5, 4);
    // the first output channel is the first input channel: norm keeps the order of its values
    const weight = new Float32Array(16 * 6);
    weight[0] = 1;
    fed['neck.maps.3.conv.weight' as keyof typeof fed] = weight;
    fed['neck.maps.3.conv.bias' as keyof typeof fed] = new Float32Array(16);
    const seen = [maps[0], maps[3]];
    const found = await evaluate({ fine: maps[0], coarse: maps[3] }, neededBy(seen, fed));
    for (const image of [0, 1]) {
      const own = found.fine.subarray(image * 640, (image + 1) * 640);
      const mean = own.reduce((sum, v) => sum + v, 0) / 640;
      expect(mean).toBeCloseTo(0, 5);
      expect(own.reduce((sum, v) => sum + v * v, 0) / 640).toBeCloseTo(1, 3);
    }
    const largest = [0, 1].flatMap(y =>
      [0, 1].map(x => Math.max(...[0, 1].flatMap(dy => [0, 1].map(dx => fed.grid[(2 * y + dy) * 4 + 2 * x + dx])))),
    );
    const order = (list: ArrayLike<number>) => Array.from(list, (_, i) => i).sort((a, b) => list[a] - list[b]);
    const [low, high] = [order(largest)[0], order(largest)[3]];
    const coarse = found.coarse.subarray(0, 4);
    expect(order(coarse)).toEqual(order(largest));
    const ratio = (list: ArrayLike<number>) => Array.from(list, v => (v - list[low]) / (list[high] - list[low]));
    expectClose(Float32Array.from(ratio(coarse)), Float32Array.from(ratio(largest)), 1e-5, 'pooled');
  });
});
