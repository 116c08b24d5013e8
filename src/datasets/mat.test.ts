import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { type MatArray, matCell, matField, matNumbers, readMatVariable } from './mat.ts';

const folder = mkdtempSync(join(tmpdir(), 'mat-'));
afterAll(() => rmSync(folder, { recursive: true }));

const classes = { cell: 1, struct: 2, char: 4, sparse: 5, double: 6, single: 7, int8: 8, uint8: 9, uint16: 11 };
const others = { int32: 12, int64: 14, uint64: 15, opaque: 17 };
const storages = { int8: 1, uint8: 2, int16: 3, uint16: 4, int32: 5, uint32: 6, float32: 7, float64: 9 };
const longStorages = { int64: 12, uint64: 13 };
const classOf = { ...classes, ...others };
const storageOf = { ...storages, ...longStorages };
type ClassName = keyof typeof classOf;
type StorageName = keyof typeof storageOf;

/** Writes elements of one byte order, as the format's description says. */
function writer(bigEndian: boolean) {
  const u32 = (...values: number[]) => {
    const out = Buffer.alloc(values.length * 4);
    for (const [i, value] of values.entries()) out[bigEndian ? 'writeUInt32BE' : 'writeUInt32LE'](value, i * 4);
    return out;
  };
  const element = (type: number, data: Uint8Array) => {
    if (data.length > 0 && data.length <= 4) {
      return Buffer.concat([u32(data.length * 65536 + type), data, Buffer.alloc(4 - data.length)]);
    }
    return Buffer.concat([u32(type, data.length), data, Buffer.alloc(-data.length & 7)]);
  };
  const stored = (storage: StorageName, values: readonly number[]) => {
    const arrays = { int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array, int32: Int32Array };
    const wide = { uint32: Uint32Array, float32: Float32Array, float64: Float64Array };
    const bytes =
      storage === 'int64' || storage === 'uint64'
        ? Buffer.from(BigInt64Array.from(values, BigInt).buffer)
        : Buffer.from({ ...arrays, ...wide }[storage].from(values).buffer);
    const size = bytes.length / values.length;
    if (bigEndian && size > 1) bytes[`swap${(size * 8) as 16 | 32 | 64}`]();
    return element(storageOf[storage], bytes);
  };
  const array = (className: ClassName, dims: number[], parts: Uint8Array[], { name = '', flags = 0 } = {}) =>
    element(
      14,
      Buffer.concat([
        element(6, u32(classOf[className] + flags, 0)),
        element(5, u32(...dims)),
        element(1, Buffer.from(name)),
        ...parts,
      ]),
    );
  const struct = (dims: number[], fields: string[], values: Uint8Array[], name?: string) => {
    const names = Buffer.alloc(fields.length * 32);
    for (const [i, field] of fields.entries()) names.write(field, i * 32);
    return array('struct', dims, [element(5, u32(32)), element(1, names), ...values], { name });
  };
  const file = (...variables: Uint8Array[]) => {
    const header = Buffer.alloc(128, ' ');
    header.write('MATLAB 5.0 MAT-file');
    header.set(bigEndian ? [1, 0, 0x4d, 0x49] : [0, 1, 0x49, 0x4d], 124);
    return Buffer.concat([header, ...variables]);
  };
  const compressed = (variable: Uint8Array) => {
    const data = deflateSync(variable);
    return Buffer.concat([u32(15, data.length), data]);
  };
  return { element, stored, array, struct, file, compressed };
}

const little = writer(false);
const { element, stored, array, struct, file, compressed } = little;

let count = 0;
function save(bytes: Uint8Array): string {
  const path = join(folder, `${count++}.mat`);
  writeFileSync(path, bytes);
  return path;
}

const read = (bytes: Uint8Array, name = 'x') => readMatVariable(save(bytes), name);
const values = (found: MatArray) => [...matNumbers(found)];

describe('readMatVariable', () => {
  it('reads numbers of every storage type in both byte orders, compressed or not', async () => {
    const limits = { int8: [-128, 127], uint8: [0, 255], int16: [-32768, 32767], uint16: [0, 65535] };
    const wide = { int32: [-(2 ** 31), 2 ** 31 - 1], uint32: [0, 2 ** 32 - 1], int64: [-(2 ** 53), 2 ** 53] };
    const rest = { uint64: [0, 2 ** 53], float32: [-1.5, 2 ** 60], float64: [Math.PI, -1e300] };
    for (const [storage, pair] of Object.entries({ ...limits, ...wide, ...rest })) {
      for (const w of [little, writer(true)]) {
        const list = [...pair, 1];
        const variable = w.array('double', [1, 3], [w.stored(storage as StorageName, list)], { name: 'x' });
        for (const bytes of [w.file(variable), w.file(w.compressed(variable))]) {
          const found = await read(bytes);
          expect(found).toMatchObject({ className: 'double', dims: [1, 3] });
          expect(values(found)).toEqual(list);
        }
      }
    }
  });

  it('round-trips any uint8 matrix, the shortest (which stand in the tag) included', async () => {
    const matrices = fc
      .tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 4 }), fc.boolean(), fc.boolean())
      .chain(([rows, columns, big, packed]) =>
        fc.tuple(
          fc.constant({ rows, columns, big, packed }),
          fc.array(fc.nat(255), { minLength: rows * columns, maxLength: rows * columns }),
        ),
      );
    await fc.assert(
      fc.asyncProperty(matrices, async ([{ rows, columns, big, packed }, list]) => {
        const w = writer(big);
        const variable = w.array('uint8', [rows, columns], [w.stored('uint8', list)], { name: 'x' });
        expect(values(await read(w.file(packed ? w.compressed(variable) : variable)))).toEqual(list);
      }),
      { numRuns: 60 },
    );
  });

  it('finds a variable after others, also those it cannot decode', async () => {
    const opaque = element(
      14,
      Buffer.concat([stored('uint32', [17, 0]), element(1, Buffer.from('s')), stored('uint8', [1])]),
    );
    const text = array('char', [1, 2], [stored('uint16', [65, 66])], { name: 'text' });
    const x = array('uint8', [2, 1], [stored('uint8', [5, 6])], { name: 'x', flags: 0x200 });
    for (const bytes of [file(text, opaque, x), file(compressed(opaque), compressed(text), compressed(x))]) {
      expect(values(await read(bytes))).toEqual([5, 6]);
      await expect(read(bytes, 'y')).rejects.toThrow(/\.mat has no variable y; found (text, s|s, text), x\. Check/);
    }
    await expect(read(file())).rejects.toThrow(/has no variable x; found none/);
  });
});

describe('matField and matCell', () => {
  const number = (value: number) => array('double', [1, 1], [stored('uint8', [value])]);

  it('take elements of struct arrays and cells, nested', async () => {
    const cell = array(
      'cell',
      [1, 3],
      [number(7), element(14, Buffer.alloc(0)), struct([1, 1], ['deep'], [number(9)])],
    );
    const x = struct([1, 2], ['a', 'list'], [number(1), cell, number(2), number(3)], 'x');
    for (const bytes of [file(x), file(compressed(x))]) {
      const found = await read(bytes);
      expect([0, 1].map(i => values(matField(found, 'a', i)))).toEqual([[1], [2]]);
      expect(values(matField(found, 'list', 1))).toEqual([3]);
      const list = matField(found, 'list');
      expect(list).toMatchObject({ className: 'cell', dims: [1, 3] });
      expect(values(matCell(list, 0))).toEqual([7]);
      expect(values(matCell(list, 1))).toEqual([]);
      expect(values(matField(matCell(list, 2), 'deep'))).toEqual([9]);
    }
  });

  it('say what is there instead', async () => {
    const sparse = array('sparse', [2, 2], [stored('int32', [0])]);
    const complex = array('double', [1, 1], [stored('uint8', [1]), stored('uint8', [1])], { flags: 0x800 });
    const x = await read(file(struct([1, 1], ['a', 'b', 'c'], [number(1), sparse, complex], 'x')));
    const cases: [() => unknown, RegExp][] = [
      [() => matField(x, 'd'), /x in .*\.mat has no field d; found a, b, c\. Check/],
      [() => matField(x, 'a', 1), /x in .* has no element 1: it is 1x1/],
      [() => matCell(x, 0), /x in .* is struct, expected cell/],
      [() => matField(matField(x, 'a'), 'b'), /a of x in .* is double, expected struct/],
      [() => matNumbers(x), /x in .* is struct, expected real numbers/],
      [() => matNumbers(matField(x, 'b')), /b of x in .* is sparse, expected real numbers/],
      [() => matNumbers(matField(x, 'c')), /c of x in .* is complex double, expected real numbers/],
    ];
    for (const [act, message] of cases) {
      expect(act).toThrow(UserError);
      expect(act).toThrow(message);
    }
    const empty = await read(file(struct([0, 0], ['a'], [], 'x')));
    expect(() => matField(empty, 'a')).toThrow(/has no element 0: it is 0x0/);
  });
});

describe('a file that is not right', () => {
  const x = struct(
    [1, 1],
    ['a'],
    [
      array(
        'uint16',
        [3, 5],
        [
          stored(
            'uint16',
            Array.from({ length: 15 }, (_, i) => i),
          ),
        ],
      ),
    ],
    'x',
  );
  const use = async (bytes: Uint8Array) => values(matField(await read(bytes), 'a'));

  it('is rejected where it is missing, empty or of another kind', async () => {
    await expect(readMatVariable(join(folder, 'none.mat'), 'x')).rejects.toThrow(/none\.mat: there is no such file/);
    await expect(use(Buffer.alloc(0))).rejects.toThrow(/expected a MATLAB file of version 5, its content is empty/);
    await expect(use(Buffer.from('x'.repeat(500)))).rejects.toThrow(/its content is not one/);
    const v73 = file();
    v73[125] = 2;
    await expect(use(v73)).rejects.toThrow(/its content is one of version 7\.3.*save -v7/);
  });

  it('is rejected wherever it is cut off', async () => {
    for (const bytes of [file(x), file(compressed(x))]) {
      expect(await use(bytes)).toHaveLength(15);
      for (let length = 0; length < bytes.length; length += 3) {
        const error = await use(bytes.subarray(0, length)).catch(error => error);
        expect(error).toBeInstanceOf(UserError);
        expect(error.message).toMatch(/\d\.mat/);
      }
    }
  });

  it('gives numbers or a UserError, whatever byte is changed', async () => {
    const mutants = fc.tuple(fc.constantFrom(file(x), file(compressed(x))), fc.nat(), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(mutants, async ([original, at, byte]) => {
        const bytes = Buffer.from(original);
        bytes[at % bytes.length] = byte;
        const result = await use(bytes).catch(error => error);
        expect(Array.isArray(result) || result instanceof UserError).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('is rejected where sizes disagree or a type is unknown', async () => {
    const named = { name: 'x' };
    const cases: [Uint8Array, RegExp][] = [
      [array('uint8', [2, 2], [stored('uint8', [1, 2, 3])], named), /3 bytes of type 2 are not 2x2 numbers/],
      [array('uint8', [2 ** 31, 2 ** 31], [stored('uint8', [1])], named), /1 bytes of type 2 are not 2147483648x/],
      [array('uint8', [1, 1], [element(16, Buffer.from('a'))], named), /1 bytes of type 16 are not 1x1 numbers/],
      [array('uint8', [4], [stored('uint8', [1, 2, 3, 4])], named), /an array has 1 sizes/],
      [array('double', [1, 1], [], { name: 'x', flags: 200 }), /unknown class 206/],
      [stored('uint8', [1, 2, 3]), /expected an array, found an element of type 2/],
      [compressed(stored('uint8', [1, 2, 3])), /expected an array, found an element of type 2/],
      [element(15, Buffer.from('not deflated')), /damaged or cut off \(incorrect header check\)/],
      [Buffer.from([2, 0, 5, 0, 1, 2, 3, 4]), /a short element has 5 bytes/],
    ];
    for (const [variable, message] of cases) {
      const result = read(file(variable)).then(matNumbers);
      await expect(result).rejects.toThrow(UserError);
      await expect(result).rejects.toThrow(message);
    }
  });

  it('cannot fill the memory by inflating', async () => {
    const bomb = compressed(Buffer.alloc(2 ** 26 + 1));
    expect(bomb.length).toBeLessThan(2 ** 17);
    await expect(read(file(bomb))).rejects.toThrow(/a variable has more than 67108864 bytes/);
  });
});
