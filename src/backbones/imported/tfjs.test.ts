import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/support/close.ts';
import { floats, type NodeSpec, onnxModel, type TensorSpec } from '../../../test/support/onnx-model.ts';
import { evaluate, uniform } from '../../../test/support/run.ts';
import { UserError } from '../../base/errors.ts';
import { count, input, type Shape } from '../../graph/tensor.ts';
import { Scope } from '../../nn/scope.ts';
import { importGraph } from './graph.ts';
import { fileBackbone } from './model-file.ts';
import { isSizedTfjs, tfjsTable } from './ops/tfjs.ts';
import { onnxDefaults } from './options.ts';
import { readTfjsGraph } from './tfjs-graph.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tfjs-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

type Attributes = Record<string, unknown>;
interface TfNode {
  name: string;
  op: string;
  input?: string[];
  attr?: Attributes;
}
type Constant = { shape: Shape; data: readonly number[] | Float32Array; dtype?: 'int32' };

const base64 = (text: string) => ({ s: Buffer.from(text).toString('base64') });
const list = (...i: number[]) => ({ list: { i: i.map(String) } });

/** Writes a model whose constants are nodes, as the converter does. */
function written(nodes: TfNode[], constants: Record<string, Constant>, image: number[], more: object = {}): string {
  const entries = Object.entries(constants);
  const bytes = entries.map(([, { data, dtype }]) =>
    Buffer.from((dtype ? Int32Array.from(data) : Float32Array.from(data)).buffer),
  );
  const own = mkdtempSync(join(folder, 'model-'));
  writeFileSync(join(own, 'weights.bin'), Buffer.concat(bytes));
  const placeholder = {
    name: 'x',
    op: 'Placeholder',
    attr: { dtype: { type: 'DT_FLOAT' }, shape: { shape: { dim: image.map(size => ({ size: String(size) })) } } },
  };
  const model = {
    format: 'graph-model',
    modelTopology: {
      node: [placeholder, ...entries.map(([name]) => ({ name, op: 'Const', attr: {} })), ...nodes],
    },
    weightsManifest: [
      {
        paths: ['weights.bin'],
        weights: entries.map(([name, { shape, dtype = 'float32' }]) => ({ name, shape, dtype })),
      },
    ],
    ...more,
  };
  const path = join(own, 'model.json');
  writeFileSync(path, JSON.stringify(model));
  return path;
}

interface Case {
  op: string;
  title?: string;
  constants?: Record<string, Constant>;
  attr?: Attributes;
  /** Of x; [2,5,6,4] by default. */
  shape?: Shape;
  /** How often x itself is given. */
  repeated?: number;
  /** The same in ONNX: of `f`, x with channels first, to `g`; or of x itself to `y`. */
  onnx: (Omit<NodeSpec, 'outputs'> & { output?: string })[];
}

const MAP: Shape = [2, 5, 6, 4];
const drawn = (...shape: number[]): Constant => ({ shape, data: uniform(shape, -1, 1, 'constant', ...shape) });
const numbers = (...data: number[]): Constant => ({ shape: [data.length], data, dtype: 'int32' });
const NHWC = { data_format: base64('NHWC') };
const same = { ...NHWC, padding: base64('SAME'), T: { type: 'DT_FLOAT' } };
const conv = {
  ...same,
  strides: list(1, 2, 2, 1),
  dilations: list(1, 1, 1, 1),
  explicit_paddings: { list: {} },
  use_cudnn_on_gpu: { b: true },
};
const merged = (...ops: string[]) => ({
  ...conv,
  fused_ops: { list: { s: ops.map(op => base64(op).s) } },
  num_args: { i: '1' },
  epsilon: { f: 0 },
});
const unary = (op: string, onnx = op): Case => ({ op, onnx: [{ op: onnx, inputs: ['x'] }] });
const constantPair = (op: string, onnx = op): Case => ({
  op,
  constants: { c: drawn(4) },
  onnx: [{ op: onnx, inputs: ['x', 'c'] }],
});
const kernel = { op: 'Transpose', inputs: ['k'], output: 'w', attributes: { perm: [3, 2, 0, 1] } };
const depthKernel = [
  { op: 'Transpose', inputs: ['k'], output: 'kt', attributes: { perm: [2, 3, 0, 1] } },
  { op: 'Reshape', inputs: ['kt', 'shape'], output: 'w' },
];
const SAME = { auto_pad: 'SAME_UPPER', strides: [2, 2] };
const bias = (name: string) => [
  { op: 'Reshape', inputs: [name, 'channels'], output: `${name}c` },
  { op: 'Add', inputs: ['conv', `${name}c`], output: 'biased' },
];
const statistics = { a: drawn(4), b: drawn(4), c: drawn(4), d: { shape: [4], data: [0.5, 1, 2, 0.1] } };

const cases: Case[] = [
  ...['Add', 'AddV2'].map(op => ({ op, repeated: 2, onnx: [{ op: 'Add', inputs: ['x', 'x'] }] })),
  { op: 'AddN', repeated: 3, attr: { N: { i: '3' } }, onnx: [{ op: 'Sum', inputs: ['x', 'x', 'x'] }] },
  constantPair('Sub'),
  constantPair('Mul'),
  constantPair('RealDiv', 'Div'),
  constantPair('Maximum', 'Max'),
  constantPair('Minimum', 'Min'),
  { ...constantPair('BiasAdd', 'Add'), attr: NHWC },
  ...['Neg', 'Exp', 'Sigmoid', 'Tanh', 'Relu', 'Elu', 'Identity', 'Softmax'].map(op => unary(op)),
  { op: 'Sqrt', shape: [3, 4], onnx: [{ op: 'Sqrt', inputs: ['x'] }] },
  {
    op: 'Rsqrt',
    shape: [3, 4],
    onnx: [
      { op: 'Sqrt', inputs: ['x'], output: 'r' },
      { op: 'Reciprocal', inputs: ['r'] },
    ],
  },
  { op: 'Square', onnx: [{ op: 'Mul', inputs: ['x', 'x'] }] },
  { op: 'Relu6', onnx: [{ op: 'Clip', inputs: ['x', 'low', 'high'] }] },
  { op: 'Reshape', constants: { s: numbers(-1, 4) }, onnx: [{ op: 'Reshape', inputs: ['x', 'flat'] }] },
  { op: 'Transpose', constants: { s: numbers(0, 3, 1, 2) }, onnx: [{ op: 'Identity', inputs: ['f'] }] },
  {
    op: 'ConcatV2',
    repeated: 2,
    constants: { s: { shape: [], data: [-1], dtype: 'int32' } },
    attr: { N: { i: '2' } },
    onnx: [{ op: 'Concat', inputs: ['x', 'x'], attributes: { axis: 3 } }],
  },
  {
    op: 'Pad',
    constants: { s: { shape: [4, 2], data: [0, 0, 1, 2, 0, 1, 0, 0], dtype: 'int32' } },
    onnx: [{ op: 'Pad', inputs: ['x', 'pads'] }],
  },
  {
    op: 'PadV2',
    constants: { s: { shape: [4, 2], data: [0, 0, 1, 2, 0, 1, 0, 0], dtype: 'int32' }, v: { shape: [], data: [6] } },
    onnx: [{ op: 'Pad', inputs: ['x', 'pads', 'high'] }],
  },
  {
    op: 'MirrorPad',
    constants: { s: { shape: [4, 2], data: [0, 0, 1, 2, 0, 1, 0, 0], dtype: 'int32' } },
    attr: { mode: base64('REFLECT') },
    onnx: [{ op: 'Pad', inputs: ['x', 'pads'], attributes: { mode: 'reflect' } }],
  },
  {
    op: 'Conv2D',
    constants: { k: drawn(3, 2, 4, 5) },
    attr: conv,
    onnx: [kernel, { op: 'Conv', inputs: ['f', 'w'], output: 'g', attributes: SAME }],
  },
  {
    op: 'Conv2D',
    title: 'VALID',
    constants: { k: drawn(3, 2, 4, 5) },
    attr: { ...conv, padding: base64('VALID') },
    onnx: [kernel, { op: 'Conv', inputs: ['f', 'w'], output: 'g', attributes: { strides: [2, 2] } }],
  },
  {
    op: 'Conv2D',
    title: 'EXPLICIT',
    constants: { k: drawn(3, 2, 4, 5) },
    attr: { ...conv, padding: base64('EXPLICIT'), explicit_paddings: list(0, 0, 1, 2, 0, 1, 0, 0) },
    onnx: [
      kernel,
      { op: 'Conv', inputs: ['f', 'w'], output: 'g', attributes: { strides: [2, 2], pads: [1, 0, 2, 1] } },
    ],
  },
  {
    op: '_FusedConv2D',
    constants: { k: drawn(3, 3, 4, 6), bias: drawn(6) },
    attr: merged('BiasAdd', 'Relu6'),
    onnx: [
      kernel,
      { op: 'Conv', inputs: ['f', 'w'], output: 'conv', attributes: SAME },
      ...bias('bias'),
      { op: 'Clip', inputs: ['biased', 'low', 'high'], output: 'g' },
    ],
  },
  {
    op: '_FusedConv2D',
    title: 'PReLU',
    constants: { k: drawn(3, 3, 4, 6), bias: drawn(6), slope: drawn(6) },
    attr: merged('BiasAdd', 'Prelu'),
    onnx: [
      kernel,
      { op: 'Conv', inputs: ['f', 'w'], output: 'conv', attributes: SAME },
      ...bias('bias'),
      { op: 'Reshape', inputs: ['slope', 'slopes'], output: 'alpha' },
      { op: 'PRelu', inputs: ['biased', 'alpha'], output: 'g' },
    ],
  },
  {
    op: '_FusedConv2D',
    title: 'LeakyReLU',
    constants: { k: drawn(3, 3, 4, 6), bias: drawn(6) },
    attr: { ...merged('BiasAdd', 'LeakyRelu'), leakyrelu_alpha: { f: 0.3 } },
    onnx: [
      kernel,
      { op: 'Conv', inputs: ['f', 'w'], output: 'conv', attributes: SAME },
      ...bias('bias'),
      { op: 'LeakyRelu', inputs: ['biased'], output: 'g', attributes: { alpha: { float: 0.3 } } },
    ],
  },
  {
    op: '_FusedConv2D',
    title: 'sigmoid',
    constants: { k: drawn(3, 3, 4, 6), bias: drawn(6) },
    attr: merged('BiasAdd', 'Sigmoid'),
    onnx: [
      kernel,
      { op: 'Conv', inputs: ['f', 'w'], output: 'conv', attributes: SAME },
      ...bias('bias'),
      { op: 'Sigmoid', inputs: ['biased'], output: 'g' },
    ],
  },
  {
    op: 'DepthwiseConv2dNative',
    constants: { k: drawn(3, 3, 4, 2) },
    attr: conv,
    onnx: [...depthKernel, { op: 'Conv', inputs: ['f', 'w'], output: 'g', attributes: { ...SAME, group: 4 } }],
  },
  {
    op: 'FusedDepthwiseConv2dNative',
    constants: { k: drawn(3, 3, 4, 2), bias: drawn(8) },
    attr: merged('BiasAdd', 'Relu'),
    onnx: [
      ...depthKernel,
      { op: 'Conv', inputs: ['f', 'w'], output: 'conv', attributes: { ...SAME, group: 4 } },
      ...bias('bias'),
      { op: 'Relu', inputs: ['biased'], output: 'g' },
    ],
  },
  {
    op: 'MatMul',
    shape: [3, 4],
    constants: { m: drawn(5, 4) },
    attr: { transpose_a: { b: false }, transpose_b: { b: true } },
    onnx: [{ op: 'Gemm', inputs: ['x', 'm'], attributes: { transB: 1 } }],
  },
  {
    op: '_FusedMatMul',
    shape: [3, 4],
    constants: { m: drawn(4, 5), bias: drawn(5) },
    attr: { transpose_a: { b: false }, transpose_b: { b: false }, fused_ops: { list: { s: [base64('BiasAdd').s] } } },
    onnx: [{ op: 'Gemm', inputs: ['x', 'm', 'bias'] }],
  },
  ...['FusedBatchNorm', 'FusedBatchNormV2', 'FusedBatchNormV3'].map(op => ({
    op,
    constants: statistics,
    attr: { ...NHWC, epsilon: { f: 0.01 }, is_training: { b: false }, exponential_avg_factor: { f: 1 } },
    onnx: [
      {
        op: 'BatchNormalization',
        inputs: ['f', 'a', 'b', 'c', 'd'],
        output: 'g',
        attributes: { epsilon: { float: 0.01 } },
      },
    ],
  })),
  ...[
    ['MaxPool', 'MaxPool'],
    ['AvgPool', 'AveragePool'],
  ].map(([op, onnx]) => ({
    op,
    attr: { ...same, ksize: list(1, 3, 2, 1), strides: list(1, 2, 2, 1), explicit_paddings: { list: {} } },
    onnx: [{ op: onnx, inputs: ['f'], output: 'g', attributes: { ...SAME, kernel_shape: [3, 2] } }],
  })),
  ...[
    ['Mean', 'ReduceMean'],
    ['Sum', 'ReduceSum'],
    ['Max', 'ReduceMax'],
  ].flatMap(([op, onnx]) =>
    [true, false].map(keep => ({
      op,
      title: `keep ${keep}`,
      constants: { s: numbers(1, -2) },
      attr: { keep_dims: { b: keep } },
      onnx: [{ op: onnx, inputs: ['x', 'inner'], attributes: { keepdims: keep ? 1 : 0 } }],
    })),
  ),
  ...[
    [false, false, 'asymmetric', 'floor'],
    [true, false, 'align_corners', 'round_prefer_ceil'],
    [false, true, 'half_pixel', 'round_prefer_ceil'],
  ].flatMap(([aligned, centred, coordinates, rounding]) =>
    [['ResizeBilinear', 'linear'], ...(centred ? [] : [['ResizeNearestNeighbor', 'nearest']])].map(([op, mode]) => ({
      op,
      title: `${coordinates}`,
      constants: { s: numbers(9, 8) },
      attr: { align_corners: { b: aligned }, half_pixel_centers: { b: centred } },
      onnx: [
        {
          op: 'Resize',
          inputs: ['f', '', '', 'sizes'],
          output: 'g',
          attributes: { mode, coordinate_transformation_mode: `${coordinates}`, nearest_mode: `${rounding}` },
        },
      ],
    })),
  ),
];

it('has cases for every op of the table', () => {
  expect([...new Set(cases.map(({ op }) => op))].sort()).toEqual(Object.keys(tfjsTable).sort());
});

describe('every op gives what its counterpart in ONNX gives', () => {
  it.each(cases.map((each, index) => [`${each.op} ${each.title ?? ''}`, each, index] as const))(
    '%s',
    async (_, each, index) => {
      const { op, constants = {}, attr = {}, shape = MAP, repeated = 1 } = each;
      const given = [...new Array<string>(repeated).fill('x'), ...Object.keys(constants)];
      const path = written([{ name: 'y', op, input: given, attr }], constants, [...shape]);
      const model = readTfjsGraph(path);
      const x = input('x', shape, 'clicks');
      const scope = Scope.frozen('w');
      const source = { ...model, file: 'model.json', table: tfjsTable, isSized: isSizedTfjs };
      const { tensor } = importGraph(source, { feeds: new Map([['x', x]]), scope }).get('y');
      const bound = new Map(
        [...scope.parameters.keys()].map(name => [name, Float32Array.from(constants[name.slice(2)].data)]),
      );
      const data = uniform(shape, /sqrt/i.test(op) ? 0.2 : -1.5, 1.5, op, index);
      const { y } = await evaluate({ y: tensor! }, { x: data }, { bound });

      const expected = await runtime(each, shape, data);
      expect(tensor!.shape).toEqual(expected.dims);
      expectClose(y, expected.data as Float32Array, 1e-5, 'y');
    },
  );
});

/** The counterpart in ONNX, run by the runtime. */
async function runtime({ onnx, constants = {} }: Case, shape: Shape, data: Float32Array): Promise<ort.Tensor> {
  const last = onnx.at(-1)!;
  const nodes: NodeSpec[] = onnx.map(({ output = 'y', ...node }) => ({ ...node, outputs: [output] }));
  const used = new Set(onnx.flatMap(({ inputs }) => inputs));
  if (used.has('f'))
    nodes.unshift({ op: 'Transpose', inputs: ['x'], outputs: ['f'], attributes: { perm: [0, 3, 1, 2] } });
  if (last.output === 'g')
    nodes.push({ op: 'Transpose', inputs: ['g'], outputs: ['y'], attributes: { perm: [0, 2, 3, 1] } });
  const int = (...values: number[]): TensorSpec => ({ type: 'int64', shape: [values.length], data: values });
  const known: Record<string, TensorSpec> = {
    ...Object.fromEntries(Object.entries(constants).map(([name, each]) => [name, floats(each.shape, each.data)])),
    low: floats([], [0]),
    high: floats([], [6]),
    flat: int(-1, 4),
    pads: int(0, 1, 0, 0, 0, 2, 1, 0),
    inner: int(1, 2),
    sizes: int(2, 4, 9, 8),
    shape: int(8, 1, 3, 3),
    channels: int(1, -1, 1, 1),
    slopes: int(6, 1, 1),
  };
  const initializers = Object.fromEntries(Object.entries(known).filter(([name]) => used.has(name)));
  const bytes = onnxModel({ nodes, initializers, inputs: { x: shape }, outputs: ['y'] });
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 4, intraOpNumThreads: 1 });
  const { y } = await session.run({ x: new ort.Tensor('float32', data, shape) });
  await session.release();
  return y;
}

describe('a graph model as a backbone', () => {
  const network = (image: number[]) =>
    written(
      [
        { name: 'first', op: '_FusedConv2D', input: ['x', 'k', 'b'], attr: merged('BiasAdd', 'Relu') },
        {
          name: 'second',
          op: 'Conv2D',
          input: ['first:0', 'k2', '^first'],
          attr: { ...conv, strides: list(1, 1, 1, 1) },
        },
        { name: 'pool/out', op: 'Mean', input: ['second', 'axes'], attr: { keep_dims: { b: false } } },
        { name: 'unused', op: 'TopKV2', input: ['pool/out', 'axes'] },
        { name: 'picked', op: 'GatherV2', input: ['unused:1', 'axes'] },
      ],
      { k: drawn(3, 3, 3, 6), b: drawn(6), k2: drawn(3, 3, 6, 8), axes: numbers(1, 2) },
      image,
      { signature: { outputs: { a: { name: 'picked:0' }, b: { name: 'second:0' } } } },
    );

  it('is found out by itself, channels last, of any size where nothing has one written down', async () => {
    const backbone = fileBackbone(network([1, 32, 32, 3]), onnxDefaults, 32);
    expect(backbone).toMatchObject({ name: 'model.json', stride: 2, channels: 8, size: null });
    expect(backbone.early).toEqual({ channels: 6, stride: 2, gain: 1 });
    const clicks = input('clicks', [2, 6, 8, 12], 'clicks');
    const y = backbone.features(input('image', [2, 3, 16, 24], 'image'), Scope.frozen('w'), clicks);
    expect(y.shape).toEqual([2, 8, 8, 12]);
    const weights = await backbone.weights();
    expect([...weights.keys()]).toEqual(['k', 'k2']);
    expect([...weights.values()].every(({ shape, data }) => data.length === count(shape))).toBe(true);
  });

  it('says what it cannot read', () => {
    const path = join(folder, 'other.json');
    writeFileSync(path, JSON.stringify({ format: 'layers-model', modelTopology: {}, weightsManifest: [] }));
    expect(() => readTfjsGraph(path)).toThrow(UserError);
    expect(() => readTfjsGraph(path)).toThrow('is no TensorFlow.js graph model: format');
    writeFileSync(path, '{');
    expect(() => readTfjsGraph(path)).toThrow(/cannot read .*other\.json/);
    expect(() => readTfjsGraph(join(folder, 'none.json'))).toThrow(UserError);
    expect(() => fileBackbone(network([-1, -1, -1, 3]), { ...onnxDefaults, output: 'picked' }, 32)).toThrow(
      'the node "unused" (TopKV2) cannot be imported',
    );
  });
});

const centernet = 'node_modules/@vladmandic/human/models/centernet.json';
if (!existsSync(centernet))
  console.warn(`${centernet} is not here: CenterNet is not tested. npm install @vladmandic/human`);

it.skipIf(!existsSync(centernet))(
  'CenterNet is a backbone of any size in front of its head, of 512 px in it',
  async () => {
    const inner = fileBackbone(centernet, { ...onnxDefaults, output: 'tower_0/MobilenetV3/expanded_conv_11/add' }, 224);
    expect(inner).toMatchObject({ stride: 16, channels: 88, size: null, early: { channels: 192, stride: 16 } });
    const head = fileBackbone(centernet, { ...onnxDefaults, output: 'tower_0/CenternetHead/mul' }, 224);
    expect(head).toMatchObject({ stride: 4, channels: 128, size: [512, 512] });
    const y = inner.features(input('image', [1, 3, 96, 160], 'image'), Scope.frozen('w'));
    const bound = new Map([...(await inner.weights())].map(([name, { data }]) => [`w.${name}`, data]));
    const image = uniform([1, 3, 96, 160], 0, 255, 'image');
    const { y: features } = await evaluate({ y }, { image }, { bound });
    expect(features.every(Number.isFinite)).toBe(true);
  },
);
