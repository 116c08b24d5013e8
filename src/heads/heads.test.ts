import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { maxAbsolute } from '../../test/support/differences.ts';
import { neededBy, parameterGradients } from '../../test/support/parameter-gradients.ts';
import { evaluate, projected, uniform } from '../../test/support/run.ts';
import { headNamed, initialValues } from '../../test/support/toy-probe.ts';
import { gradient } from '../graph/gradient.ts';
import { reshape } from '../graph/ops/basic.ts';
import { relu } from '../graph/ops/elementwise.ts';
import { concat, slice } from '../graph/ops/layout.ts';
import { count, input, type Tensor } from '../graph/tensor.ts';
import { conv } from '../nn/layers.ts';
import { parameterCount, Scope } from '../nn/scope.ts';
import { toSize } from '../nn/to-size.ts';
import { heads } from './heads.ts';
import { segFormer } from './segformer.ts';

const map = (name: string, channels: number, height: number, width: number, batch = 1) =>
  input(name, [batch, channels, height, width], 'image');

/** A head on a map of `ratio` pixels per cell of the grid. */
function headOn(name: string, ratio: number, [h, w]: readonly [number, number] = [6, 5], width = 7) {
  const scope = Scope.trained('head');
  const grid = map('grid', 4, h, w);
  const features = ratio === 1 ? grid : map('features', 4, h * ratio, w * ratio);
  const logits = headNamed(name).logits(features, scope, width, { grid, coarser: [] });
  return { logits, grid, features, parameters: scope.parameters };
}

const single = heads.filter(({ multiScale }) => !multiScale).map(({ name }) => name);
const several = heads.filter(({ multiScale }) => multiScale).map(({ name }) => name);

describe('every head', () => {
  it.each(single)('%s: one logit per pixel of maps of any size, a gradient to every parameter', async name => {
    for (const [ratio, size] of [
      [1, [1, 1]],
      [3, [2, 5]],
      [7, [3, 3]],
    ] as const) {
      const { logits, parameters } = headOn(name, ratio, size);
      expect(logits.shape).toEqual([1, 1, size[0] * ratio, size[1] * ratio]);
      const loss = projected(logits, uniform(logits.shape, -1, 1, name));
      const feeds = {
        grid: uniform([1, 4, ...size], -1, 1, 'grid'),
        features: uniform([1, 4, size[0] * ratio, size[1] * ratio], -1, 1, 'features'),
        ...Object.fromEntries(initialValues(parameters)),
      };
      for (const [each, dw] of await parameterGradients(loss, parameters, feeds)) {
        expect(maxAbsolute(dw), `${each} at ${ratio}`).toBeGreaterThan(0);
      }
    }
  });

  it.each(single)('%s: sees what it says it does', async name => {
    const head = headNamed(name);
    for (const ratio of [1, 4, 6]) {
      const cells = 13;
      const { logits, grid, features, parameters } = headOn(name, ratio, [cells, cells], 6);
      const middle = Math.floor((cells * ratio) / 2);
      const one = reshape(slice(slice(logits, 2, middle, 1), 3, middle, 1), []);
      // with positive numbers everywhere nothing cancels and no ReLU is shut
      const ones = (shape: readonly number[]) => new Float32Array(count(shape)).fill(0.1);
      const maps = [...new Set(name === 'conv-context' ? [features, grid] : [features])];
      const gradients = gradient(one, maps);
      const values = {
        grid: ones(grid.shape),
        features: ones(features.shape),
        ...Object.fromEntries([...parameters].map(([each, { shape }]) => [each, ones(shape)])),
      };
      const found = await evaluate(
        Object.fromEntries(gradients.map((dx, i) => [`${i}`, dx])),
        neededBy(gradients, values),
      );
      const extents = maps.map((x, i) => extent(found[i], x) * (x === features ? 1 : ratio));
      const sides = ratio === 1 ? { pixel: 1, cell: 1 } : { pixel: 1, cell: ratio };
      expect(Math.max(...extents), `${ratio} pixels a cell`).toBe(head.receptiveField(sides));
    }
  });
});

/** Rows between the first and the last that are not zero, both included. */
function extent(values: Float32Array, { shape: [, c, h, w] }: Tensor): number {
  const rows = Array.from({ length: h }, (_, y) => y).filter(y =>
    Array.from({ length: c * w }, (_, i) => values[(Math.floor(i / w) * h + y) * w + (i % w)]).some(v => v !== 0),
  );
  return rows.length === 0 ? 0 : rows[rows.length - 1] - rows[0] + 1;
}

describe('receptive fields in pixels of the image', () => {
  const at = (name: string, pixel: number, cell = 14) => headNamed(name).receptiveField({ pixel, cell });

  it("are the paper's confound for conv: 5 px at full size, 70 px at low-res", () => {
    expect([at('conv', 1), at('conv', 14)]).toEqual([5, 70]);
    expect([at('simple-conv', 1), at('linear', 14)]).toEqual([1, 14]);
  });

  it('are alike at every resolution for the heads made for that', () => {
    for (const name of ['conv-dilated', 'conv-multi-dilation']) {
      expect([at(name, 1), at(name, 2), at(name, 14)]).toEqual([57, 58, 70]);
    }
    expect([at('conv-context', 1), at('conv-context', 14)]).toEqual([84, 70]);
  });

  it('reach as far as the coarsest map of a neck for segformer', () => {
    expect(headNamed('segformer').receptiveField({ pixel: 1, cell: 14, coarsest: 28 })).toBe(56);
    expect(at('segformer', 1)).toBe(1);
  });
});

describe('heads of matched receptive field', () => {
  it('are conv itself on the low-res grid, with as many weights at any resolution', async () => {
    const conv = headOn('conv', 1, [6, 5], 9);
    for (const name of ['conv-dilated', 'conv-multi-dilation']) {
      const own = headOn(name, 1, [6, 5], 9);
      expect(parameterCount(own.parameters.values())).toBe(parameterCount(conv.parameters.values()));
      expect(parameterCount(headOn(name, 8, [6, 5], 9).parameters.values())).toBe(
        parameterCount(conv.parameters.values()),
      );
      const grid = uniform([1, 4, 6, 5], -1, 1, 'grid');
      const values = [...initialValues(conv.parameters).values()];
      const fed = (names: Iterable<string>) => Object.fromEntries([...names].map((each, i) => [each, values[i]]));
      const { y } = await evaluate({ y: own.logits }, { grid, ...fed(own.parameters.keys()) });
      const { y: expected } = await evaluate({ y: conv.logits }, { grid, ...fed(conv.parameters.keys()) });
      expectClose(y, expected, 1e-6, name);
    }
  });

  it('conv-dilated on a map of repeated cells is conv on the cells, away from their borders', async () => {
    const ratio = 3;
    const low = headOn('conv', 1, [6, 5]);
    const high = headOn('conv-dilated', ratio, [6, 5]);
    const values = initialValues(low.parameters);
    const grid = uniform([1, 4, 6, 5], -1, 1, 'grid');
    const features = new Float32Array(4 * 18 * 15);
    for (let i = 0; i < features.length; i++) {
      const [c, y, x] = [Math.floor(i / 270), Math.floor((i % 270) / 15), i % 15];
      features[i] = grid[(c * 6 + Math.floor(y / ratio)) * 5 + Math.floor(x / ratio)];
    }
    const weights = Object.fromEntries(values);
    const { y: coarse } = await evaluate({ y: low.logits }, { grid, ...weights });
    const { y: fine } = await evaluate({ y: high.logits }, { features, ...weights });
    const repeated = fine.map(
      (_, i) => coarse[Math.floor(Math.floor(i / 15) / ratio) * 5 + Math.floor((i % 15) / ratio)],
    );
    expectClose(fine, repeated, 1e-6, 'logits');
  });

  it('conv-multi-dilation needs no more channels than there are', () => {
    for (const width of [1, 2, 3]) expect(headOn('conv-multi-dilation', 16, [2, 2], width).logits.shape[1]).toBe(1);
  });
});

describe('segFormer', () => {
  const maps = () => [map('a', 3, 9, 7, 2), map('b', 5, 4, 3, 2), map('c', 2, 2, 1, 2)];
  const feeds = {
    a: uniform([2, 3, 9, 7], -1, 1, 'a'),
    b: uniform([2, 5, 4, 3], -1, 1, 'b'),
    c: uniform([2, 2, 2, 1], -1, 1, 'c'),
  };

  it.each(several)('%s: logits of the finest map or larger, a gradient to every parameter', async name => {
    const scope = Scope.trained('head');
    const [finest, ...coarser] = maps();
    const logits = headNamed(name).logits(finest, scope, 8, { grid: finest, coarser });
    const factor = name.endsWith('x4') ? 4 : name.endsWith('x2') ? 2 : 1;
    expect(logits.shape).toEqual([2, 1, 9 * factor, 7 * factor]);
    const loss = projected(logits, uniform(logits.shape, -1, 1, name));
    const values = { ...feeds, ...Object.fromEntries(initialValues(scope.parameters)) };
    for (const [each, dw] of await parameterGradients(loss, scope.parameters, values)) {
      expect(maxAbsolute(dw), each).toBeGreaterThan(0);
    }
  });

  it('is the same as on concatenated maps', async () => {
    const scope = Scope.trained('head');
    const own = segFormer(maps(), scope, 4, { norm: false, doublings: 0 });
    const same = maps().map((each, i) => {
      const y = relu(conv(each, scope.at(`convs.${i}.conv`), { out: 4, kernel: 1 }));
      return toSize(y, [9, 7], { alignCorners: false });
    });
    const fused = relu(conv(concat(same, 1), scope.at('fusion_conv.conv'), { out: 4, kernel: 1 }));
    const expected = conv(fused, scope.at('conv_seg'), { out: 1, kernel: 1 });
    const values = Object.fromEntries(initialValues(scope.parameters));
    const { x, y } = await evaluate({ x: own, y: expected }, { ...feeds, ...values });
    expectClose(x, y, 1e-6, 'logits');
  });
});
