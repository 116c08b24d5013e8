import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { maxAbsolute, maxDifference } from '../../test/support/differences.ts';
import { initialValues, toyBackbone, toyProbe } from '../../test/support/toy-probe.ts';
import { drawClickMaps } from '../clicks/maps.ts';
import type { Dataset, Sample } from '../datasets/types.ts';
import { reshape, sum } from '../graph/ops/basic.ts';
import { div, log, mul, neg, sigmoid, sub } from '../graph/ops/elementwise.ts';
import { input, type Shape, type Tensor } from '../graph/tensor.ts';
import { selfAttention } from '../nn/attention.ts';
import { patchEmbed, toMap, toTokens } from '../nn/layers.ts';
import { buildProbe, type Probe } from '../probe/probe.ts';
import { compileTraining, gradientName } from '../probe/programs.ts';
import type { Feeds, Program } from '../runtime/program.ts';
import { Batches } from './loader/batches.ts';
import { inThisThread } from './loader/loader.ts';
import { normalisedFocalLoss } from './loss.ts';
import { PAPER_NEXT_POINTS } from './next-points.ts';
import { PAPER_SAMPLER } from './sampler.ts';
import { trainingSample } from './samples.ts';
import { initialState, loadState, saveState, type TrainingState } from './state.ts';
import { Trainer, type TrainerOptions } from './trainer.ts';

const side = 24;
const clickMaps = { form: 'disk', radius: 3 } as const;

/** A bright disk on a dark, textured ground. */
function scene(index: number): Sample {
  const inside = (i: number) => ((i % side) - 9 - 2 * index) ** 2 + (Math.floor(i / side) - 11) ** 2 < 40;
  const pixels = Array.from({ length: side * side }, (_, i) => i);
  const data = Uint8Array.from(pixels.flatMap(i => [inside(i) ? 200 : 60, (i * 37) % 80, 90]));
  const target = { width: side, height: side, data: Int8Array.from(pixels, i => Number(inside(i))) };
  return { id: `${index}`, image: { width: side, height: side, data }, objects: [target] };
}

function scenes(size: number): Dataset {
  const samples = Array.from({ length: size }, (_, i) => scene(i));
  return { name: 'disks', size, ids: samples.map(({ id }) => id), load: async index => samples[index] };
}

const seed = 3;
const sample = {
  seed,
  stream: 'train',
  augment: null,
  sampler: PAPER_SAMPLER,
  minArea: 10,
  keepBackground: 0,
} as const;

const batchesOf = (dataset: Dataset, batch: number, first = 0) =>
  new Batches(inThisThread(dataset), { batch, first, end: Infinity, sample });

const defaults: TrainerOptions = {
  seed,
  rate: () => 1e-2,
  maxRounds: 0,
  clickMaps,
  nextPoints: PAPER_NEXT_POINTS,
};

const programs: Program[] = [];
afterEach(async () => {
  for (const program of programs.splice(0)) await program.release();
});

type Loss = (logits: Tensor, target: Tensor) => Tensor;

/** Binary cross-entropy, one value per image. */
const crossEntropy: Loss = (logits, target) => {
  const right = sigmoid(mul(logits, sub(mul(target, 2), 1)));
  return div(sum(reshape(neg(log(right)), [logits.shape[0], side * side]), [1]), side * side);
};

async function compiled(
  probe: Probe,
  batch: number,
  stepOnly: boolean,
  loss: Loss = normalisedFocalLoss,
): Promise<Program> {
  const graph = buildProbe(probe, batch, [side, side]);
  const target = input('target', [batch, 1, side, side], 'clicks');
  const program = await compileTraining(
    graph,
    initialValues(graph.frozen),
    logits => {
      const perImage = reshape(loss(logits, target), [batch]);
      return { perImage, total: div(sum(perImage, [0]), batch) };
    },
    { threads: 1, stepOnly },
  );
  programs.push(program);
  return program;
}

interface Setup {
  probe?: Probe;
  options?: Partial<TrainerOptions>;
  size?: number;
  batch?: number;
  stepOnly?: boolean;
  loss?: Loss;
  state?: TrainingState;
}

async function setUp(setup: Setup = {}) {
  const { probe = toyProbe(), options = {}, size = 3, batch = 2, stepOnly = false, loss, state } = setup;
  const { trained } = buildProbe(probe, 1, [side, side]);
  const shapes = new Map<string, Shape>([...trained].map(([name, p]) => [name, p.shape]));
  const program = await compiled(probe, 1, stepOnly, loss);
  const runs = vi.spyOn(program, 'run');
  const start = state ?? initialState(trained.values(), 1);
  const trainer = new Trainer(program, batchesOf(scenes(size), batch, start.step), { ...defaults, ...options }, start);
  return { trainer, shapes, runs };
}

const mean = (values: readonly number[]) => values.reduce((total, v) => total + v, 0) / values.length;

describe('training', () => {
  it('lowers the loss on a repeated sample, and raises the IoU', async () => {
    // not the focal loss: normalised, it has hard pixels to weigh until the last is right
    const { trainer } = await setUp({ size: 1, options: { maxRounds: 1 }, loss: crossEntropy });
    const reports = [];
    for (let i = 0; i < 40; i++) reports.push(await trainer.step());
    const losses = reports.map(({ loss }) => loss);
    expect(mean(losses.slice(-8))).toBeLessThan(0.7 * mean(losses.slice(0, 8)));
    expect(reports.at(-1)!.iou).toBeGreaterThan(0.5);
    expect(trainer.state.losses).toEqual(losses);
  });

  it('reports the step, its rate and its rounds', async () => {
    const { trainer } = await setUp({ options: { maxRounds: 3, rate: step => 1e-3 / (step + 1) }, batch: 1 });
    const steps = [];
    for (let i = 0; i < 12; i++) steps.push(await trainer.step());
    expect(steps.map(({ step }) => step)).toEqual(steps.map((_, i) => i + 1));
    expect(steps.map(({ rate }) => rate)).toEqual(steps.map((_, i) => 1e-3 / (i + 1)));
    expect(new Set(steps.map(({ rounds }) => rounds))).toEqual(new Set([0, 1, 2, 3]));
    for (const { seconds, waited } of steps) expect(waited).toBeLessThanOrEqual(seconds);
  });
});

describe('the batch', () => {
  it('has the gradients and the loss of a program for the whole batch', async () => {
    const batch = 2;
    const { trainer } = await setUp({ batch, stepOnly: true });
    const values = new Map([...trainer.state.parameters].map(([name, p]) => [name, p.slice()]));
    const stepped = vi.spyOn(trainer.state.adam, 'step');
    const { loss } = await trainer.step();
    const averaged = stepped.mock.calls[0][1];

    const area = side * side;
    const feeds = {
      image: new Float32Array(3 * batch * area),
      clicks: new Float32Array(3 * batch * area),
      target: new Float32Array(batch * area),
    };
    const ids = [];
    for (let slot = 0; slot < batch; slot++) {
      const { id, image, target, points } = await trainingSample(scenes(3), { ...sample, step: 0, slot });
      ids.push(id);
      feeds.image.set(image, 3 * slot * area);
      feeds.target.set(target, slot * area);
      const clicks = points.map(({ row, col, positive }) => ({ x: col, y: row, positive }));
      const planes = feeds.clicks.subarray((3 * slot + 1) * area, (3 * slot + 3) * area);
      drawClickMaps(clicks, side, side, clickMaps, planes);
    }
    expect(ids[0]).not.toBe(ids[1]);
    const whole = await compiled(toyProbe(), batch, true);
    const results = await whole.run('step', { ...feeds, ...Object.fromEntries(values) });
    expect(loss).toBeCloseTo(mean([...results.loss]), 6);
    expect([...averaged.keys()]).toEqual([...values.keys()]);
    for (const [name, gradient] of averaged) {
      const expected = results[gradientName(name)];
      expect(maxAbsolute(expected), name).toBeGreaterThan(0);
      expect(maxDifference(gradient, expected), name).toBeLessThan(1e-5 * maxAbsolute(expected));
    }
  });
});

describe('going on from a saved state', () => {
  it('gives the same parameters to the bit', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'clickprobe-trainer-'));
    try {
      const path = join(folder, 'checkpoint.safetensors');
      const options = { maxRounds: 2 };
      const { trainer: straight, shapes } = await setUp({ options });
      const rounds = [];
      for (let i = 0; i < 6; i++) {
        rounds.push((await straight.step()).rounds);
        if (straight.state.step === 3) saveState(path, straight.state, shapes);
      }
      expect(new Set(rounds.slice(3)).size).toBeGreaterThan(1);
      const { trainer: resumed } = await setUp({ options, state: loadState(path, shapes)! });
      while (resumed.state.step < 6) await resumed.step();
      expect(resumed.state.parameters).toEqual(straight.state.parameters);
      expect(resumed.state.adam.state()).toEqual(straight.state.adam.state());
      expect(resumed.state.iou.state).toEqual(straight.state.iou.state);
      expect(resumed.state.losses.map(Math.fround)).toEqual(straight.state.losses.map(Math.fround));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('rounds of clicks', () => {
  it('none: the group predict is not needed', async () => {
    const { trainer, runs } = await setUp({ stepOnly: true });
    for (let i = 0; i < 3; i++) expect((await trainer.step()).rounds).toBe(0);
    expect(new Set(runs.mock.calls.map(([group]) => group))).toEqual(new Set(['step']));
    const { trainer: needing } = await setUp({ stepOnly: true, options: { maxRounds: 3 } });
    const several = async () => {
      for (let i = 0; i < 8; i++) await needing.step();
    };
    await expect(several()).rejects.toThrow('no group "predict"');
  });

  it.each(['early', 'late'] as const)(
    'feed the picture once a sample, the weights once a step: %s',
    async injection => {
      const { trainer, runs } = await setUp({ probe: toyProbe({ injection }), options: { maxRounds: 2 } });
      const weights = [...trainer.state.parameters.keys()];
      const seen = new Set<number>();
      for (let i = 0; i < 8; i++) {
        runs.mockClear();
        const { rounds } = await trainer.step();
        seen.add(rounds);
        const calls = runs.mock.calls.map(([group, feeds]) => ({ group, feeds: Object.keys(feeds as Feeds) }));
        const perSample = [...Array(rounds).fill('predict'), 'step'];
        expect(calls.map(({ group }) => group)).toEqual([...perSample, ...perSample]);
        const feeding = (name: string) => calls.flatMap(({ feeds }, call) => (feeds.includes(name) ? [call] : []));
        expect(feeding('image')).toEqual([0, rounds + 1]);
        expect(feeding('target')).toEqual([rounds, 2 * rounds + 1]);
        for (const name of weights) expect(feeding(name)).toEqual([0]);
      }
      expect(seen).toEqual(new Set([0, 1, 2]));
    },
  );

  it('show each prediction to the next, and add one click each', async () => {
    const { trainer, runs } = await setUp({ options: { maxRounds: 3 }, batch: 1 });
    for (let i = 0; i < 6; i++) {
      runs.mockClear();
      const { rounds } = await trainer.step();
      const clicks = runs.mock.calls.map(([, feeds]) => (feeds as Feeds).clicks);
      const previous = clicks.map(maps => maps.subarray(0, side * side));
      expect(maxAbsolute(previous[0])).toBe(0);
      for (let round = 1; round <= rounds; round++) {
        expect(previous[round].every(p => p > 0 && p < 1)).toBe(true);
        if (round > 1) expect(previous[round]).not.toEqual(previous[round - 1]);
        const planes = (maps: Float32Array) => maps.subarray(side * side);
        const added = planes(clicks[round]).filter((on, k) => on > planes(clicks[round - 1])[k]);
        expect(planes(clicks[round]).some((on, k) => on < planes(clicks[round - 1])[k])).toBe(false);
        expect(added.length).toBeLessThanOrEqual(29);
      }
    }
  });
});

describe('a data set that cannot be read', () => {
  it('fails the step that needs it, not an earlier one', async () => {
    const { trainer } = await setUp({ batch: 1, stepOnly: true });
    await trainer.step();
    const { load } = scenes(3);
    let reads = 0;
    const broken: Dataset = {
      ...scenes(3),
      load: async index => {
        if (reads++ >= 2) throw new Error('gone');
        return load(index);
      },
    };
    const program = await compiled(toyProbe(), 1, true);
    const failing = new Trainer(program, batchesOf(broken, 1, 1), defaults, trainer.state);
    await failing.step();
    await failing.step();
    await expect(failing.step()).rejects.toThrow('gone');
    expect(trainer.state.step).toBe(3);
  });
});

describe('a granularity', () => {
  const granularity = {
    place: 'late',
    tableStart: 'zero',
    lora: { projections: ['q'], rank: 1, alpha: 1 },
    trainUpsampler: false,
  } as const;
  /** One attention weight, so that there is something to adapt. */
  const attentive = toyBackbone(4, 8, {
    features(image, scope) {
      const tokens = toTokens(patchEmbed(image, scope.at('proj'), 4, 8));
      return toMap(selfAttention(tokens, scope.at('attn'), 2), side / 4, side / 4);
    },
  });
  const probe = toyProbe({ backbone: attentive, injection: 'late', granularity });

  it.each([0, 2])(
    'is fed with every sample, and what a trained probe brings stays: rounds 0 to %i',
    async maxRounds => {
      const graph = buildProbe(probe, 1, [side, side]);
      const target = input('target', [1, 1, side, side], 'clicks');
      const start = initialValues(graph.start);
      const program = await compileTraining(
        graph,
        new Map([...initialValues(graph.frozen), ...start]),
        logits => {
          const perImage = reshape(normalisedFocalLoss(logits, target), [1]);
          return { perImage, total: sum(perImage, [0]) };
        },
        { threads: 1 },
      );
      programs.push(program);
      const fed: number[] = [];
      const run = program.run.bind(program);
      vi.spyOn(program, 'run').mockImplementation((group, feeds) => {
        if (feeds.granularity) fed.push(feeds.granularity[0]);
        return run(group, feeds);
      });
      const drawn = await trainingSample(scenes(1), { ...sample, step: 0, slot: 0 });
      const samples = [0.3, undefined, 1].map(granularity => ({ ...drawn, ...(granularity && { granularity }) }));
      const state = initialState(graph.trained.values(), 1);
      const options = { ...defaults, maxRounds, granular: true };
      const trainer = new Trainer(program, { take: async () => samples }, options, state);
      await trainer.step();
      // the row of .3; what has none counts as a whole object
      expect(fed).toEqual([2, 9, 9]);
      const table = state.parameters.get('granular.table.weight')!;
      const moved = Array.from({ length: 10 }, (_, row) => table.subarray(8 * row, 8 * row + 8).some(v => v !== 0));
      expect(moved).toEqual([false, false, true, false, false, false, false, false, false, true]);
      expect([...state.parameters.keys()].every(name => name.startsWith('granular.'))).toBe(true);
    },
  );

  it('begins with known values where there are some', () => {
    const { trained } = buildProbe(probe, 1, [side, side]);
    const known = new Map([['granular.table.weight', new Float32Array(80).fill(2)]]);
    const { parameters } = initialState(trained.values(), 1, known);
    expect(parameters.get('granular.table.weight')).toEqual(known.get('granular.table.weight'));
    expect(parameters.get('granular.table.weight')).not.toBe(known.get('granular.table.weight'));
    const plain = initialState(trained.values(), 1).parameters;
    expect(parameters.get('granular.backbone.attn.qkv.lora_A')).toEqual(plain.get('granular.backbone.attn.qkv.lora_A'));
  });
});
