import { describe, expect, it } from 'vitest';
import { toyBackbone } from '../../test/support/toy-probe.ts';
import { parametersOf } from '../backbones/entry.ts';
import type { Backbone } from '../backbones/types.ts';
import { UserError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import type { RgbImage, Target } from '../base/raster.ts';
import { count, input, type Shape } from '../graph/tensor.ts';
import { type Parameter, Scope } from '../nn/scope.ts';
import { findUpsampler, upsamplers } from '../upsamplers/registry.ts';
import type { Weights } from '../weights/weight.ts';
import { drawCut } from './cut.ts';
import { FrozenFeatures } from './features.ts';
import { buildTraining, TEACHER, TrainingPrograms } from './graph.ts';
import type { Method } from './method.ts';
import { findMethod, methods } from './methods.ts';
import { freshState } from './state.ts';
import { type StepReport, UpsamplerTrainer } from './trainer.ts';

/** Smooth blobs of colour, and one object. */
function photo(seed: number, side: number): { image: RgbImage; objects: Target[] } {
  const random = Random.of(seed, 'photo');
  const waves = [0, 1, 2].map(() => [random.uniform(0.05, 0.4), random.uniform(0.05, 0.4), random.uniform(0, 6)]);
  const data = new Uint8Array(side * side * 3);
  const object = new Int8Array(side * side);
  for (let i = 0; i < side * side; i++) {
    const [y, x] = [Math.floor(i / side), i % side];
    object[i] = Number((y - side / 2) ** 2 + (x - side / 3) ** 2 < (side / 4) ** 2);
    waves.forEach(([a, b, c], k) => {
      data[3 * i + k] = object[i] ? 220 - 60 * k : 128 + 100 * Math.sin(a * y + b * x + c);
    });
  }
  const size = { width: side, height: side };
  return { image: { ...size, data }, objects: [{ ...size, data: object }] };
}

const weightsOf = (backbone: Backbone): Weights =>
  new Map(
    parametersOf(backbone.features, backbone.stride).map(({ name, shape }) => {
      const random = Random.of(1, name);
      const bound = 1 / Math.sqrt(count(shape) / shape[0]);
      return [name, { shape, data: Float32Array.from({ length: count(shape) }, () => random.uniform(-bound, bound)) }];
    }),
  );

/** Sides that a method needs at least: windows of 9 cells, 7 pixels. */
const sizeOf = (method: Method) => (method.upsampler === 'naf' ? 72 : 32);
const STRIDE = 8;
const CHANNELS = 8;

function trainerOf(method: Method, { seed = 0, photos = 2, rate = method.optimiser.rate } = {}) {
  const backbone = toyBackbone(STRIDE, CHANNELS);
  const setting = { backbone, size: sizeOf(method), batch: 2 };
  const graph = buildTraining(method, setting);
  const features = new FrozenFeatures(backbone, weightsOf(backbone), { threads: 1 });
  const programs = new TrainingPrograms(graph, { threads: 1 });
  const batches = {
    take: async (step: number) => {
      const variant = Random.of(seed, 'variant', step).integer(0, (method.variants?.(setting) ?? 1) - 1);
      const draws = [0, 1].map(slot => {
        const random = Random.of(seed, 'draw', step % photos, slot);
        const side = method.cut(setting.size);
        const { image, objects } = photo(slot, side + 16);
        return method.draw(drawCut(image, objects, side, random), random, setting, variant);
      });
      return { variant, draws };
    },
  };
  const state = freshState(method, graph, seed);
  const trainer = new UpsamplerTrainer(method, graph, programs, features, batches, rate, state);
  const release = async () => {
    await programs.release();
    await features.release();
  };
  return { trainer, graph, programs, state, release };
}

const title = (method: Method) => `${method.upsampler}${method.stage > 1 ? `, stage ${method.stage}` : ''}`;

describe.each(methods.map(method => [title(method), method] as const))('%s', (_, method) => {
  it('has gradients to every parameter, and learns', async () => {
    const { trainer, graph, state, release } = trainerOf(method, { photos: 1 });
    try {
      const begin = new Map([...state.parameters].map(([name, data]) => [name, data.slice()]));
      const reports: StepReport[] = [];
      for (let i = 0; i < 8; i++) reports.push(await trainer.step());
      for (const { loss, gradient } of reports) {
        expect(loss).toBeGreaterThan(-10);
        expect(gradient).toBeGreaterThan(0);
      }
      const moved = (name: string) => begin.get(name)!.some((value, i) => value !== state.parameters.get(name)![i]);
      const squares = state.adam.state();
      expect(graph.trained.filter(name => !squares.get(`second.${name}`)!.some(value => value > 0))).toEqual([]);
      for (const name of state.parameters.keys()) {
        if (/running_(mean|var)$/.test(name) || name.startsWith(TEACHER))
          expect([name, moved(name)]).toEqual([name, true]);
        else if (!graph.trained.includes(name)) expect([name, moved(name)]).toEqual([name, false]);
      }
      const [first, last] = [reports.slice(0, 2), reports.slice(-2)].map(part => part.reduce((s, r) => s + r.loss, 0));
      // the second stage learns from itself; its target moves
      if (method.stage === 1) expect(last).toBeLessThan(first);
    } finally {
      await release();
    }
  });

  it('has the parameters that the upsampler asks for in a probe, of the same shapes', () => {
    const size = sizeOf(method);
    const { parameters } = buildTraining(method, { backbone: toyBackbone(STRIDE, CHANNELS), size, batch: 1 });
    const scope = Scope.frozen('upsampler');
    const cells = size / STRIDE;
    const features = input('features', [1, CHANNELS, cells, cells], 'image');
    findUpsampler(method.upsampler).upsample(
      features,
      input('image', [1, 3, size, size], 'image'),
      [size, size],
      scope,
    );
    const shapes = (all: ReadonlyMap<string, Parameter>) =>
      [...all.values()].filter(({ name }) => name.startsWith('upsampler.')).map(({ name, shape }) => [name, shape]);
    expect(new Map(shapes(parameters) as [string, Shape][])).toEqual(
      new Map(shapes(scope.parameters) as [string, Shape][]),
    );
  });

  it('names its objective', () => {
    expect(method.objective.length).toBeGreaterThan(10);
    expect(upsamplers.find(({ name }) => name === method.upsampler)?.learned).toBe(true);
  });
});

it('upsamplers name the training that makes their weights', () => {
  const named = new Set(upsamplers.flatMap(({ trainedAs }) => trainedAs ?? []));
  expect(named).toEqual(new Set(methods.map(({ upsampler }) => upsampler)));
});

describe('findMethod', () => {
  it('tells what cannot be trained, and why', () => {
    expect(findMethod('lift').upsampler).toBe('lift');
    expect(findMethod('loftup', 2).stage).toBe(2);
    expect(() => findMethod('bilinear')).toThrow(/bilinear is not learned/);
    expect(() => findMethod('carafe')).toThrow(/carafe has no training objective/);
    expect(() => findMethod('lfit')).toThrow(/no upsampler "lfit"/);
    expect(() => findMethod('lift', 2)).toThrow(UserError);
  });
});
