import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import {
  encodeSafetensors,
  parseSafetensors,
  readSafetensors,
  type WritableTensor,
  writeSafetensors,
} from './safetensors.ts';

const golden = join(import.meta.dirname, '../../../shared/golden/networks');
if (!existsSync(golden)) console.warn(`skipped: reading the golden safetensors, ${golden} is absent`);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'safetensors-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A file by hand, so that the tests do not rest on our own writer. */
function file(header: string | Uint8Array | object, data: Uint8Array | number = 0, headerLength?: number): Uint8Array {
  const text = typeof header === 'string' ? header : JSON.stringify(header);
  const json = header instanceof Uint8Array ? header : new TextEncoder().encode(text);
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(headerLength ?? json.length));
  return Buffer.concat([out, json, typeof data === 'number' ? new Uint8Array(data) : data]);
}

const dtypes: [string, fc.Arbitrary<WritableTensor['data']>][] = [
  ['F32', fc.float32Array({ maxLength: 9 })],
  ['F64', fc.float64Array({ maxLength: 9 })],
  ['I64', fc.bigInt64Array({ maxLength: 9 })],
  ['U64', fc.bigUint64Array({ maxLength: 9 })],
  ['I32', fc.int32Array({ maxLength: 9 })],
  ['U32', fc.uint32Array({ maxLength: 9 })],
  ['I16', fc.int16Array({ maxLength: 9 })],
  ['U16', fc.uint16Array({ maxLength: 9 })],
  ['I8', fc.int8Array({ maxLength: 9 })],
  ['U8', fc.uint8Array({ maxLength: 9 })],
  ['BOOL', fc.uint8Array({ maxLength: 9, max: 1 })],
];
const anyTensor = fc
  .oneof(...dtypes.map(([dtype, data]) => fc.record({ dtype: fc.constant(dtype), data })))
  .map(({ dtype, data }) => ({ dtype, data, shape: [1, data.length] }));
const anyName = fc.string({ unit: 'binary' }).filter(name => name !== '__metadata__');

describe('safetensors', () => {
  it('reads a hand-made file with unaligned tensors', () => {
    const data = Uint8Array.of(7, 0, 0, 0x80, 0x3f, 0x00, 0x3c, 0x80, 0xbf);
    const header = {
      __metadata__: { format: 'pt' },
      byte: { dtype: 'U8', shape: [1], data_offsets: [0, 1] },
      half: { dtype: 'F16', shape: [], data_offsets: [5, 7] },
      float: { dtype: 'F32', shape: [1, 1], data_offsets: [1, 5] },
      brain: { dtype: 'BF16', shape: [1], data_offsets: [7, 9] },
      none: { dtype: 'F64', shape: [3, 0], data_offsets: [9, 9] },
    };
    const { metadata, tensors } = parseSafetensors(file(header, data), 'x');
    expect(metadata).toEqual({ format: 'pt' });
    expect(Object.fromEntries(tensors)).toEqual({
      byte: { dtype: 'U8', shape: [1], data: Uint8Array.of(7) },
      half: { dtype: 'F16', shape: [], data: Float32Array.of(1) },
      float: { dtype: 'F32', shape: [1, 1], data: Float32Array.of(1) },
      brain: { dtype: 'BF16', shape: [1], data: Float32Array.of(-1) },
      none: { dtype: 'F64', shape: [3, 0], data: new Float64Array(0) },
    });
  });

  it('writes what it reads, for any tensors, names and metadata', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(anyName, anyTensor), { selector: ([name]) => name, maxLength: 6 }),
        fc.dictionary(fc.string(), fc.string()),
        (entries, metadata) => {
          const tensors = new Map(entries);
          const back = parseSafetensors(encodeSafetensors(tensors, metadata), 'x');
          expect(back.tensors.size).toBe(tensors.size);
          for (const [name, tensor] of tensors) expect(back.tensors.get(name)).toEqual(tensor);
          expect(Object.entries(back.metadata)).toEqual(Object.entries(metadata));
        },
      ),
    );
  });

  it('keeps 16-bit tensors bit by bit and aligns the data', () => {
    const bytes = Uint8Array.from({ length: 131072 }, (_, i) => (i % 2 ? i >> 9 : i >> 1));
    for (const dtype of ['F16', 'BF16']) {
      const stored = file({ w: { dtype, shape: [65536], data_offsets: [0, 131072] } }, bytes);
      const again = encodeSafetensors(parseSafetensors(stored, 'x').tensors);
      expect(Buffer.from(again.subarray(-131072)).equals(bytes)).toBe(true);
    }
    const mixed = encodeSafetensors(
      new Map<string, WritableTensor>([
        ['a', { shape: [1], data: Uint8Array.of(1) }],
        ['b', { shape: [1], data: Float64Array.of(2) }],
      ]),
    );
    const headerLength = new DataView(mixed.buffer).getUint32(0, true);
    expect(headerLength % 8).toBe(0);
    expect(new Float64Array(mixed.buffer, 8 + headerLength, 1)[0]).toBe(2);
  });

  it('takes the dtype from the array and writes views of larger buffers', () => {
    const view = new Float32Array([9, 1, 2, 9]).subarray(1, 3);
    const path = join(folder, 'deep/model.safetensors');
    writeSafetensors(path, new Map([['w', { shape: [2], data: view }]]), { step: '3' });
    expect(readSafetensors(path)).toEqual({
      metadata: { step: '3' },
      tensors: new Map([['w', { dtype: 'F32', shape: [2], data: Float32Array.of(1, 2) }]]),
    });
    expect(readdirSync(join(folder, 'deep'))).toEqual(['model.safetensors']);
  });

  it('refuses tensors that contradict themselves', () => {
    const encode = (name: string, tensor: WritableTensor) => () => encodeSafetensors(new Map([[name, tensor]]));
    const data = Float32Array.of(1, 2);
    expect(encode('w', { shape: [3], data })).toThrow('tensor w: shape [3] has 3 elements, its data 2');
    expect(encode('w', { shape: [2], data, dtype: 'I64' })).toThrow('a Float32Array cannot be written as I64');
    expect(encode('w', { shape: [2], data, dtype: 'F8' })).toThrow('cannot be written as F8');
    expect(encode('__metadata__', { shape: [2], data })).toThrow('cannot be called __metadata__');
  });

  const f32 = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
    dtype: 'F32',
    shape,
    data_offsets: [begin, end],
  });
  it.each<[string, Uint8Array, string]>([
    ['an empty file', new Uint8Array(0), 'it has 0 bytes'],
    ['a header beyond the end', file('{}', 0, 50), 'a header of 50 bytes but has only 10'],
    ['a huge header', file('{}', 0, 100_000_001), 'more than the allowed 100000000'],
    ['a header length beyond 2^53', Buffer.alloc(16, 0xff), 'more than the allowed'],
    ['no JSON', file('{"a":'), 'no valid JSON'],
    ['invalid UTF-8', file(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)), 'no valid JSON'],
    ['an array', file('[]'), 'no JSON object'],
    ['metadata that is no text', file({ __metadata__: { a: 1 } }), '__metadata__'],
    ['a tensor without entry', file({ a: 1 }), 'tensor "a" has no dtype, shape'],
    ['a tensor without dtype', file({ a: { shape: [], data_offsets: [0, 4] } }, 4), 'tensor "a" has no dtype'],
    ['an unknown dtype', file({ a: { ...f32(0, 4), dtype: 'F8_E4M3' } }, 4), 'of type F8_E4M3; readable are F32'],
    ['a negative size', file({ a: f32(0, 4, [-1]) }, 4), 'has the shape [-1]'],
    ['a fractional size', file({ a: f32(0, 4, [0.5]) }, 4), 'has the shape [0.5]'],
    ['reversed offsets', file({ a: f32(4, 0, [1]) }, 4), 'data_offsets [4,0]'],
    ['one offset', file({ a: { ...f32(0, 4), data_offsets: [0] } }, 4), 'data_offsets [0]'],
    ['a wrong product', file({ a: f32(0, 4, [2, 3]) }, 4), 'needs 24 bytes but its offsets span 4'],
    ['a product beyond 2^53', file({ a: f32(0, 4, [2 ** 52, 2 ** 52]) }, 4), 'its offsets span 4'],
    ['a cut-off file', file({ a: f32(0, 8) }, 7), 'ends at byte 8 of the data, which has 7'],
    ['an overlap', file({ a: f32(0, 8), b: f32(4, 12) }, 12), 'tensors "a" and "b" overlap'],
    ['a shared range', file({ a: f32(0, 8), b: f32(0, 8) }, 8), 'tensors "a" and "b" overlap'],
    ['a gap', file({ a: f32(0, 4), b: f32(8, 12) }, 12), 'a gap of 4 bytes before tensor "b"'],
    ['trailing bytes', file({ a: f32(0, 4) }, 6), '2 bytes follow'],
    [
      'a name twice',
      file(`{"a":${JSON.stringify(f32(0, 4))},"\\u0061":${JSON.stringify(f32(0, 4))}}`, 4),
      'names "a" twice',
    ],
    [
      'a field twice',
      file('{"a":{"dtype":"F32","dtype" :"I32","shape":[1],"data_offsets":[0,4]}}', 4),
      '"dtype" twice',
    ],
  ])('refuses %s', (_, bytes, message) => {
    const path = join(folder, 'broken.safetensors');
    writeFileSync(path, bytes);
    for (const read of [() => readSafetensors(path), () => parseSafetensors(bytes, path)]) {
      expect(read).toThrow(UserError);
      expect(read).toThrow(path);
      expect(read).toThrow(message);
    }
  });

  it('takes the same name at different depths for no duplicate', () => {
    const header = {
      shape: { ...f32(0, 4) },
      dtype: f32(4, 8),
      'a\\"b:': f32(8, 12),
      __metadata__: { shape: '{"a":' },
    };
    expect([...parseSafetensors(file(header, 12), 'x').tensors.keys()]).toEqual(['shape', 'dtype', 'a\\"b:']);
  });

  it('never fails otherwise than by a UserError on damaged files', () => {
    const whole = encodeSafetensors(
      new Map<string, WritableTensor>([
        ['a', { shape: [2], data: Float32Array.of(1, 2) }],
        ['b', { shape: [3], data: Uint8Array.of(1, 2, 3) }],
      ]),
    );
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, value, length) => {
        const damaged = whole.slice(0, Math.max(length, whole.length - 20));
        damaged[at] = value;
        try {
          parseSafetensors(damaged, 'x');
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('says that a file is missing or a folder', () => {
    expect(() => readSafetensors(join(folder, 'none.safetensors'))).toThrow(/cannot open .*none.safetensors.*ENOENT/);
    expect(() => readSafetensors(folder)).toThrow('it is a folder');
  });

  it.skipIf(!existsSync(golden))('reads and rewrites files of the original implementation', () => {
    const names = readdirSync(golden).filter(name => name.endsWith('.safetensors'));
    expect(names.length).toBeGreaterThan(0);
    for (const name of names.slice(0, 12)) {
      const path = join(golden, name);
      const read = readSafetensors(path);
      expect(read.tensors.size).toBeGreaterThan(0);
      const again = parseSafetensors(encodeSafetensors(read.tensors, read.metadata), name);
      expect(again.metadata).toEqual(read.metadata);
      expect([...again.tensors.keys()]).toEqual([...read.tensors.keys()]);
      const bytes = readFileSync(path);
      const headerLength = Number(bytes.readBigUInt64LE(0));
      const header = JSON.parse(bytes.subarray(8, 8 + headerLength).toString());
      for (const [tensor, { data }] of read.tensors) {
        const [begin, end] = header[tensor].data_offsets;
        const stored = bytes.subarray(8 + headerLength + begin, 8 + headerLength + end);
        expect(stored.equals(new Uint8Array(data.buffer))).toBe(true);
        expect(stored.equals(new Uint8Array(again.tensors.get(tensor)!.data.buffer))).toBe(true);
      }
    }
  });
});
