import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { at, type Nd, nd, tabulate, total } from '../../test/support/nd.ts';
import { evaluate, uniform } from '../../test/support/run.ts';
import { GraphError, input } from '../graph/tensor.ts';
import { bilinear } from '../nn/resize.ts';
import { splat } from './gaussians.ts';

const clamp = (i: number, low: number, high: number) => Math.min(Math.max(i, low), high);

function resized(map: Nd, height: number, width: number): Nd {
  const [b, c, h, w] = map.shape;
  const [rows, columns] = [bilinear(h, height, { alignCorners: false }), bilinear(w, width, { alignCorners: false })];
  return tabulate([b, c, height, width], ([n, k, y, x]) =>
    total(h, i => total(w, j => rows.data[y * h + i] * columns.data[x * w + j] * at(map, [n, k, i, j]))),
  );
}

/** The definition, place by place. */
function reference(f: Nd, image: Nd, maps: readonly Nd[], reach: number, widths: number): Nd {
  const [b, c, h, w] = f.shape;
  const [height, width] = image.shape.slice(2);
  const [sy, sx] = [height / h, width / w];
  const cells = resized(image, h, w);
  const sigma = tabulate([b, 1, h, w], i => Math.exp(Math.max(at(maps[0], i), at(maps[1], i))));
  const seen = resized(sigma, height, width);
  return tabulate([b, c, height, width], ([n, k, y, x]) => {
    const R = clamp(Math.ceil(widths * at(seen, [n, 0, y, x])), 1, reach);
    let [sum, norm] = [0, 0];
    for (let dy = -reach; dy <= reach; dy++) {
      for (let dx = -reach; dx <= reach; dx++) {
        if (dy * dy + dx * dx > R * R) continue;
        const cell = [clamp(Math.floor(y / sy) + dy, 0, h - 1), clamp(Math.floor(x / sx) + dx, 0, w - 1)];
        const [a, s, turn, r] = maps.map((map, i) => {
          const raw = at(map, [n, 0, ...cell]);
          return i === 2 ? Math.PI * Math.tanh(raw) : Math.exp(raw);
        });
        const v = y - ((cell[0] + 0.5) * sy - 0.5);
        const u = x - ((cell[1] + 0.5) * sx - 0.5);
        const along = u * Math.cos(turn) + v * Math.sin(turn);
        const beside = v * Math.cos(turn) - u * Math.sin(turn);
        const colour = total(3, i => (at(image, [n, i, y, x]) - at(cells, [n, i, ...cell])) ** 2);
        const weight = Math.exp(-(along ** 2) / (2 * a * a) - beside ** 2 / (2 * s * s) - colour / (2 * r * r));
        sum += weight * at(f, [n, k, ...cell]);
        norm += weight;
      }
    }
    return sum / norm;
  });
}

describe('splat', () => {
  it('is the definition: beyond borders, at any ratio, with Gaussians that see one cell or all', async () => {
    const size = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 4 }));
    const factor = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }));
    await fc.assert(
      fc.asyncProperty(size, factor, fc.integer({ min: 1, max: 4 }), async ([h, w], [sy, sx], reach) => {
        const map = [2, 1, h, w];
        const shapes = [[2, 2, h, w], [2, 3, h * sy, w * sx], map, map, map, map];
        const ranges = [
          [-1, 1],
          [0, 1],
          [-0.7, 1.5],
          [-0.7, 1.5],
          [-1, 1],
          [-1.5, 0],
        ];
        const names = ['f', 'image', 'sx', 'sy', 'th', 'sr'];
        const data = shapes.map((shape, i) => uniform(shape, ranges[i][0], ranges[i][1], 'splat', names[i], h, sy));
        const [f, image, ...maps] = shapes.map((shape, i) => input(names[i], shape, 'clicks'));
        const gaussians = { sx: maps[0], sy: maps[1], th: maps[2], sr: maps[3] };
        const y = splat(f, image, gaussians, { reach, widths: 1 });
        const results = await evaluate({ y }, Object.fromEntries(names.map((name, i) => [name, data[i]])));
        const arrays = shapes.map((shape, i) => nd(shape, data[i]));
        const expected = reference(arrays[0], arrays[1], arrays.slice(2), reach, 1);
        expectClose(results.y, expected.data, 2e-5, 'the output');
      }),
      { numRuns: 25, seed: 5 },
    );
  });

  it('refuses other than whole multiples', () => {
    const map = input('map', [1, 1, 4, 4], 'clicks');
    const make = () => splat(map, input('image', [1, 3, 14, 16], 'image'), { sx: map, sy: map, th: map, sr: map });
    expect(make).toThrow(new GraphError('upsample-anything: 14x16 pixels are no whole multiple of 4x4 cells'));
  });
});
