import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { UserError } from '../base/errors.ts';
import { writeFileAtomic } from '../base/files.ts';
import { Random } from '../base/random.ts';
import type { MeasuredCurve } from '../evaluation/object-metrics.ts';
import type { CompareOptions } from './comparable-runs.ts';
import { compareRuns, compareUpsamplers } from './compare.ts';
import { compareSeeds } from './compare-seeds.ts';
import { readRun } from './read-run.ts';
import { resolveConfig } from './resolve-config.ts';
import { RunFolder } from './run-folder.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clickprobe-compare-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const options: CompareOptions = { metrics: 'usual', sharedOnly: false, force: false, seed: 0, resamples: 200 };

interface Made {
  set?: string[];
  upsamplers?: string[];
  specs?: Record<string, string>;
  objects?: (upsampler: string, set: string) => MeasuredCurve[];
  complete?: boolean;
}

/** Objects that differ much in difficulty; `gain` is added to every IoU. */
const objects = (count: number, gain = 0, clicks = 5): MeasuredCurve[] =>
  Array.from({ length: count }, (_, i) => {
    const start = Random.of(i, 'start').uniform(0.2, 0.8);
    const ious = Array.from({ length: clicks }, (_, k) => Math.min(1, start + 0.08 * k + gain * (1 + (i % 3))));
    return { id: `${i}.png#0`, ious };
  });

/** A run folder as `bench` leaves it, as far as comparisons read it. */
function makeRun(
  name: string,
  { set = [], upsamplers = ['bilinear', 'jbu'], specs, complete = true, ...made }: Made = {},
) {
  const root = join(folder, name);
  const paths = new RunFolder(root);
  const sets = Object.entries(specs ?? { GrabCut: 'grabcut:data/GrabCut' });
  const config = resolveConfig({
    preset: 'quick',
    set: ['evaluation.maxClicks=5', ...set],
    overrides: { upsamplers, evaluation: { datasets: sets.map(([, spec]) => spec) } },
  });
  const evaluation = sets.map(([name, spec]) => ({ name, spec, images: 1 }));
  writeFileAtomic(paths.config, stringify(config));
  writeFileAtomic(paths.environment, JSON.stringify({ command: `clickprobe bench --out ${root}`, evaluation }));
  for (const upsampler of upsamplers) {
    for (const [set] of sets) {
      const curves = made.objects?.(upsampler, set) ?? objects(30, upsampler === 'jbu' ? 0.03 : 0);
      writeFileAtomic(paths.curves(upsampler, set), JSON.stringify({ complete, curves }));
    }
  }
  return root;
}

const better = (gain: number) => (upsampler: string) => objects(30, gain + (upsampler === 'jbu' ? 0.03 : 0));
const runs = (...roots: string[]) => roots.map(readRun);

describe('compareRuns', () => {
  it('pairs by upsampler, set and object', () => {
    const sets = { GrabCut: 'grabcut:x', Berkeley: 'berkeley:y' };
    const a = makeRun('a', { specs: sets });
    const b = makeRun('b', { specs: sets, objects: u => better(0.02)(u).reverse(), set: ['training.epochs=3'] });
    const { comparisons, notes } = compareRuns(runs(a, b), undefined, { ...options, metrics: ['iou1', 'nof90'] });
    expect(comparisons.map(c => [c.dataset, c.second.upsampler, c.metric])).toEqual(
      Object.keys(sets).flatMap(set => ['bilinear', 'jbu'].flatMap(u => ['nof90', 'iou1'].map(m => [set, u, m]))),
    );
    for (const { first, second, metric, ...c } of comparisons) {
      expect([first.run, second.run, c.objects, c.family]).toEqual([a, b, 30, 4]);
      expect(second.value - first.value).toBeCloseTo(c.difference, 9);
      if (metric === 'nof90') expect(Number.isInteger(first.value)).toBe(true);
      else {
        // .02, .04 and .06 in turn, never more: the objects are paired although their order differs
        expect(c.difference).toBeCloseTo(0.04, 9);
        expect(c.interval[1] - c.interval[0]).toBeLessThan(0.015);
        expect(c.adjustedP).toBeLessThan(0.01);
        expect(c.adjustedP).toBeGreaterThanOrEqual(c.p);
      }
    }
    expect(notes.join()).toMatch(/a and .*b differ in training\.epochs 10 and 3$/);
  });

  it('finds no difference between a run and itself', () => {
    const { comparisons, notes } = compareRuns(runs(makeRun('a'), makeRun('b')), undefined, options);
    expect(comparisons).toHaveLength(2 * 5);
    for (const c of comparisons) expect(c).toMatchObject({ difference: 0, interval: [0, 0], p: 1, adjustedP: 1 });
    expect(notes.join()).toContain('are configured alike');
  });

  it('compares all with the baseline, and says which upsamplers are left out', () => {
    const roots = [makeRun('a', { upsamplers: ['none', 'jbu'] }), makeRun('b'), makeRun('c')];
    const { comparisons, notes } = compareRuns(runs(...roots), roots[1], { ...options, metrics: ['iou1'] });
    expect(comparisons.map(c => [c.first.run, c.second.run, c.second.upsampler])).toEqual([
      [roots[1], roots[0], 'jbu'],
      [roots[1], roots[2], 'jbu'],
    ]);
    expect(notes).toContain('not in all runs, left out: bilinear, none');
    expect(() => compareRuns(runs(...roots), 'nowhere', options)).toThrow(/baseline nowhere is none of the runs/);
    expect(() => compareRuns(runs(...roots), undefined, { ...options, upsamplers: ['jb'] })).toThrow(
      /"jb" was run: did you mean "jbu"/,
    );
    const other = makeRun('d', { upsamplers: ['nearest'] });
    expect(() => compareRuns(runs(roots[0], other), undefined, options)).toThrow(
      /no upsampler in common:\n.*none, jbu/,
    );
  });

  it('refuses other sets and objects, saying what is shared; --shared-only compares that', () => {
    const a = makeRun('a', { specs: { GrabCut: 'grabcut:x', Berkeley: 'berkeley:y' } });
    const b = makeRun('b');
    expect(() => compareRuns(runs(a, b), undefined, options)).toThrow(
      /different sets:\n.*a: GrabCut, Berkeley\n.*b: GrabCut\nThey share GrabCut; --shared-only/,
    );
    const shared = { ...options, sharedOnly: true };
    expect(new Set(compareRuns(runs(a, b), undefined, shared).comparisons.map(c => c.dataset))).toEqual(
      new Set(['GrabCut']),
    );
    const c = makeRun('c', { objects: () => objects(20).slice(5) });
    expect(() => compareRuns(runs(b, c), undefined, options)).toThrow(
      /objects of GrabCut differ, 15 are in all; --shared-only compares these:\n {2}bilinear of .*b: 30\n.*c: 15/,
    );
    expect(compareRuns(runs(b, c), undefined, shared).comparisons[0].objects).toBe(15);
    const d = makeRun('d', { objects: () => objects(3).map(o => ({ ...o, id: `other-${o.id}` })) });
    expect(() => compareRuns(runs(b, d), undefined, shared)).toThrow(/0 are in all:/);
    const e = makeRun('e', { specs: { DAVIS: 'davis:x' } });
    expect(() => compareRuns(runs(b, e), undefined, shared)).toThrow(/They share none/);
  });

  it('refuses other settings, naming them; --force compares what both hold', () => {
    const a = makeRun('a');
    const b = makeRun('b', {
      set: ['evaluation.maxClicks=3', 'evaluation.flip=true', 'evaluation.limit=7', 'evaluation.resamples=9'],
      objects: () => objects(30, 0, 3),
    });
    expect(() => compareRuns(runs(a, b), undefined, options)).toThrow(
      /evaluated differently:\n {2}evaluation\.maxClicks 5 and 3\n {2}evaluation\.flip false and true\n.*--force/,
    );
    const { comparisons, notes } = compareRuns(runs(a, b), undefined, { ...options, force: true });
    const noc = comparisons.find(c => c.metric === 'noc90' && c.first.upsampler === 'bilinear')!;
    // clicks 4 and 5 of the first run do not count
    expect(noc).toMatchObject({ difference: 0, p: 1 });
    expect(comparisons.some(c => c.metric === 'miou5')).toBe(false);
    expect(notes[0]).toMatch(/by --force: evaluation\.maxClicks 5 and 3; evaluation\.flip false and true/);
  });

  it('never takes scenes drawn from different seeds for the same objects', () => {
    const specs = { 'synthetic-val': 'synthetic:10' };
    const [a, b] = [makeRun('a', { specs }), makeRun('b', { specs, set: ['dataSeed=1'] })];
    for (const force of [false, true]) {
      expect(() => compareRuns(runs(a, b), undefined, { ...options, force })).toThrow(
        /data seeds 0 and 1.*not the same objects/,
      );
    }
  });
});

describe('compareUpsamplers', () => {
  it('compares each pair, or all with a baseline', () => {
    const [run] = runs(makeRun('a', { upsamplers: ['none', 'bilinear', 'jbu'] }));
    const pairs = (baseline?: string) =>
      compareUpsamplers(run, baseline, { ...options, metrics: ['iou1'] }).comparisons.map(
        c => `${c.first.upsampler} ${c.second.upsampler} ${c.family}`,
      );
    expect(pairs()).toEqual(['none bilinear 3', 'none jbu 3', 'bilinear jbu 3']);
    expect(pairs('bilinear')).toEqual(['bilinear none 2', 'bilinear jbu 2']);
    expect(() => pairs('bicubic')).toThrow(/no upsampler "bicubic" was run.*known: none, bilinear, jbu/);
    const one = { ...options, upsamplers: ['jbu'] };
    expect(() => compareUpsamplers(run, undefined, one)).toThrow(/only jbu to compare/);
    expect(compareUpsamplers(run, 'none', one).comparisons[0].first.upsampler).toBe('none');
  });

  it('leaves out what curves stopped at an IoU do not tell, and refuses it where it was asked for', () => {
    const stopped = () => objects(20).map(o => ({ ...o, ious: Array.from(o.ious).slice(0, 2 + (o.id.length % 3)) }));
    const [run] = runs(makeRun('a', { set: ['evaluation.targetIou=0.8'], objects: () => stopped().map(fill) }));
    const metrics = (m: CompareOptions['metrics']) =>
      compareUpsamplers(run, undefined, { ...options, metrics: m }).comparisons.map(c => c.metric);
    expect(metrics('usual')).toEqual(['noc80', 'iou1']);
    expect(metrics('all')).toEqual(['noc80', 'nof80', 'iou1']);
    expect(() => metrics(['noc90'])).toThrow(/NoC90 is not known: objects were stopped at IoU 0\.8/);
  });

  it('averages the clicks of a random user over repetitions, and takes the centre clicker where there is one', () => {
    const repeated = (upsampler: string) =>
      objects(10, upsampler === 'jbu' ? 0.03 : 0).flatMap(o => [0, 1].map(repetition => ({ ...o, repetition })));
    const [random] = runs(makeRun('a', { objects: repeated }));
    const [once] = runs(makeRun('b', { objects: u => objects(10, u === 'jbu' ? 0.03 : 0) }));
    const [both] = runs(
      makeRun('c', {
        objects: u => [...objects(10, u === 'jbu' ? 0.03 : 0), ...repeated(u).map(o => ({ ...o, ious: [0] }))],
      }),
    );
    const [x, y, z] = [random, once, both].map(run => compareUpsamplers(run, undefined, options).comparisons);
    const numbers = (list: typeof x) => list.map(({ first: _, second: __, ...rest }) => rest);
    expect(numbers(z)).toEqual(numbers(y));
    expect(x[3].objects).toBe(10);
    for (const end of [0, 1]) expect(x[3].interval[end]).toBeCloseTo(y[3].interval[end], 12);
  });
});

/** Ends a curve at .8, or leaves it at its five clicks. */
function fill({ id }: MeasuredCurve): MeasuredCurve {
  const easy = Number.parseInt(id, 10) % 2 === 0;
  return { id, ious: easy ? [0.3, 0.83] : [0.3, 0.4, 0.5, 0.6, 0.7] };
}

describe('compareSeeds', () => {
  const three = () =>
    runs(...[0, 1, 2].map(seed => makeRun(`s${seed}`, { set: [`seed=${seed}`], objects: better(0.01 * seed) })));

  it('gives mean, spread and interval for each upsampler', () => {
    const { rows } = compareSeeds(three(), undefined, { ...options, metrics: ['iou1', 'nof95'] });
    expect(rows.map(row => [row.upsampler, row.metric])).toEqual([
      ['bilinear', 'nof95'],
      ['bilinear', 'iou1'],
      ['jbu', 'nof95'],
      ['jbu', 'iou1'],
    ]);
    const row = rows[1];
    expect(row).toMatchObject({ seeds: 3, objects: 30 });
    // .01 more a seed, times 1, 2 and 3 over the objects
    expect(row.std).toBeCloseTo(0.02, 9);
    expect(row.max - row.min).toBeCloseTo(0.04, 9);
    expect(row.interval[0]).toBeLessThan(row.mean);
    expect(rows[0].mean).toBeGreaterThan(1);
  });

  it('gives differences to a baseline', () => {
    const { rows } = compareSeeds(three(), 'bilinear', { ...options, metrics: ['iou1'] });
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ upsampler: 'jbu', baseline: 'bilinear' });
    expect(rows[0].mean).toBeCloseTo(0.06, 9);
    expect(rows[0].std).toBeCloseTo(0, 9);
    expect(rows[0].interval[0]).toBeGreaterThan(0.04);
  });

  it('refuses what is no repetition', () => {
    const other = makeRun('other', { set: ['seed=9', 'training.epochs=3'] });
    const twice = makeRun('twice', { set: ['seed=0'] });
    const [first] = three();
    expect(() => compareSeeds([first, ...runs(other)], undefined, options)).toThrow(
      /differ in more than the seed:\n {2}training\.epochs 10 and 3\n.*--across runs/,
    );
    expect(compareSeeds([first, ...runs(other)], undefined, { ...options, force: true }).notes[0]).toContain('--force');
    expect(() => compareSeeds([first, ...runs(twice)], undefined, options)).toThrow(/two of the runs have the seed 0/);
    expect(() => compareSeeds([first], 'bicubic', options)).toThrow(/no upsampler "bicubic"/);
  });
});

describe('readRun', () => {
  it('says what is wrong with a folder', () => {
    expect(() => readRun(join(folder, 'none'))).toThrow(/there is no folder/);
    expect(() => readRun(folder)).toThrow(/is not a run folder: it needs a config\.yaml/);
    const root = makeRun('a');
    writeFileSync(join(root, 'environment.json'), '{');
    expect(() => readRun(root)).toThrow(/environment\.json is damaged/);
    writeFileSync(join(root, 'config.yaml'), 'hello: 1\n');
    expect(() => readRun(root)).toThrow(/config\.yaml is not that of a run:\n {2}upsamplers/);
    expect(() => readRun(root)).toThrow(UserError);
  });

  it('reads runs of versions with other entries', () => {
    const root = makeRun('a');
    const config = { seed: 3, upsamplers: ['x'], evaluation: { maxClicks: 7, targetIou: null }, later: true };
    writeFileSync(join(root, 'config.yaml'), stringify(config));
    expect(readRun(root).stop).toEqual({ maxClicks: 7, targetIou: null });
  });

  it('names what is unfinished and how to finish it', () => {
    const [run] = runs(makeRun('a', { complete: false }));
    expect(() => compareUpsamplers(run, undefined, options)).toThrow(
      /a is unfinished: bilinear has 30 objects so far on GrabCut\. Finish it with\n {2}clickprobe bench --out/,
    );
    const [none] = runs(makeRun('b', { upsamplers: ['none', 'bilinear'] }));
    rmSync(join(none.root, 'curves', 'none'), { recursive: true });
    expect(() => compareUpsamplers(none, undefined, options)).toThrow(/none has no objects on GrabCut/);
  });
});
