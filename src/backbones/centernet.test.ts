import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { maxDifference } from '../../test/support/differences.ts';
import { evaluate, uniform } from '../../test/support/run.ts';
import { UserError } from '../base/errors.ts';
import { gradient } from '../graph/gradient.ts';
import { sum } from '../graph/ops/basic.ts';
import { mul } from '../graph/ops/elementwise.ts';
import { constant, count, GraphError, input, type Shape } from '../graph/tensor.ts';
import { Scope } from '../nn/scope.ts';
import { floatToHalf } from '../weights/half.ts';
import { weightsHash } from '../weights/hash.ts';
import { findPackageFile } from '../weights/package-file.ts';
import { writeSafetensors } from '../weights/safetensors.ts';
import { fileBackbone } from './imported/model-file.ts';
import { onnxDefaults } from './imported/options.ts';
import { findBackbone } from './registry.ts';

const backbone = findBackbone('centernet-mobilenetv3');
const FEATURES = 'tower_0/MobilenetV3/expanded_conv_11/add';

type Attributes = Record<string, unknown>;
interface TfNode {
  name: string;
  op: string;
  input: string[];
  attr: Attributes;
}

const base64 = (text: string) => ({ s: Buffer.from(text).toString('base64') });
const moves = (stride: number) => ({
  data_format: base64('NHWC'),
  padding: base64('SAME'),
  strides: { list: { i: ['1', `${stride}`, `${stride}`, '1'] } },
  dilations: { list: { i: ['1', '1', '1', '1'] } },
});
const merged = (...ops: string[]) => ({ fused_ops: { list: { s: ops.map(op => base64(op).s) } } });

/** The nodes and constants of a graph model as TensorFlow's converter writes MobileNetV3. */
class GraphModel {
  private readonly nodes: TfNode[] = [];
  private readonly constants: { name: string; shape: Shape; data: Float32Array; dtype?: 'int32' }[] = [];

  private constant(name: string, shape: Shape, data: Float32Array | readonly number[], dtype?: 'int32'): string {
    this.constants.push({ name, shape, data: Float32Array.from(data), dtype });
    return name;
  }

  /** Of a size that keeps the variance of what goes through. */
  private drawn(name: string, shape: Shape, fanIn: number): string {
    const reach = Math.sqrt(3 / fanIn);
    return this.constant(name, shape, uniform(shape, -reach, reach, name));
  }

  private node(name: string, op: string, inputs: string[], attr: Attributes = {}): string {
    this.nodes.push({ name, op, input: inputs, attr });
    return name;
  }

  private conv(name: string, x: string, kernel: Shape, stride: number, names: [string, string], ops: string[]): string {
    const [h, w, channels, out] = kernel;
    const weight = this.drawn(names[0], kernel, h * w * channels);
    const bias = this.drawn(names[1], [out], 40);
    return this.node(name, '_FusedConv2D', [x, weight, bias], { ...moves(stride), ...merged('BiasAdd', ...ops) });
  }

  private folded(place: string, x: string, kernel: Shape, stride: number, activated: boolean): string {
    const names: [string, string] = [`${place}/Conv2D_weights`, `${place}/Conv2D_bn_offset`];
    const node = `${place}/${activated ? 'Relu' : 'BatchNorm/FusedBatchNorm'}`;
    return this.conv(node, x, kernel, stride, names, activated ? ['Relu'] : []);
  }

  private depthwise(place: string, x: string, kernel: number, channels: number, stride: number, ops: string[]): string {
    const node = `${place}/depthwise`;
    const weight = this.drawn(`${node}_weights`, [kernel, kernel, channels, 1], kernel * kernel);
    const bias = this.drawn(`${node}_bn_offset`, [channels], 40);
    const attributes = { ...moves(stride), ...merged('BiasAdd', ...ops) };
    return this.node(node, 'FusedDepthwiseConv2dNative', [x, weight, bias], attributes);
  }

  private gate(place: string, x: string): string {
    const shifted = this.node(`${place}/add`, 'Add', [x, this.constant(`${place}/add/y`, [], [3])]);
    return this.node(`${place}/Relu6`, 'Relu6', [shifted]);
  }

  private hardSwish(place: string, x: string): string {
    const sixth = this.constant(`${place}/mul_1/y`, [], [1 / 6]);
    return this.node(`${place}/mul_1`, 'Mul', [this.node(`${place}/mul`, 'Mul', [sixth, x]), this.gate(place, x)]);
  }

  private squeezeExcite(block: string, x: string, channels: number, hidden: number): string {
    const place = `tower_0/${block}/squeeze_excite`;
    const own = (conv: string): [string, string] => [
      `${block}/squeeze_excite/${conv}/weights`,
      `${block}/squeeze_excite/${conv}/biases`,
    ];
    const axes = this.constant(`${place}/Mean/reduction_indices`, [2], [1, 2], 'int32');
    const mean = this.node(`${place}/Mean`, 'Mean', [x, axes], { keep_dims: { b: true } });
    const squeezed = this.conv(`${place}/Conv/Relu`, mean, [1, 1, channels, hidden], 1, own('Conv'), ['Relu']);
    const excited = this.conv(`${place}/Conv_1/BiasAdd`, squeezed, [1, 1, hidden, channels], 1, own('Conv_1'), []);
    const sixth = this.constant(`${place}/Conv_1/mul/y`, [], [1 / 6]);
    const factors = this.node(`${place}/Conv_1/mul`, 'Mul', [sixth, this.gate(`${place}/Conv_1`, excited)]);
    return this.node(`${place}/mul`, 'Mul', [factors, x]);
  }

  stem(): string {
    const place = 'tower_0/MobilenetV3/Conv';
    return this.hardSwish(`${place}/hard_swish`, this.folded(place, 'tower_0/images', [3, 3, 3, 16], 2, false));
  }

  /** @param sizes of the kernel, channels before, inside and after, inside squeeze-and-excite (0 for none), stride. */
  block(i: number, x: string, hard: boolean, sizes: readonly number[]): string {
    const [kernel, from, wide, to, hidden, stride] = sizes;
    const block = `MobilenetV3/expanded_conv${i === 0 ? '' : `_${i}`}`;
    const place = `tower_0/${block}`;
    const relus = hard ? [] : ['Relu'];
    let inner = x;
    if (i > 0) {
      const expanded = this.folded(`${place}/expand`, x, [1, 1, from, wide], 1, !hard);
      inner = hard ? this.hardSwish(`${place}/expand/hard_swish`, expanded) : expanded;
    }
    inner = this.depthwise(`${place}/depthwise`, inner, kernel, wide, stride, relus);
    if (hard) inner = this.hardSwish(`${place}/depthwise/hard_swish`, inner);
    if (hidden > 0) inner = this.squeezeExcite(block, inner, wide, hidden);
    const out = this.folded(`${place}/project`, inner, [1, 1, wide, to], 1, false);
    return stride === 1 && from === to ? this.node(`${place}/add`, 'Add', [out, x]) : out;
  }

  /** Writes model.json, its numbers as halves. */
  write(folder: string): string {
    const own = mkdtempSync(join(folder, 'model-'));
    const bytes = this.constants.map(({ data, dtype }) =>
      Buffer.from((dtype ? Int32Array.from(data) : floatToHalf(data)).buffer),
    );
    writeFileSync(join(own, 'weights.bin'), Buffer.concat(bytes));
    const placeholder = {
      name: 'tower_0/images',
      op: 'Placeholder',
      attr: {
        dtype: { type: 'DT_FLOAT' },
        shape: { shape: { dim: [1, 512, 512, 3].map(size => ({ size: `${size}` })) } },
      },
    };
    const weights = this.constants.map(({ name, shape, dtype = 'float32' }) => ({
      ...{ name, shape, dtype },
      ...(dtype === 'float32' && { quantization: { dtype: 'float16', original_dtype: 'float32' } }),
    }));
    const model = {
      format: 'graph-model',
      modelTopology: {
        node: [placeholder, ...weights.map(({ name }) => ({ name, op: 'Const', attr: {} })), ...this.nodes],
      },
      weightsManifest: [{ paths: ['weights.bin'], weights }],
    };
    const path = join(own, 'model.json');
    writeFileSync(path, JSON.stringify(model));
    return path;
  }
}

/** The sizes of centernet.json; block 12, of stride 32, follows what features need. */
const SIZES = [
  [3, 16, 16, 16, 0, 1],
  [3, 16, 64, 24, 0, 2],
  [3, 24, 72, 24, 0, 1],
  [5, 24, 72, 32, 24, 2],
  [5, 32, 96, 32, 24, 1],
  [5, 32, 96, 32, 24, 1],
  [3, 32, 192, 64, 0, 2],
  [3, 64, 160, 64, 0, 1],
  [3, 64, 144, 64, 0, 1],
  [3, 64, 144, 64, 0, 1],
  [3, 64, 384, 88, 96, 1],
  [3, 88, 528, 88, 136, 1],
  [5, 88, 528, 120, 136, 2],
];

function randomFile(folder: string, blocks = SIZES): string {
  const model = new GraphModel();
  blocks.reduce((x, sizes, i) => model.block(i, x, i > 5, sizes), model.stem());
  return model.write(folder);
}

/** Features by the native definition and by the file's graph, of the same image and clicks. */
async function both(path: string, shape: Shape) {
  const imported = fileBackbone(path, { ...onnxDefaults, output: FEATURES }, 64);
  const { channels, stride } = backbone.early;
  expect(imported.early).toMatchObject({ channels, stride });
  const image = input('image', shape, 'image');
  const clicks = input('clicks', [shape[0], channels, shape[2] / stride, shape[3] / stride], 'clicks');
  const [ours, theirs] = [Scope.frozen('ours'), Scope.frozen('theirs')];
  const outputs = {
    plain: backbone.features(image, ours),
    clicked: backbone.features(image, ours, clicks),
    expectedPlain: imported.features(image, theirs),
    expectedClicked: imported.features(image, theirs, clicks),
  };
  const bound = new Map<string, Float32Array>();
  for (const [name, { data }] of await backbone.weights(path)) bound.set(`ours.${name}`, data);
  for (const [name, { data }] of await imported.weights()) bound.set(`theirs.${name}`, data);
  const feeds = {
    image: uniform(shape, 0, 255, 'image', ...shape),
    clicks: uniform(clicks.shape, -2, 2, 'clicks', ...shape),
  };
  return evaluate(outputs, feeds, { bound });
}

async function expectEqual(path: string, shape: Shape): Promise<void> {
  const { plain, clicked, expectedPlain, expectedClicked } = await both(path, shape);
  expect(plain).toHaveLength((shape[0] * 88 * shape[2] * shape[3]) / 256);
  expectClose(plain, expectedPlain, 1e-6, 'features');
  expectClose(clicked, expectedClicked, 1e-6, 'features with clicks');
  expect(maxDifference(plain, clicked)).toBeGreaterThan(0.05);
}

const sizes: Shape[] = [
  [1, 3, 64, 64],
  [2, 3, 16, 48],
  [1, 3, 112, 80],
];

let folder: string;
let path: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'centernet-'));
  path = randomFile(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('a random file of the layout', () => {
  it.each(sizes)('gives what its graph gives: %i x %i x %i x %i', (...shape) => expectEqual(path, shape));

  it('gives the parameters asked for, and nothing else', async () => {
    const weights = await backbone.weights(path);
    const scope = Scope.frozen('w');
    backbone.features(input('image', [1, 3, 32, 32], 'image'), scope);
    expect([...weights].map(([name, { shape }]) => [`w.${name}`, shape])).toEqual(
      [...scope.parameters.values()].map(({ name, shape }) => [name, shape]),
    );
    expect([...weights.values()].every(({ shape, data }) => data.length === count(shape))).toBe(true);
  });

  it('has the gradient to early clicks that differences give', async () => {
    const scope = Scope.frozen('w');
    const clicks = input('clicks', [1, 192, 3, 2], 'clicks');
    const y = backbone.features(input('image', [1, 3, 48, 32], 'image'), scope, clicks);
    const factors = uniform(y.shape, -1, 1, 'factors');
    const loss = sum(mul(y, constant(factors, y.shape)), [0, 1, 2, 3]);
    const bound = new Map([...(await backbone.weights(path))].map(([name, { data }]) => [`w.${name}`, data]));
    const image = uniform([1, 3, 48, 32], 0, 255, 'image');
    const at = uniform(clicks.shape, -1, 1, 'clicks');
    const along = uniform(clicks.shape, -1, 1, 'along');
    const { dx } = await evaluate({ dx: gradient(loss, [clicks])[0] }, { image, clicks: at }, { bound });
    const moved = async (step: number) => {
      const feeds = { image, clicks: at.map((value, i) => value + step * along[i]) };
      // summed up in double precision
      return (await evaluate({ y }, feeds, { bound })).y.reduce((total, value, i) => total + value * factors[i], 0);
    };
    const step = 0.01;
    const expected = ((await moved(step)) - (await moved(-step))) / (2 * step);
    const slope = dx.reduce((total, value, i) => total + value * along[i], 0);
    const scale = Math.sqrt(dx.reduce((s, v) => s + v * v, 0) * along.reduce((s, v) => s + v * v, 0));
    expect(Math.abs(slope - expected) / scale).toBeLessThan(2e-3);
    expect(scale).toBeGreaterThan(1);
  });
});

describe('weights', () => {
  it('refuses other files and says what does not fit', async () => {
    const short = randomFile(folder, SIZES.slice(0, 11));
    await expect(backbone.weights(short)).rejects.toThrow(UserError);
    await expect(backbone.weights(short)).rejects.toThrow(
      `${short} (TensorFlow names) does not fit centernet-mobilenetv3: tensor "tower_0/MobilenetV3/expanded_conv_11/expand/Conv2D_weights" should be of shape [528,88,1,1], found nothing`,
    );
    const wide = randomFile(
      folder,
      SIZES.map((row, i) => (i === 7 ? [3, 64, 200, 64, 0, 1] : row)),
    );
    await expect(backbone.weights(wide)).rejects.toThrow(
      'expanded_conv_7/expand/Conv2D_weights" should be of shape [160,64,1,1], found [200,64,1,1]',
    );
    const other = join(folder, 'model.safetensors');
    writeSafetensors(other, new Map([['patch_embed.proj.weight', { shape: [1], data: new Float32Array(1) }]]));
    await expect(backbone.weights(other)).rejects.toThrow('no tensor has a name as in TensorFlow files');
    await expect(backbone.weights(join(folder, 'none.json'))).rejects.toThrow(UserError);
  });

  it('refuses sizes that 16 does not divide', () => {
    const image = input('image', [1, 3, 40, 32], 'image');
    expect(() => backbone.features(image, Scope.frozen('w'))).toThrow(GraphError);
    expect(() => backbone.features(image, Scope.frozen('w'))).toThrow('40 x 32 px is not a multiple of its stride 16');
  });
});

const installed = findPackageFile('@vladmandic/human/models/centernet.json');
if (installed === undefined) {
  console.warn('@vladmandic/human is not installed: its CenterNet is not tested. npm install @vladmandic/human');
}

describe.skipIf(installed === undefined)('the file of @vladmandic/human', () => {
  it.each(sizes)('gives what its graph gives: %i x %i x %i x %i', (...shape) => expectEqual(installed!, shape));

  it('is what is loaded where no file is named', async () => {
    const [found, named] = [await backbone.weights(), await backbone.weights(installed)];
    expect(weightsHash(found)).toBe(weightsHash(named));
  });
});
