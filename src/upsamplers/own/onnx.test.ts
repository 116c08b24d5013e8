import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { afterAll, describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/support/close.ts';
import { floats, type GraphSpec, ints, type NodeSpec, onnxModel } from '../../../test/support/onnx-model.ts';
import { evaluate, projected, uniform } from '../../../test/support/run.ts';
import { UserError } from '../../base/errors.ts';
import { gradient } from '../../graph/gradient.ts';
import { input, type Shape } from '../../graph/tensor.ts';
import { Scope } from '../../nn/scope.ts';
import { onnxUpsampler } from './onnx.ts';

const folder = mkdtempSync(join(tmpdir(), 'clickprobe-own-onnx-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const example = join(import.meta.dirname, '../../../docs/examples/mine.onnx');
const grid = { name: 'mobilesam', channels: 8, stride: 4 };
let files = 0;

const FREE = { features: ['b', 'c', 'h', 'w'], image: ['b', 3, 'H', 'W'] };
const scales = (factor: number) => floats([4], [1, 1, factor, factor]);
const enlarge = (factor: number): Pick<GraphSpec, 'nodes' | 'initializers'> => ({
  nodes: [node('Resize', ['features', '', 'scales'], 'fine', { mode: 'nearest' })],
  initializers: { scales: scales(factor) },
});

function node(op: string, inputs: string[], output: string, attributes: NodeSpec['attributes'] = {}): NodeSpec {
  return { op, name: `/${output}`, inputs, outputs: [output], attributes };
}

function open(spec: Partial<GraphSpec>, opset = 17) {
  const path = join(folder, `${files++}.onnx`);
  const whole = { inputs: FREE, outputs: ['fine'], ...enlarge(2), ...spec };
  writeFileSync(path, onnxModel(whole, opset));
  return onnxUpsampler('net', { path, sha256: '' });
}

function run(upsampler: ReturnType<typeof onnxUpsampler>, shape: Shape, size: readonly [number, number]) {
  const scope = Scope.frozen('w');
  const features = input('features', shape, 'image');
  const image = input('image', [shape[0], 3, ...size], 'image');
  return { features, scope, output: upsampler.upsample(features, image, size, scope) };
}

describe('an ONNX file as an upsampler', () => {
  it('gives what ONNX Runtime gives for it, with gradients to the features', async () => {
    const upsampler = onnxUpsampler('mine', { path: example, sha256: '' });
    const { weights, from } = upsampler.load(grid);
    expect([[...weights.keys()], from, upsampler.learned, upsampler.agnostic]).toEqual([
      ['gate.weight'],
      example,
      true,
      true,
    ]);
    const session = await InferenceSession.create(example);
    for (const [shape, size] of [
      [
        [2, 8, 4, 3],
        [16, 12],
      ],
      [
        [1, 5, 3, 5],
        [21, 35],
      ],
    ] as const) {
      const pixels = [shape[0], 3, ...size];
      const given = { features: uniform(shape, -1, 1, 'f'), image: uniform(pixels, -2, 2, 'i') };
      const { output, features, scope } = run(upsampler, shape, size);
      expect(output.shape).toEqual([shape[0], shape[1], 2 * shape[2], 2 * shape[3]]);
      expect([...scope.parameters.keys()]).toEqual(['w.gate.weight']);
      const along = uniform(output.shape, -1, 1, 'along');
      const loss = projected(output, along);
      const [slope] = gradient(loss, [features]);
      const feeds = { ...given, 'w.gate.weight': weights.get('gate.weight')!.data };
      const ours = await evaluate({ output, loss, slope }, feeds);
      const theirs = await session.run({
        features: new OrtTensor('float32', given.features, shape),
        image: new OrtTensor('float32', given.image, pixels),
      });
      expectClose(ours.output, theirs.upsampled.data as Float32Array, 1e-5, 'the output');
      // linear in the features: the slope along them is the value itself
      const rise = ours.slope.reduce((sum, x, i) => sum + x * given.features[i], 0);
      expect(rise).toBeCloseTo(ours.loss[0], 3);
    }
    await session.release();
  });

  it('brings down what is larger than the image', () => {
    expect(run(open(enlarge(16)), [1, 8, 2, 3], [8, 12]).output.shape).toEqual([1, 8, 8, 12]);
  });

  it('tells features and image apart by names, else by three channels', () => {
    const shapes = (names: Record<string, (string | number)[]>, of: string) => {
      const nodes = [node('Resize', [of, '', 'scales'], 'fine', { mode: 'nearest' })];
      return run(open({ inputs: names, nodes }), [1, 8, 4, 4], [16, 16]).output.shape;
    };
    expect(shapes({ image: ['b', 'x', 'y', 'z'], features: ['b', 3, 'h', 'w'].fill('c', 1, 2) }, 'features')[1]).toBe(
      8,
    );
    expect(shapes({ pixels: ['b', 3, 'H', 'W'], tokens: ['b', 8, 'h', 'w'] }, 'tokens')[2]).toBe(8);
    expect(shapes({ x: ['b', 'c', 'h', 'w'] }, 'x')[2]).toBe(8);
  });

  it('gives images one by one to a file that takes one, at any size where nothing in it has one', async () => {
    const upsampler = open({ inputs: { features: [1, 2, 6, 6], image: [1, 3, 24, 24] } });
    const { output } = run(upsampler, [3, 2, 2, 2], [8, 8]);
    expect(output.shape).toEqual([3, 2, 4, 4]);
    const features = uniform([3, 2, 2, 2], -1, 1, 'single');
    const all = (await evaluate({ output }, { features })).output;
    const expected = Float32Array.from(all, (_, i) => {
      const [map, y, x] = [Math.floor(i / 16), Math.floor(i / 4) % 4, i % 4];
      return features[4 * map + 2 * (y >> 1) + (x >> 1)];
    });
    expect(all).toEqual(expected);
  });
});

describe('refuses', () => {
  it.each<[string, Partial<GraphSpec>, RegExp]>([
    ['two outputs', { outputs: ['fine', 'features'] }, /has the outputs "fine", "features"; expected one/],
    ['no input', { inputs: {} }, /has the inputs none; expected floats "features"/],
    ['a third input', { inputs: { ...FREE, size: [2] } }, /has the inputs .*"size" F32 \[2\]; expected floats/],
    ['an image alone', { inputs: { image: FREE.image } }, /has the inputs "image" F32 \[b,3,H,W\]; expected/],
    ['integers', { inputType: 'int64' }, /has the inputs "features" I64/],
  ])('%s, at once', (_, spec, says) => {
    expect(() => open(spec)).toThrow(UserError);
    expect(() => open(spec)).toThrow(says);
  });

  const sized = [
    node('Reshape', ['features', 'flat'], 'rows'),
    node('Reshape', ['rows', 'map'], 'back'),
    node('Resize', ['back', '', 'scales'], 'fine', { mode: 'nearest' }),
  ];
  it.each<[string, Partial<GraphSpec>, RegExp]>([
    [
      'other channels',
      { inputs: { ...FREE, features: ['b', 384, 'h', 'w'] } },
      /takes "features" as \[b, 384, h, w\], given \[2, 8, 4, 4\]: the channels differ.*for the channels of this backbone/,
    ],
    [
      'a fixed size',
      {
        inputs: { features: [1, 8, 6, 6], image: [1, 3, 24, 24] },
        nodes: sized,
        initializers: { scales: scales(2), flat: ints(1, -1), map: ints(1, 8, 6, 6) },
      },
      /takes "features" as \[1, 8, 6, 6\], given \[2, 8, 4, 4\]: the size differs.*--set training\.size=N/,
    ],
    ['a batch of four', { inputs: { ...FREE, features: [4, 8, 'h', 'w'] } }, /the batch differs/],
    [
      'what knows nothing of the features',
      { nodes: [node('Constant', [], 'fine', { value: { tensor: floats([1], [3]) } })] },
      /its output "fine" does not depend on the features/,
    ],
    ['an op that it does not know', { nodes: [node('NonZero', ['features'], 'fine')] }, /"\/fine" \(NonZero\)/],
    [
      'a map of the image',
      { nodes: [node('Relu', ['image'], 'fine')] },
      /gave \[2, 3, 16, 16\], expected a map \[2, 8, h', w'\]/,
    ],
  ])('%s, where it is built', (_, spec, says) => {
    const upsampler = open(spec);
    const build = () => run(upsampler, [2, 8, 4, 4], [16, 16]);
    expect(build).toThrow(UserError);
    expect(build).toThrow(says);
  });

  it('weights from elsewhere', () => {
    expect(() => open({}).load(grid, 'x.pth')).toThrow(
      /holds its weights itself, given --upsampler-weights net=x\.pth/,
    );
    expect(open({}).load(grid)).toEqual({ weights: new Map(), from: null });
  });
});
