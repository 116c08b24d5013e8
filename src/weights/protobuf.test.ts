import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { protoFields } from './protobuf.ts';

const read = (...bytes: number[]) => [...protoFields(Uint8Array.from(bytes), 'x.onnx')];

describe('protoFields', () => {
  it('reads every wire type (examples of the protobuf documentation where it has them)', () => {
    const fields = read(
      ...[0x08, 0x96, 0x01],
      ...[0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67],
      ...[0x1d, 0, 0, 0xc0, 0xbf],
      ...[0x21, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f],
      ...[0xd2, 0x3e, 0x00],
    );
    expect(fields.map(({ number }) => number)).toEqual([1, 2, 3, 4, 1002]);
    expect(fields[0].int()).toBe(150);
    expect(fields[1].text()).toBe('testing');
    expect(fields[2].float()).toBe(-1.5);
    const doubles: number[] = [];
    fields[3].pushFloats(doubles, 8);
    expect(doubles).toEqual([1.5]);
    expect(fields[4].bytes()).toEqual(new Uint8Array(0));
  });

  it('reads 64-bit integers with sign', () => {
    const [field] = read(0x08, ...Array(9).fill(0xff), 0x01);
    expect(field.int64()).toBe(-1n);
    const [lowest] = read(0x08, ...Array(9).fill(0x80), 0x01);
    expect(lowest.int64()).toBe(-(2n ** 63n));
    expect(lowest.int()).toBe(-(2 ** 63));
  });

  it('reads repeated fields packed and unpacked alike', () => {
    const ints: bigint[] = [];
    for (const field of read(0x22, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05, 0x20, 0x05)) field.pushInt64s(ints);
    expect(ints).toEqual([3n, 270n, 86942n, 5n]);
    const floats: number[] = [];
    for (const field of read(0x12, 8, 0, 0, 0x80, 0x3f, 0, 0, 0, 0x40, 0x15, 0, 0, 0x40, 0x40)) {
      field.pushFloats(floats, 4);
    }
    expect(floats).toEqual([1, 2, 3]);
  });

  it.each<[string, number[], string]>([
    ['a field cut off', [0x12, 5, 1, 2], 'a field of 5 bytes has only 2'],
    ['a key cut off', [0x88], 'the file seems cut off'],
    ['a number without end', [0x08, ...Array(11).fill(0xff)], 'more than 64 bits'],
    ['a number above 64 bits', [0x08, ...Array(9).fill(0xff), 0x02], 'more than 64 bits'],
    ['a length beyond all memory', [0x12, ...Array(9).fill(0xff), 0x01], 'has only 0'],
    ['field number 0', [0x00, 0x01], 'the field number 0'],
    ['a group', [0x0b, 0x0c], 'the unknown wire type 3'],
    ['a 32-bit float cut off', [0x1d, 0, 0], 'a field of 4 bytes has only 2'],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => read(...bytes)).toThrow(UserError);
    expect(() => read(...bytes)).toThrow(message);
    expect(() => read(...bytes)).toThrow('x.onnx');
  });

  it('refuses a field of another type than asked for', () => {
    const [number, text] = read(0x08, 0x01, 0x12, 0x03, 0xff, 0xff, 0xff);
    expect(() => number.text()).toThrow('field 1 is not a sequence of bytes');
    expect(() => number.fields().next()).toThrow('field 1 is not a sequence of bytes');
    expect(() => number.float()).toThrow('field 1 is not a 32-bit float');
    expect(() => text.int()).toThrow('field 2 is not a whole number');
    expect(() => text.text()).toThrow('field 2 is no valid UTF-8');
    expect(() => text.pushFloats([], 4)).toThrow('field 2 is not a list of 32-bit floats');
    expect(() => text.pushInt64s([])).toThrow('the file seems cut off');
  });

  it('refuses messages nested without end', () => {
    let bytes = Uint8Array.of(0x08, 0x01);
    for (let i = 0; i < 120; i++) {
      const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7];
      bytes = Uint8Array.of(0x0a, ...length, ...bytes);
    }
    const descend = (fields: ReturnType<typeof protoFields>): void => {
      for (const field of fields) descend(field.fields());
    };
    expect(() => descend(protoFields(bytes, 'x.onnx'))).toThrow('nested deeper than 100');
  });

  it('never fails otherwise than by a UserError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
        try {
          for (const field of protoFields(bytes, 'x.onnx')) field.text();
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
