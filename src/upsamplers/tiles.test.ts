import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { at, nd, tabulate, total } from '../../test/support/nd.ts';
import { expectEqualGraphs } from '../../test/support/passes.ts';
import { evaluate, projected, uniform } from '../../test/support/run.ts';
import { gradient } from '../graph/gradient.ts';
import { waitsFor } from '../graph/ops/layout.ts';
import { count, input, type Shape, type Tensor, topological } from '../graph/tensor.ts';
import { kernelTiles, spreadTiles, squareTaps, type Tiling, tileWindows, windowSide } from './tiles.ts';

const clamp = (i: number, size: number) => Math.min(Math.max(i, 0), size - 1);

const tilings = fc.record({
  cells: fc.integer({ min: 1, max: 4 }),
  reach: fc.integer({ min: 0, max: 3 }),
  factor: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
});
const sizes = fc.tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 9 }));
const borders = fc.constantFrom('zero' as const, 'nearest' as const);

function weightShape(b: number, [h, w]: Shape, { cells, reach, factor }: Tiling): Shape {
  const tiles = [Math.ceil(h / cells), Math.ceil(w / cells)];
  return [b, ...tiles, cells * cells * factor[0] * factor[1], (cells + 2 * reach) ** 2];
}

describe('spreadTiles', () => {
  it('sums the cells of windows, at any tiling and border, with few channels and many', async () => {
    const channels = fc.constantFrom(1, 3, 9);
    await fc.assert(
      fc.asyncProperty(sizes, tilings, borders, channels, async ([h, w], tiling, border, c) => {
        const { cells, reach, factor } = tiling;
        const shapes = [[2, c, h, w], weightShape(2, [h, w], tiling)];
        const data = shapes.map((shape, i) => uniform(shape, -1, 1, 'tiles', i, h, w));
        const [f, k] = shapes.map((shape, i) => input(['f', 'k'][i], shape, 'clicks'));
        const y = spreadTiles(f, k, tiling, { border, windowBytes: 1000 });
        const [features, weights] = shapes.map((shape, i) => nd(shape, data[i]));
        const side = windowSide(tiling);
        const cell = (n: number, channel: number, row: number, column: number) => {
          if (border === 'nearest') return at(features, [n, channel, clamp(row, h), clamp(column, w)]);
          const inside = row >= 0 && row < h && column >= 0 && column < w;
          return inside ? at(features, [n, channel, row, column]) : 0;
        };
        const expected = tabulate([2, c, h * factor[0], w * factor[1]], ([n, channel, row, column]) => {
          const [tall, wide] = [cells * factor[0], cells * factor[1]];
          const [ty, tx] = [Math.floor(row / tall), Math.floor(column / wide)];
          const pixel = (row % tall) * wide + (column % wide);
          return total(side * side, i => {
            const [y0, x0] = [ty * cells - reach + Math.floor(i / side), tx * cells - reach + (i % side)];
            return at(weights, [n, ty, tx, pixel, i]) * cell(n, channel, y0, x0);
          });
        });
        expect(y.shape).toEqual(expected.shape);
        expectClose((await evaluate({ y }, { f: data[0], k: data[1] })).y, expected.data, 1e-5, 'the output');
      }),
      { numRuns: 40, seed: 5 },
    );
  });

  it.each(['zero', 'nearest'] as const)('gives the same in bands and whole, gradients too: border %s', async border => {
    const tiling: Tiling = { cells: 2, reach: 3, factor: [2, 3] };
    const f = input('f', [2, 11, 9, 7], 'clicks');
    const k = input('k', weightShape(2, [9, 7], tiling), 'image');
    const whole = spreadTiles(f, k, tiling, { border, windowBytes: 1e9 });
    for (const rows of [1, 2]) {
      const windowBytes = rows * 4 * 4 * windowSide(tiling) ** 2 * 11;
      const banded = spreadTiles(f, k, tiling, { border, windowBytes });
      await expectEqualGraphs(banded, whole, { element: 2e-6, l2: 2e-6 });
    }
  });
});

describe('the memory of spreadTiles', () => {
  const tiling: Tiling = { cells: 4, reach: 3, factor: [2, 2] };
  const f = input('f', [1, 64, 56, 56], 'clicks');
  const k = input('k', weightShape(1, [56, 56], tiling), 'clicks');
  const isWindows = ({ shape }: Tensor) => shape.length === 3 && shape[1] === 100 && shape[2] === 64;

  it('holds no windows beyond the bound, and makes a band after the one before', () => {
    const rowBytes = 4 * 14 * 100 * 64;
    const nodes = topological([spreadTiles(f, k, tiling, { windowBytes: 3 * rowBytes })]);
    const windows = nodes.filter(isWindows).map(({ shape }) => 4 * count(shape));
    expect(Math.max(...windows)).toBe(3 * rowBytes);
    expect(nodes.filter(node => waitsFor(node))).toHaveLength(4);
  });

  it('makes windows again for the gradient to the weights', () => {
    const y = spreadTiles(f, k, tiling, { windowBytes: 1e6 });
    const forward = new Set(topological([y]));
    const [dk] = gradient(projected(y, new Float32Array(count(y.shape)).fill(1)), [k]);
    const back = topological([dk]).filter(node => !forward.has(node));
    for (const node of back) for (const x of node.inputs) expect(forward.has(x) && isWindows(x)).toBe(false);
    expect(back.filter(isWindows).length).toBeGreaterThan(0);
  });
});

describe('tileWindows', () => {
  it.each([2, 9])('holds every window, %s channels', async c => {
    const tiling: Tiling = { cells: 2, reach: 1, factor: [1, 1] };
    const f = input('f', [2, c, 3, 5], 'clicks');
    const data = uniform(f.shape, -1, 1, 'windows');
    const y = tileWindows(f, tiling, 'nearest');
    const features = nd(f.shape, data);
    const expected = tabulate([2 * 2 * 3, 16, c], ([tile, i, channel]) => {
      const [n, ty, tx] = [Math.floor(tile / 6), Math.floor(tile / 3) % 2, tile % 3];
      const [row, column] = [2 * ty - 1 + Math.floor(i / 4), 2 * tx - 1 + (i % 4)];
      return at(features, [n, channel, clamp(row, 3), clamp(column, 5)]);
    });
    expect(y.shape).toEqual(expected.shape);
    expect([...(await evaluate({ y }, { f: data })).y]).toEqual([...expected.data]);
  });
});

describe('kernelTiles', () => {
  it('puts weights of taps to their cells', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, tilings, fc.boolean(), async ([h, w], tiling, some) => {
        const { reach, factor } = tiling;
        const taps = squareTaps(reach).filter((_, i) => !some || i % 2 === 0);
        const size = [h * factor[0], w * factor[1]];
        const [f, k] = [input('f', [1, 2, h, w], 'clicks'), input('k', [1, taps.length, ...size], 'clicks')];
        const data = [f, k].map(({ shape }, i) => uniform(shape, -1, 1, 'kernels', i, count(shape)));
        const y = spreadTiles(f, kernelTiles(k, taps, tiling), tiling);
        const [features, kernels] = [nd(f.shape, data[0]), nd(k.shape, data[1])];
        const expected = tabulate([1, 2, ...size], ([n, c, row, column]) =>
          total(taps.length, i => {
            const [y0, x0] = [Math.floor(row / factor[0]) + taps[i][0], Math.floor(column / factor[1]) + taps[i][1]];
            const inside = y0 >= 0 && y0 < h && x0 >= 0 && x0 < w;
            return inside ? at(kernels, [n, i, row, column]) * at(features, [n, c, y0, x0]) : 0;
          }),
        );
        expectClose((await evaluate({ y }, { f: data[0], k: data[1] })).y, expected.data, 1e-5, 'the output');
      }),
      { numRuns: 25, seed: 5 },
    );
  });
});
