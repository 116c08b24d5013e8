import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { maxDifference } from '../../test/support/differences.ts';
import { UserError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { count, type Shape } from '../graph/tensor.ts';
import { readWeights } from '../weights/read-weights.ts';
import { encodeSafetensors, type WritableTensor } from '../weights/safetensors.ts';
import { type Grid, upsamplerParameters } from './parameters.ts';
import { type CheckpointTarget, misfit, readUpsamplerWeights } from './read-checkpoint.ts';
import { findUpsampler, upsamplers } from './registry.ts';

const folder = mkdtempSync(join(tmpdir(), 'clickprobe-upsampler-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const target: CheckpointTarget = { name: 'toy', channels: 32, stride: 16 };
const learned = upsamplers.filter(each => each.learned);

type Tensors = Map<string, WritableTensor & { data: Float32Array }>;

const random = (shape: Shape, ...seed: string[]) => {
  const stream = Random.of(3, ...seed);
  return { shape, data: Float32Array.from({ length: count(shape) }, () => stream.uniform(-1, 1)) };
};

const made = new Map<string, Tensors>();

/** Random weights of an upsampler, under its authors' names. */
function weightsOf(name: string, grid: Grid = target): Tensors {
  const key = JSON.stringify([name, grid.channels, grid.stride]);
  const parameters = made.has(key) ? [] : upsamplerParameters(findUpsampler(name), grid);
  const weights: Tensors = made.get(key) ?? new Map(parameters.map(p => [p.name, random(p.shape, p.name)]));
  made.set(key, weights);
  return new Map(weights);
}

let files = 0;
function written(tensors: ReadonlyMap<string, WritableTensor>, metadata: Record<string, string> = {}): string {
  const path = join(folder, `${files++}.safetensors`);
  writeFileSync(path, encodeSafetensors(tensors, metadata));
  return path;
}

const read = (path: string, name: string, at = target) => readUpsamplerWeights(path, findUpsampler(name), at);
const without = (tensors: Tensors, drop: RegExp): Tensors => new Map([...tensors].filter(([name]) => !drop.test(name)));

function expectSame(found: ReadonlyMap<string, { shape: Shape; data: Float32Array }>, expected: Tensors): void {
  expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, { shape, data }] of expected) {
    expect(found.get(name)!.shape, name).toEqual(shape);
    expect(sameNumbers(found.get(name)!.data, data), name).toBe(true);
  }
}

/** `toEqual` takes seconds for long arrays. */
const sameNumbers = (a: Float32Array, b: Float32Array) =>
  a.length === b.length && a.every((value, i) => value === b[i]);

describe.each(learned)('$name', ({ name }) => {
  it.each(['', 'state_dict.module.'])('is read with "%s" before its names', prefix => {
    const weights = weightsOf(name);
    const file: Tensors = new Map([...weights].map(([key, tensor]) => [prefix + key, tensor]));
    // what training and other networks leave in a file
    for (const key of weights.keys()) {
      const norm = /^(.*)\.running_mean$/.exec(key);
      if (norm) file.set(`${prefix}${norm[1]}.num_batches_tracked`, random([1], key));
    }
    file.set('model.0.model.blocks.0.attn.qkv.weight', random([6, 2], 'other'));
    file.set('downsampler.kernel', random([4], 'other'));
    expectSame(read(written(file), name), weights);
  });

  it('is not read where a tensor is missing or of another shape, which is named', () => {
    const weights = weightsOf(name);
    const [first, last] = [[...weights.keys()][0], [...weights.keys()].at(-1)!];
    expect(() => read(written(without(weights, new RegExp(`^${first}$`))), name)).toThrow(
      new RegExp(`does not fit ${name} for toy \\(32 channels\\): tensor "${first}".* found nothing`),
    );
    weights.set(last, random([7, 3], 'odd'));
    expect(() => read(written(weights), name)).toThrow(new RegExp(`tensor "${last}" should be.*found \\[7,3\\]`));
    expect(() => read(written(weights), name)).toThrow(UserError);
  });
});

it('half precision becomes float32', () => {
  const weights = weightsOf('naf');
  const halves = new Map([...weights].map(([key, tensor]) => [key, { ...tensor, dtype: 'F16' }]));
  const found = read(written(halves), 'naf');
  for (const [name, { data }] of weights) {
    expect(maxDifference(found.get(name)!.data, data), name).toBeLessThan(5e-4);
  }
});

it('a larger network of the kind is another', () => {
  const weights = weightsOf('loftup');
  for (const [name, tensor] of [...weights]) weights.set(name.replace('layers.1.', 'layers.2.'), tensor);
  expect(() => read(written(weights), 'loftup')).toThrow(
    /holds tensors that loftup .* does not have: upsampler\.ca_transformer\.layers\.2/,
  );
});

it('fewer stages than a file holds are asked for where patches are small', () => {
  const coarse = weightsOf('featup');
  const fine = read(written(coarse), 'featup', { ...target, stride: 8 });
  expect(fine.has('upsampler.up3.range_temp')).toBe(true);
  expect(fine.has('upsampler.up4.range_temp')).toBe(false);
  expect(read(written(weightsOf('carafe')), 'carafe', { ...target, stride: 14 }).size).toBeGreaterThan(0);
});

describe('FeatUp', () => {
  const norm = /model\.1\.norm/;
  it('takes a missing norm for 1 and 0, and says so; half a norm is none', () => {
    const weights = weightsOf('featup');
    const notes: string[] = [];
    const path = written(without(weights, norm));
    const found = readUpsamplerWeights(path, findUpsampler('featup'), target, text => notes.push(text));
    expect(found.get('model.1.norm.weight')!.data).toEqual(new Float32Array(32).fill(1));
    expect(found.get('model.1.norm.bias')!.data).toEqual(new Float32Array(32));
    expect(notes).toEqual([
      `${path} does not hold model.1.norm.weight, model.1.norm.bias of featup: at their initial values, as its authors load it`,
    ]);
    expect(() => read(written(without(weights, /norm\.bias/)), 'featup')).toThrow(/model\.1\.norm\.bias/);
  });

  it('without norm is no file with norm', () => {
    expect(() => read(written(weightsOf('featup')), 'featup-no-norm')).toThrow(/does not have: model\.1\.norm/);
  });

  it('kernels come from the file of any backbone', () => {
    const other = weightsOf('featup', { channels: 48, stride: 14 });
    expectSame(read(written(other), 'featup-kernels'), without(other, /model\.1|^upsampler\.fixup_proj/));
  });
});

describe('files of our own training', () => {
  const trained = (method: string, backbone = 'toy', channels = 32, weights = method) =>
    written(weightsOf(weights), { method, backbone, channels: String(channels) });

  it('are read where they were trained for this', () => {
    expectSame(read(trained('sapa'), 'sapa'), weightsOf('sapa'));
    expectSame(read(trained('lift'), 'lift-repeated'), weightsOf('lift'));
    expectSame(read(trained('anyup', 'other', 64), 'anyup'), weightsOf('anyup'));
  });

  it('are read with a note where the features had another scale', () => {
    const trainedFor = { backbone: 'toy', channels: '32', featureScale: '1.5' };
    const notes = (method: string, featureScale: number) => {
      const said: string[] = [];
      const path = written(weightsOf(method), { method, ...trainedFor });
      readUpsamplerWeights(path, findUpsampler(method), { ...target, featureScale }, text => said.push(text));
      return said;
    };
    expect(notes('sapa', 12)).toEqual([
      expect.stringMatching(/was trained on the features of toy times 1\.5, here they are times 12/),
    ]);
    expect(notes('sapa', 1.5)).toEqual([]);
    expect(notes('anyup', 12)).toEqual([]);
  });

  it('are refused where they were trained for something else', () => {
    expect(() => read(trained('jafar', 'other'), 'jafar')).toThrow(
      /was trained for other \(32 channels\), asked for is toy \(32\).*clickprobe upsampler train jafar --backbone toy/,
    );
    expect(() => read(trained('sapa'), 'dysample')).toThrow(/holds a trained sapa, not dysample/);
  });
});

const shared = (name: string) => join(import.meta.dirname, '../../../shared/weights', name);
const real: [file: string, upsampler: string, grid: Omit<CheckpointTarget, 'name'>][] = [
  ['anyup_paper.pth', 'anyup', { channels: 256, stride: 16 }],
  ['anyup_multi_backbone.pth', 'anyup', { channels: 384, stride: 14 }],
  ['clip_jbu_stack_cocostuff.ckpt', 'featup', { channels: 512, stride: 16 }],
  ['clip_jbu_stack_cocostuff.ckpt', 'featup-no-norm', { channels: 512, stride: 16 }],
  ['maskclip_jbu_stack_cocostuff.ckpt', 'featup-kernels', { channels: 256, stride: 16 }],
  ['vit_small_patch14_dinov2.lvd142m.pth', 'jafar', { channels: 384, stride: 14 }],
];

describe.each(real)('%s', (file, upsampler, grid) => {
  const here = existsSync(shared(file));
  if (!here) console.warn(`skipped: there is no ${shared(file)}`);

  it.skipIf(!here)(`holds ${upsampler}`, () => {
    const found = read(shared(file), upsampler, { name: 'real', ...grid });
    const stored = readWeights(shared(file));
    for (const [name, { data }] of found) {
      if (stored.has(name)) expect(sameNumbers(data, stored.get(name)!.data), name).toBe(true);
      else expect(name).toMatch(/^model\.1\.norm\.(weight|bias)$/);
    }
  });

  it.skipIf(!here)('holds no other one', () => {
    const others = ['anyup', 'featup', 'jafar', 'naf', 'lift'].filter(name => !upsampler.startsWith(name));
    for (const name of others)
      expect(misfit(shared(file), findUpsampler(name), { name: 'real', ...grid })).toBeDefined();
  });
});
