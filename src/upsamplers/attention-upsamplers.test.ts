import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { relativeL2 } from '../../test/support/differences.ts';
import { peakBytes } from '../../test/support/peak.ts';
import { evaluate, projected, uniform } from '../../test/support/run.ts';
import { gradient } from '../graph/gradient.ts';
import { deduplicate } from '../graph/passes/deduplicate.ts';
import { split } from '../graph/passes/split.ts';
import { input, nameOf, sources, type Tensor, topological } from '../graph/tensor.ts';
import { Scope } from '../nn/scope.ts';
import { anyUp } from './anyup.ts';
import type { AttentionOptions } from './attention.ts';
import { jafar } from './jafar.ts';
import { loftUp } from './loftup.ts';
import { naf } from './naf.ts';

type Size = readonly [number, number];
type Method = (features: Tensor, image: Tensor, size: Size, scope: Scope, options: AttentionOptions) => Tensor;

/** Small networks, a grid of cells for them, and whether their weights are positive and sum to 1. */
const methods: { name: string; method: Method; cells: Size; convex: boolean }[] = [
  {
    name: 'loftup, sine',
    method: (f, i, s, scope, o) => loftUp(f, i, s, scope, { ...o, positions: 'sine' }),
    cells: [3, 4],
    convex: false,
  },
  {
    name: 'loftup, learnable',
    method: (f, i, s, scope, o) => loftUp(f, i, s, scope, { ...o, positions: 'learnable' }),
    cells: [3, 4],
    convex: false,
  },
  {
    name: 'jafar',
    method: (f, i, s, scope, o) => jafar(f, i, s, scope, { ...o, width: 32 }),
    cells: [3, 4],
    convex: true,
  },
  {
    name: 'anyup',
    method: (f, i, s, scope, o) => anyUp(f, i, s, scope, { ...o, width: 32 }),
    cells: [3, 4],
    convex: true,
  },
  {
    name: 'naf',
    method: (f, i, s, scope, o) => naf(f, i, s, scope, { ...o, width: 32, rotaryHeads: 2, kernel: 3 }),
    cells: [3, 4],
    convex: true,
  },
];

const C = 12;

function built(method: Method, b: number, cells: Size, size: Size, options: AttentionOptions = {}, imageSize = size) {
  const [features, image] = [input('f', [b, C, ...cells], 'clicks'), input('image', [b, 3, ...imageSize], 'image')];
  return { y: method(features, image, size, Scope.frozen('w'), options), features };
}

/** Values for every source but those given. Variances and frequencies are positive. */
function feeds(outputs: readonly Tensor[], given: Record<string, Float32Array> = {}): Record<string, Float32Array> {
  const valued = sources(outputs).map(source => {
    const name = nameOf(source);
    const low = /running_var|freqs|periods|norm.*weight/.test(name) ? 0.5 : -0.6;
    return [name, given[name] ?? uniform(source.shape, low, low + 1.2, name)] as const;
  });
  return Object.fromEntries(valued);
}

describe.each(methods)('$name', ({ method, cells, convex }) => {
  it.each([
    { ratio: 14, imageRatio: 14 },
    { ratio: 16, imageRatio: 8 },
    { ratio: 3.5, imageRatio: 7 },
  ])('gives any size, from an image of any size: $ratio', async ({ ratio, imageRatio }) => {
    const size: Size = [Math.round(cells[0] * ratio), Math.round(cells[1] * ratio)];
    const { y } = built(method, 1, cells, size, {}, [cells[0] * imageRatio, cells[1] * imageRatio]);
    expect(y.shape).toEqual([1, C, ...size]);
    const values = (await evaluate({ y }, feeds([y]))).y;
    expect(values.every(Number.isFinite)).toBe(true);
  });

  it('does not let images of a batch see each other', async () => {
    const size: Size = [21, 24];
    const [two, one] = [built(method, 2, cells, size).y, built(method, 1, cells, size).y];
    const given = feeds([two]);
    const both = (await evaluate({ y: two }, given)).y;
    const half = (name: string) => given[name].slice(given[name].length / 2);
    const second = (await evaluate({ y: one }, { ...given, f: half('f'), image: half('image') })).y;
    expectClose(both.slice(both.length / 2), second, 2e-5, 'the second image');
  });

  it.runIf(convex)('keeps constant features', async () => {
    const { y } = built(method, 1, cells, [19, 30]);
    const f = new Float32Array(C * cells[0] * cells[1]).fill(0.75);
    const values = (await evaluate({ y }, feeds([y], { f }))).y;
    expectClose(values, new Float32Array(values.length).fill(0.75), 1e-5, 'the output');
  });

  it('runs what sees the image alone once per image', () => {
    const size: Size = [48, 64];
    const { y } = built(method, 1, cells, size);
    const stages = split(new Map([['main', new Map([['y', deduplicate([y])[0]]])]]));
    const at = (rate: string) => stages.filter(stage => stage.rate === rate).flatMap(s => [...s.outputs.values()]);
    const [image, clicks] = [at('image'), at('clicks')];
    expect(sources(image).map(nameOf)).toContain('image');
    expect(sources(image).map(nameOf)).not.toContain('f');
    expect(sources(clicks).map(nameOf)).toContain('f');
    expect(sources(clicks).map(nameOf)).not.toContain('image');
    const large = ({ shape }: Tensor) => shape[2] === size[0] && shape[3] === size[1];
    const encoding = (outputs: readonly Tensor[]) => topological(outputs).filter(t => t.op === 'conv2d' && large(t));
    expect(encoding(image).length).toBeGreaterThan(1);
    expect(encoding(clicks)).toEqual([]);
  });

  describe('within little memory', () => {
    const size: Size = [30, 40];
    const graph = (memory: number) => {
      const { y, features } = built(method, 2, cells, size, { memory });
      const loss = projected(y, uniform(y.shape, -1, 1, 'loss'));
      return { y, slopes: gradient(loss, [features])[0], loss };
    };
    const TIGHT = 200_000;

    it('gives the same values and gradients', async () => {
      const [whole, tight] = [graph(2e9), graph(TIGHT)];
      const given = feeds([whole.y]);
      const expected = await evaluate({ y: whole.y, slopes: whole.slopes }, given);
      const found = await evaluate({ y: tight.y, slopes: tight.slopes }, given);
      expectClose(found.y, expected.y, 1e-5, 'the output');
      expect(relativeL2(found.slopes, expected.slopes), 'gradient').toBeLessThan(1e-5);
    });

    it('holds no more attention matrices than fit', () => {
      const peak = (memory: number) => {
        const { loss, slopes } = graph(memory);
        return peakBytes([loss, slopes], t => t.op === 'softmax');
      };
      expect(peak(TIGHT)).toBeGreaterThan(0);
      expect(peak(TIGHT)).toBeLessThanOrEqual(TIGHT);
      expect(peak(2e9)).toBeGreaterThan(TIGHT);
    });
  });
});
