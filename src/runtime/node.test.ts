import fc from 'fast-check';
import * as ort from 'onnxruntime-node';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { build, interpret, leaves, ofRate, recipes } from '../../test/support/expressions.ts';
import { copied, uniform } from '../../test/support/run.ts';
import { gradient } from '../graph/gradient.ts';
import { reshape, sum } from '../graph/ops/basic.ts';
import { add, mul } from '../graph/ops/elementwise.ts';
import { slice } from '../graph/ops/layout.ts';
import { matmul } from '../graph/ops/linear.ts';
import { GraphError, input, nameOf, rates, sources, type Tensor } from '../graph/tensor.ts';
import { compile } from './node.ts';
import type { CompileOptions, OutputGroups, Program } from './program.ts';

const [frozen, weights, image, clicks] = rates.map(rate => input(rate, [3], rate));
const vector = (...values: number[]) => Float32Array.from(values);

const programs: Program[] = [];
async function compiled(groups: OutputGroups, options: CompileOptions = {}): Promise<Program> {
  const program = await compile(groups, { threads: 1, ...options });
  programs.push(program);
  return program;
}
afterEach(async () => {
  vi.restoreAllMocks();
  for (const program of programs.splice(0)) await program.release();
});

/** Counts how many stages run from here on. */
function countRuns(): () => number {
  // the types give the class as a factory without a prototype
  const { prototype } = ort.InferenceSession as unknown as { prototype: ort.InferenceSession };
  const spy = vi.spyOn(prototype, 'run');
  return () => {
    const runs = spy.mock.calls.length;
    spy.mockClear();
    return runs;
  };
}

describe('run', () => {
  it('computes what is asked, from what was fed last', async () => {
    const program = await compiled({ main: { y: add(mul(image, 2), clicks) } });
    expect([...(await program.run('main', { image: vector(1, 2, 3), clicks: vector(1, 1, 1) })).y]).toEqual([3, 5, 7]);
    expect([...(await program.run('main', { clicks: vector(0, 0, 9) })).y]).toEqual([2, 4, 15]);
    expect([...(await program.run('main', { image: vector(0, 0, 0) })).y]).toEqual([0, 0, 9]);
    expect([...(await program.run('main', {})).y]).toEqual([0, 0, 9]);
  });

  it('takes bound values as part of the model', async () => {
    const bound = new Map([['frozen', vector(1, 10, 100)]]);
    const program = await compiled({ main: { y: mul(frozen, clicks) } }, { bound });
    expect([...(await program.run('main', { clicks: vector(1, 2, 3) })).y]).toEqual([1, 20, 300]);
    await expect(program.run('main', { frozen: vector(1, 1, 1) })).rejects.toThrow(/no input "frozen"/);
  });

  describe('large bound matrices', () => {
    const matrix = input('matrix', [128, 128], 'frozen');
    const rows = ['image', 'clicks'].map(rate => input(`rows of ${rate}`, [1, 128], rate as 'image' | 'clicks'));
    const bound = new Map([['matrix', uniform([128, 128], -1, 1, 'matrix')]]);
    const feeds = Object.fromEntries(rows.map(x => [nameOf(x), uniform([1, 128], -1, 1, nameOf(x))]));

    it('that are only multiplied with are read by all sessions where they are', async () => {
      const products = rows.map(x => matmul(x, matrix, { transB: true }));
      const program = await compiled(
        { main: { a: products[0], b: products[1] }, other: { c: products[1] } },
        { bound },
      );
      const { a, b } = await program.run('main', feeds);
      const expected = (x: Float32Array) =>
        Float32Array.from({ length: 128 }, (_, i) =>
          x.reduce((sum, v, j) => sum + v * bound.get('matrix')![i * 128 + j], 0),
        );
      expectClose(a, expected(feeds['rows of image']), 1e-5, 'a');
      expectClose(b, expected(feeds['rows of clicks']), 1e-5, 'b');
      expect((await program.run('other', {})).c).toEqual(b);
      await expect(program.run('main', { matrix: bound.get('matrix')! })).rejects.toThrow(/no input "matrix"/);
    });

    it.each([
      ['are also added', (x: Tensor) => add(matmul(x, matrix), slice(matrix, 0, 0, 1)), true],
      ['are only multiplied with', (x: Tensor) => matmul(x, matrix), false],
    ])('in the model where they %s', async (_, make, written) => {
      const lengths: number[] = [];
      const create = ort.InferenceSession.create.bind(ort.InferenceSession) as (...args: unknown[]) => Promise<never>;
      vi.spyOn(ort.InferenceSession, 'create').mockImplementation(((...args: unknown[]) => {
        lengths.push((args[0] as Uint8Array).length);
        return create(...args);
      }) as never);
      const program = await compiled({ main: { y: make(rows[1]) } }, { bound });
      expect((await program.run('main', { 'rows of clicks': feeds['rows of clicks'] })).y.every(Number.isFinite)).toBe(
        true,
      );
      expect(Math.max(...lengths) > 4 * 128 * 128).toBe(written);
    });

    it('of another size are an error', async () => {
      const short = new Map([['matrix', new Float32Array(130 * 128)]]);
      await expect(compiled({ main: { y: matmul(rows[1], matrix) } }, { bound: short })).rejects.toThrow(
        '"matrix": 16640 numbers bound to shape [128, 128]',
      );
    });
  });

  it('gives a source that is asked for, and one tensor under two names', async () => {
    const doubled = mul(clicks, 2);
    const program = await compiled({ main: { same: clicks, a: doubled, b: doubled } });
    const { same, a, b } = await program.run('main', { clicks: vector(1, 2, 3) });
    expect([[...same], [...a], [...b]]).toEqual([
      [1, 2, 3],
      [2, 4, 6],
      [2, 4, 6],
    ]);
  });

  it('runs only what changed', async () => {
    const runs = countRuns();
    const program = await compiled(
      { main: { y: add(mul(image, frozen), clicks) } },
      { bound: new Map([['frozen', vector(1, 2, 3)]]) },
    );
    await program.run('main', { image: vector(1, 1, 1), clicks: vector(0, 0, 0) });
    expect(runs()).toBe(2);
    await program.run('main', { clicks: vector(1, 1, 1) });
    expect(runs()).toBe(1);
    await program.run('main', { image: vector(2, 2, 2) });
    expect(runs()).toBe(2);
    await program.run('main', {});
    expect(runs()).toBe(0);
  });

  it('runs a shared stage once for all groups', async () => {
    const runs = countRuns();
    const features = mul(image, image);
    const program = await compiled({ one: { a: mul(features, clicks) }, two: { b: add(features, clicks) } });
    await program.run('one', { image: vector(1, 2, 3), clicks: vector(1, 1, 1) });
    expect(runs()).toBe(2);
    expect([...(await program.run('two', {})).b]).toEqual([2, 5, 10]);
    expect(runs()).toBe(1);
    await program.run('two', { image: vector(0, 0, 0) });
    expect(runs()).toBe(2);
    expect([...(await program.run('one', {})).a]).toEqual([0, 0, 0]);
    expect(runs()).toBe(1);
  });

  it('needs only the inputs of the stages that the group draws on', async () => {
    const groups = { look: { features: mul(image, 2) }, predict: { logits: mul(mul(weights, 3), clicks) } };
    const program = await compiled(groups);
    expect([...(await program.run('look', { image: vector(1, 2, 3) })).features]).toEqual([2, 4, 6]);
    await expect(program.run('predict', { clicks: vector(1, 2, 3) })).rejects.toThrow('input "weights" was never fed');
    expect([...(await program.run('predict', { weights: vector(1, 0, 2) })).logits]).toEqual([3, 0, 18]);
  });

  it('runs all in one with the split off, with the same results', async () => {
    const runs = countRuns();
    const y = add(mul(mul(image, weights), mul(weights, 2)), clicks);
    const [slope] = gradient(reshape(sum(mul(y, y), [0]), []), [weights]);
    const program = await compiled({ main: { y, slope } }, { split: false });
    const feeds = { image: vector(1, -2, 3), weights: vector(0.5, 1, 2), clicks: vector(1, 2, 3) };
    const whole = copied(await program.run('main', feeds));
    await program.run('main', { clicks: feeds.clicks });
    expect(runs()).toBe(2);
    const parts = await (await compiled({ main: { y, slope } })).run('main', feeds);
    for (const name of ['y', 'slope']) expectClose(parts[name], whole[name], 1e-7, name);
  });

  it('keeps its own copy of what is fed', async () => {
    const program = await compiled({ main: { y: add(mul(image, 2), clicks), twice: mul(image, image) } });
    const shared = vector(1, 1, 1);
    await program.run('main', { image: shared, clicks: vector(0, 0, 0) });
    shared.fill(5);
    const { y, twice } = await program.run('main', { clicks: vector(0, 0, 0) });
    expect([[...y], [...twice]]).toEqual([
      [2, 2, 2],
      [1, 1, 1],
    ]);
  });

  it('can be fed its own last result', async () => {
    const previous = input('previous', [3], 'clicks');
    const reversed = add(mul(previous, 2), clicks);
    const program = await compiled({ main: { y: reversed, sum: sum(previous, [0]) } });
    let results = await program.run('main', { previous: vector(1, 2, 3), clicks: vector(0, 0, 0) });
    results = await program.run('main', { previous: results.y });
    expect([...results.y]).toEqual([4, 8, 12]);
    // what was fed stays, though the result that it came from is overwritten
    results = await program.run('main', { clicks: vector(1, 1, 1) });
    expect([...results.y]).toEqual([5, 9, 13]);
    expect([...results.sum]).toEqual([12]);
  });
});

describe('what cannot be run', () => {
  const one = () => compiled({ main: { y: add(mul(image, 2), clicks) } });

  it.each<[string, string, Record<string, Float32Array>, string]>([
    ['an input never fed', 'main', { image: vector(1, 2, 3) }, 'input "clicks" was never fed'],
    ['an unknown input', 'main', { picture: vector(1) }, 'no input "picture" in this program (inputs: image, clicks)'],
    ['a wrong size', 'main', { clicks: vector(1, 2) }, 'input "clicks": 2 numbers given for shape [3]'],
    ['an unknown group', 'other', {}, 'no group "other" in this program'],
  ])('%s', async (_, group, feeds, message) => {
    const program = await one();
    await expect(program.run(group, feeds)).rejects.toThrow(new GraphError(message));
  });

  it('leaves a program as it was where a feed is refused', async () => {
    const program = await one();
    await program.run('main', { image: vector(1, 1, 1), clicks: vector(0, 0, 0) });
    await expect(program.run('main', { image: vector(9, 9, 9), clicks: vector(0) })).rejects.toThrow(GraphError);
    expect([...(await program.run('main', { clicks: vector(1, 1, 1) })).y]).toEqual([3, 3, 3]);
  });

  it('leaves nothing outdated where a run fails half-way', async () => {
    const target = input('target', [3], 'clicks');
    const features = mul(image, 2);
    const program = await compiled({
      step: { loss: add(mul(features, target), clicks) },
      predict: { y: add(features, clicks) },
    });
    await program.run('predict', { image: vector(1, 1, 1), clicks: vector(0, 0, 0) });
    await expect(program.run('step', { image: vector(5, 5, 5) })).rejects.toThrow(/"target" was never fed/);
    expect([...(await program.run('predict', {})).y]).toEqual([10, 10, 10]);
  });
});

describe('what cannot be compiled', () => {
  const refused = (groups: OutputGroups, message: RegExp, options: CompileOptions = {}) =>
    expect(compile(groups, { threads: 1, ...options })).rejects.toThrow(message);

  it('two inputs of one name, in one stage, in two, in two groups', async () => {
    const twin = (rate: 'image' | 'clicks') => input('clicks', [1], rate);
    const message = /two different inputs are named "clicks"/;
    await refused({ main: { y: add(clicks, twin('clicks')) } }, message);
    await refused({ main: { y: add(mul(twin('image'), 2), clicks) } }, message);
    await refused({ main: { y: mul(clicks, 2) }, other: { z: mul(twin('clicks'), 3) } }, message);
  });
  it('an output with the name of an input', async () => {
    await refused({ main: { clicks: mul(clicks, 2) } }, /output "clicks" has the name of an input/);
  });
  it('bound data of another size', async () => {
    const bound = new Map([['frozen', vector(1, 2)]]);
    await refused({ main: { y: mul(frozen, clicks) } }, /"frozen": 2 numbers bound to shape \[3\]/, { bound });
  });
});

describe('any program', () => {
  const fed = ofRate('weights', 'image', 'clicks');
  const bound = new Map(ofRate('frozen').map(name => [name, uniform([3], -1, 1, name)]));

  it('gives what its expressions say, whatever is fed when', async () => {
    const runs = fc.array(fc.record({ group: fc.constantFrom('a', 'b'), fed: fc.subarray(fed) }), {
      minLength: 3,
      maxLength: 6,
    });
    const property = fc.asyncProperty(recipes(12), recipes(12), runs, fc.boolean(), async (one, two, steps, split) => {
      const [a, b] = [build(one), build(two)];
      const outputs: Record<string, Tensor> = { last: a.at(-1)!, middle: a[leaves.length] };
      const groups: OutputGroups = { a: outputs, b: { last: b.at(-1)!, other: a.at(-1)! } };
      const program = await compile(groups, { threads: 1, bound, split });
      try {
        const values = Object.fromEntries([...bound, ...fed.map(name => [name, uniform([3], -1, 1, name, 0)])]);
        const used = new Set(sources(Object.values(groups).flatMap(group => Object.values(group))).map(nameOf));
        const start = Object.fromEntries(fed.filter(name => used.has(name)).map(name => [name, values[name]]));
        await program.run('a', start);
        for (const [i, { group, fed: names }] of steps.entries()) {
          const feeds = Object.fromEntries(
            names.filter(name => used.has(name)).map(name => [name, uniform([3], -1, 1, name, i + 1)]),
          );
          Object.assign(values, feeds);
          const results = await program.run(group, feeds);
          const wanted = Object.entries(groups[group]);
          const expected = interpret(
            wanted.map(([, y]) => y),
            values,
          );
          wanted.forEach(([name], k) => {
            expectClose(results[name], expected[k], 1e-5, `${group}.${name} in run ${i}`);
          });
        }
      } finally {
        await program.release();
      }
    });
    await fc.assert(property, { numRuns: 25, seed: 1 });
  });
});

describe('a bound on the memory', () => {
  it('changes no result, whatever shapes large values have', async () => {
    const x = input('x', [600, 500], 'clicks');
    const scale = input('scale', [1], 'frozen');
    const flat = reshape(mul(x, 2), [300, 1000]);
    const again = reshape(reshape(add(flat, scale), [1000, 300]), [2, 500, 300]);
    const y = add(sum(again, [0]), reshape(slice(matmul(x, x, { transA: true }), 0, 0, 300), [1, 500, 300]));
    const feeds = { x: uniform([600, 500], -1, 1, 'x') };
    const bound = new Map([['scale', vector(0.5)]]);
    const [tight, wide] = await Promise.all(
      [1, Number.POSITIVE_INFINITY].map(memory => compiled({ g: { y } }, { bound, memory, forGradient: false })),
    );
    expect(copied(await tight.run('g', feeds))).toEqual(copied(await wide.run('g', feeds)));
  });
});

describe('images one after the other', () => {
  const x = input('x', [2, 3], 'image');
  const y = input('y', [2, 3], 'clicks');
  const groups = { g: { product: mul(add(x, x), y), total: sum(y, [1]) } };
  const [first, second, clicks, later] = ['a', 'b', 'c', 'd'].map(name => uniform([6], -1, 1, name));
  const both = Float32Array.of(...first, ...second);

  it('give what each gives alone, also when only the clicks are new', async () => {
    const program = await compiled(groups, { images: 2, forGradient: false });
    const alone = await Promise.all([first, second].map(() => compiled(groups, { forGradient: false })));
    const expectJoined = async (feeds: (image: number) => Record<string, Float32Array>) => {
      const expected: Record<string, number[]> = { product: [], total: [] };
      for (const [image, each] of alone.entries()) {
        const results = await each.run('g', feeds(image));
        for (const [name, values] of Object.entries(results)) expected[name].push(...values);
      }
      const names = Object.keys(feeds(0));
      const given = names.map(name => [name, Float32Array.of(...feeds(0)[name], ...feeds(1)[name])]);
      const results = await program.run('g', Object.fromEntries(given));
      for (const [name, values] of Object.entries(results)) expect([...values]).toEqual(expected[name]);
    };
    await expectJoined(image => ({ x: [first, second][image], y: [clicks, later][image] }));
    const runs = countRuns();
    await expectJoined(image => ({ y: [later, clicks][image] }));
    // the image's part is not computed again
    expect(runs()).toBe(4);
  });

  it('need feeds that can be shared out', async () => {
    const program = await compiled(groups, { images: 2 });
    await expect(program.run('g', { x: both, y: both.subarray(1) })).rejects.toThrow(GraphError);
    await expect(program.run('g', { x: first, y: both })).rejects.toThrow('3 numbers given for shape [2, 3]');
  });
});
