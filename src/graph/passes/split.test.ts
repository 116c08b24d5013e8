import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { build, recipes } from '../../../test/support/expressions.ts';
import { sum } from '../ops/basic.ts';
import { add, mul } from '../ops/elementwise.ts';
import { after, slice } from '../ops/layout.ts';
import { input, nameOf, type Rate, rates, scalar, sources, type Tensor, topological } from '../tensor.ts';
import { type Stage, split } from './split.ts';

const [frozen, weights, image, clicks] = rates.map(rate => input(rate, [3], rate));

const cut = (groups: Record<string, Record<string, Tensor>>): Stage[] =>
  split(new Map(Object.entries(groups).map(([group, outputs]) => [group, new Map(Object.entries(outputs))])));

const inputsOf = (stage: Stage) =>
  sources([...stage.outputs.values()])
    .map(nameOf)
    .sort();
const opsOf = (stage: Stage) => topological([...stage.outputs.values()]).map(t => t.op);

describe('split', () => {
  it('runs what depends on the image alone in a stage of its own', () => {
    const features = mul(image, image);
    const stages = cut({ main: { y: add(mul(features, frozen), clicks) } });
    expect(stages.map(s => [s.rate, s.group])).toEqual([
      ['image', ''],
      ['clicks', 'main'],
    ]);
    expect(inputsOf(stages[0])).toEqual(['frozen', 'image']);
    // the click stage takes the image stage's result in its place
    const [handed] = [...stages[0].outputs.keys()];
    expect(inputsOf(stages[1])).toEqual(['clicks', handed].sort());
    expect(opsOf(stages[1])).toContain('add');
    expect(opsOf(stages[1])).not.toContain('mul');
    expect([...stages[1].outputs.keys()]).toEqual(['y']);
  });

  it('puts weights before image before clicks, slow values handed over both steps', () => {
    const scaled = mul(weights, 2);
    const y = add(add(mul(scaled, mul(image, 3)), clicks), scaled);
    const stages = cut({ main: { y } });
    expect(stages.map(s => s.rate)).toEqual(['weights', 'image', 'clicks']);
    expect(inputsOf(stages[0])).toEqual(['weights']);
    expect(inputsOf(stages[1])).toContain('image');
    expect(inputsOf(stages[2])).not.toContain('weights');
    expect(inputsOf(stages[2])).not.toContain('image');
  });

  it('leaves what is frozen where it is used, for folding', () => {
    const stages = cut({ main: { y: mul(mul(frozen, 2), clicks) } });
    expect(stages).toHaveLength(1);
    expect(inputsOf(stages[0])).toEqual(['clicks', 'frozen']);
  });

  it('makes no stage that hands over sources only', () => {
    const stages = cut({ main: { y: add(add(image, weights), clicks) } });
    expect(stages.map(s => s.rate)).toEqual(['image', 'clicks']);
    expect(cut({ main: { y: add(image, clicks) } })).toHaveLength(1);
  });

  it('hands on what slices show where that is no more than the slices, and the slice where it is', () => {
    const map = mul(input('map', [8, 3], 'image'), 2);
    const rows = (start: number, length: number) => slice(map, 0, start, length);
    const uses = (...parts: Tensor[]) => parts.map(part => sum(mul(part, clicks), [0])).reduce(add);
    const [both] = cut({ main: { y: uses(rows(0, 5), rows(3, 5)) } });
    expect([...both.outputs.values()].map(({ shape }) => shape)).toEqual([[8, 3]]);
    const [one] = cut({ main: { y: uses(rows(0, 5)) } });
    expect([...one.outputs.values()].map(({ shape }) => shape)).toEqual([[5, 3]]);
    // one that waits for another value would bring that along
    const waiting = after(rows(0, 5), mul(image, 2));
    const [gated] = cut({ main: { y: uses(waiting, rows(3, 5)) } });
    expect([...gated.outputs.values()].map(({ shape }) => shape)).toEqual([
      [5, 3],
      [5, 3],
    ]);
  });

  it('shares slow stages between groups and gives each group its own last stage', () => {
    const features = mul(image, image);
    const stages = cut({ one: { a: mul(features, clicks) }, two: { b: add(features, clicks), features } });
    expect(stages.map(s => s.group)).toEqual(['', 'one', 'two']);
    expect(opsOf(stages[1])).toEqual(expect.arrayContaining(['mul']));
    expect([...stages[2].outputs.keys()]).toEqual(['b', 'features']);
    expect(opsOf(stages[2])).not.toContain('mul');
  });

  it('runs slow stages for a group that needs nothing fast', () => {
    const stages = cut({ fast: { y: mul(clicks, 2) }, slow: { z: mul(image, 2) } });
    expect(stages.map(s => [s.rate, s.group])).toEqual([
      ['image', ''],
      ['clicks', 'fast'],
      ['clicks', 'slow'],
    ]);
  });

  it('cuts nothing where all changes at one rate', () => {
    for (const source of [frozen, weights, image, clicks]) {
      const y = mul(source, scalar(2));
      const [stage, ...others] = cut({ main: { y } });
      expect(others).toEqual([]);
      expect(stage.rate).toBe(source.attributes.rate);
      expect(stage.outputs.get('y')).toBe(y);
    }
  });

  it('of any expression: a stage reads no faster source, and its slow work is one op away from a fast one', () => {
    const property = fc.property(recipes(15), recipes(15), (one, two) => {
      const [a, b] = [build(one).at(-1)!, build(two).at(-1)!];
      const stages = cut({ a: { a }, b: { b } });
      const made = new Set<string>();
      const level = (t: Tensor): number =>
        t.op === 'input' ? rates.indexOf(t.attributes.rate as Rate) : Math.max(0, ...t.inputs.map(level));
      for (const stage of stages) {
        const own = rates.indexOf(stage.rate);
        for (const source of sources([...stage.outputs.values()])) {
          expect(rates.indexOf(source.attributes.rate as Rate)).toBeLessThanOrEqual(own);
          // what is handed over was made by an earlier stage
          if (nameOf(source).startsWith('value:')) expect(made).toContain(nameOf(source));
        }
        // an op of a slower rate belongs into that rate's stage; only constant folding stays
        for (const node of topological([...stage.outputs.values()])) {
          if (node.inputs.length > 0) expect([0, own]).toContain(level(node));
        }
        if (stage.group === '') for (const name of stage.outputs.keys()) made.add(name);
      }
    });
    fc.assert(property, { numRuns: 100, seed: 1 });
  });
});
