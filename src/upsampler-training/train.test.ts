import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toyBackbone } from '../../test/support/toy-probe.ts';
import { parametersOf } from '../backbones/entry.ts';
import { UserError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { count } from '../graph/tensor.ts';
import { findUpsampler } from '../upsamplers/registry.ts';
import { readSafetensors, writeSafetensors } from '../weights/safetensors.ts';
import type { Weights } from '../weights/weight.ts';
import { findMethod } from './methods.ts';
import { runFiles, type UpsamplerConfig } from './run-files.ts';
import { scoreFile, type TrainingOptions, trainUpsampler } from './train.ts';

const folder = mkdtempSync(join(tmpdir(), 'clickprobe-upsampler-'));
const photos = join(folder, 'photos');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const backbone = toyBackbone(8, 8);
const weights: Weights = new Map(
  parametersOf(backbone.features, backbone.stride).map(({ name, shape }) => {
    const random = Random.of(1, name);
    return [name, { shape, data: Float32Array.from({ length: count(shape) }, () => random.uniform(-0.1, 0.1)) }];
  }),
);

beforeAll(async () => {
  mkdirSync(join(photos, 'more'), { recursive: true });
  for (let i = 0; i < 10; i++) {
    const random = Random.of(i, 'photo');
    const data = Uint8Array.from(
      { length: 96 * 80 * 3 },
      (_, k) => 128 + 90 * Math.sin(k / (40 + 9 * i)) + random.uniform(0, 20),
    );
    const path = join(photos, i < 5 ? '' : 'more', `${i}.png`);
    await sharp(data, { raw: { width: 96, height: 80, channels: 3 } })
      .png()
      .toFile(path);
  }
});

const configOf = (changes: Partial<UpsamplerConfig> = {}): UpsamplerConfig => ({
  upsampler: 'lift',
  stage: 1,
  backbone: 'toy',
  weights: null,
  images: photos,
  size: 32,
  batch: 2,
  seed: 5,
  learningRate: 1e-3,
  from: null,
  heldOutShare: 0.3,
  ...changes,
});

function train(root: string, config: Partial<UpsamplerConfig> = {}, options: Partial<TrainingOptions> = {}) {
  const full = configOf(config);
  return trainUpsampler(findMethod(full.upsampler, full.stage), backbone, weights, full, {
    root: join(folder, root),
    steps: 4,
    seconds: 1000,
    checkpointSeconds: 1000,
    heldOut: 2,
    version: '0',
    environment: { versions: {} },
    program: { threads: 1 },
    signal: new AbortController().signal,
    onStep: () => {},
    onScore: () => {},
    onNote: () => {},
    ...options,
  });
}

const files = (root: string) => runFiles(join(folder, root));
const bytes = (root: string) => readFileSync(files(root).upsampler);
const steps = (root: string) =>
  readFileSync(files(root).log, 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as { step: number; loss: number });

describe('trainUpsampler', () => {
  it('gives the same file, bit for bit, whether it was stopped or not', async () => {
    const { rows, complete } = await train('whole');
    expect(complete).toBe(true);
    expect(rows.map(({ upsampler, ratio }) => `${upsampler} ${ratio}`)).toEqual(
      [2, 4].flatMap(ratio =>
        ['lift', 'nearest', 'bilinear', 'bilinear-centres', 'bicubic', 'bilinear-fitted'].map(
          name => `${name} ${ratio}`,
        ),
      ),
    );
    for (const { cosine, mse, images } of rows) {
      expect(Math.abs(cosine)).toBeLessThanOrEqual(1 + 1e-6);
      expect(mse).toBeGreaterThan(0);
      expect(images).toBe(2);
    }

    const stop = new AbortController();
    const stopped = train(
      'stopped',
      {},
      { signal: stop.signal, onStep: done => done === 2 && stop.abort(new Error('stop')) },
    );
    await expect(stopped).rejects.toThrow('stop');
    expect(existsSync(files('stopped').upsampler)).toBe(false);
    expect(steps('stopped').map(({ step }) => step)).toEqual([1, 2]);
    const notes: string[] = [];
    await train('stopped', {}, { onNote: text => notes.push(text) });
    expect(notes.join()).toContain('going on');
    expect(bytes('stopped').equals(bytes('whole'))).toBe(true);
    expect(steps('stopped').map(({ loss }) => loss)).toEqual(steps('whole').map(({ loss }) => loss));
    // killed between a step and the next checkpoint: the log is ahead, and is cut
    writeFileSync(files('stopped').log, `${readFileSync(files('stopped').log, 'utf8')}{"step":5,"loss":0}\n`);
    await train('stopped', {}, { steps: 5 });
    expect(steps('stopped').map(({ step }) => step)).toEqual([1, 2, 3, 4, 5]);
    expect(steps('stopped')[4].loss).toBeGreaterThan(0);

    // finished: nothing is trained again
    const again = await train('whole');
    expect(again).toMatchObject({ steps: 4, complete: true, loss: null });
    expect(again.rows).toEqual(rows);
  });

  it('writes a file that scores the same by itself', async () => {
    const { rows } = await train('filed', { upsampler: 'jafar' });
    const path = files('filed').upsampler;
    const { metadata, tensors } = readSafetensors(path);
    expect(metadata).toEqual({
      ...{ method: 'jafar', backbone: 'toy', channels: '8' },
      ...{ stage: '1', featureScale: '1', steps: '4', clickprobe: '0' },
    });
    expect([...tensors.keys()]).toContain('cross_decode.conv2d.weight');
    const score = (name: string, of = backbone) =>
      scoreFile(path, findUpsampler(name), of, weights, configOf(), {
        ...{ heldOut: 2, program: { threads: 1 }, signal: new AbortController().signal },
        onScore: () => {},
        onNote: () => {},
      });
    expect(await score('jafar')).toEqual(rows);
    await expect(score('jafar', { ...backbone, name: 'other' })).rejects.toThrow(
      /was trained for toy .*asked for is other/,
    );
    await expect(score('lift')).rejects.toThrow(/holds a trained jafar, not lift/);
  });

  it('trains no longer than it may', async () => {
    const result = await train('timed', {}, { steps: 1000, seconds: 0 });
    expect(result).toMatchObject({ steps: 1, complete: false });
  });

  it('notes its configuration, versions and results', () => {
    expect(readFileSync(files('whole').config, 'utf8')).toContain('upsampler: lift');
    expect(JSON.parse(readFileSync(files('whole').environment, 'utf8'))).toEqual({ versions: {} });
    const results = JSON.parse(readFileSync(files('whole').results, 'utf8'));
    expect(results).toMatchObject({ upsampler: 'lift', backbone: 'toy', steps: 4, size: 32 });
  });
});

describe('bad input', () => {
  it.each<[string, Partial<UpsamplerConfig>, RegExp]>([
    ['a folder that is not there', { images: join(folder, 'nowhere') }, /there is no folder/],
    ['images that are too small', { size: 96 }, /are too small, such as .*needs 96 px/],
    [
      'a size that is no multiple of the stride',
      { size: 36 },
      /lift cannot be trained at --size 36 on toy \(stride 8\).*40 px/,
    ],
    ['photos without masks for loftup', { upsampler: 'loftup' }, /learns from masks of objects/],
    ['a second stage without the first', { upsampler: 'loftup', stage: 2 }, /begins with the file of stage 1/],
    ['no images held out', { heldOutShare: 1e-9 }, /none is held out to score with/],
    ['all images held out', { heldOutShare: 0.9999999 }, /none is left to train on/],
    ['a grid too coarse for windows', { upsampler: 'naf' }, /naf cannot be trained at --size 32 .*windows of 9 cells/],
  ])('%s', async (what, config, message) => {
    const error = await train(what, config).catch(reason => reason);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toMatch(message);
  });

  it('an empty folder', async () => {
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    await expect(train('none', { images: empty })).rejects.toThrow(/contains no JPEG/);
    // nothing was begun
    expect(existsSync(files('none').config)).toBe(false);
  });

  it('a folder with another training', async () => {
    await expect(train('whole', { seed: 6 })).rejects.toThrow(
      /holds another training:\n {2}seed: there 5, asked for 6/,
    );
  });

  it('a file of another kind to begin with, and a damaged checkpoint', async () => {
    const other = join(folder, 'other.safetensors');
    writeSafetensors(other, new Map([['head.weight', { shape: [1], data: Float32Array.of(1) }]]));
    await expect(train('from', { from: other })).rejects.toThrow(/does not hold lift/);
    await train('damaged', {}, { steps: 1 });
    writeFileSync(files('damaged').checkpoint, 'no');
    await expect(train('damaged')).rejects.toThrow(UserError);
  });

  it('a learning rate that is too high', async () => {
    await expect(train('high', { learningRate: 1e30 })).rejects.toThrow(/no number any more.*--learning-rate/);
  });
});

it('begins with the file of an earlier training', async () => {
  await train('first', {}, { steps: 2 });
  const result = await train('second', { from: files('first').upsampler, seed: 9 }, { steps: 1 });
  expect(result.steps).toBe(1);
  const outc = (root: string) =>
    readSafetensors(files(root).upsampler).tensors.get('outc.weight')!.data as Float32Array;
  const before = outc('first');
  const after = outc('second');
  const largest = Math.max(...before.map((value, i) => Math.abs(value - after[i])));
  // one step of Adam from where it was
  expect(largest).toBeGreaterThan(0);
  expect(largest).toBeLessThan(1.1e-3);
});
