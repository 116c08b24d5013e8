import fc from 'fast-check';
import { expect, it } from 'vitest';
import { protoFields } from '../../weights/protobuf.ts';
import { bytes, float, int, join, message, sizeOf, text } from './protobuf.ts';

const only = (content: Uint8Array) => {
  const fields = [...protoFields(content, 'test')];
  expect(fields).toHaveLength(1);
  return fields[0];
};

it.each([
  [0, [0x08, 0x00]],
  [1, [0x08, 0x01]],
  [127, [0x08, 0x7f]],
  [128, [0x08, 0x80, 0x01]],
  [300, [0x08, 0xac, 0x02]],
  [-1, [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
])('writes %i as the specification does', (value, expected) => {
  expect([...join(int(1, value))]).toEqual(expected);
});

it('writes every int64 and field number so that it is read back', () => {
  const property = fc.property(
    fc.integer({ min: 1, max: 2 ** 28 - 1 }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    (number, value) => {
      const field = only(join(int(number, value)));
      expect(field.number).toBe(number);
      expect(field.int64()).toBe(value);
    },
  );
  fc.assert(property, { numRuns: 300, seed: 1 });
});

it('writes floats, texts and bytes so that they are read back', () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true }), fc.string({ unit: 'grapheme' }), fc.uint8Array(), (number, words, raw) => {
      expect(only(join(float(2, number))).float()).toBe(number);
      expect(only(join(text(3, words))).text()).toBe(words);
      expect([...only(join(bytes(4, raw))).bytes()]).toEqual([...raw]);
    }),
    { numRuns: 200, seed: 1 },
  );
});

it('nests messages, also empty ones and ones longer than 127 bytes', () => {
  const inner = [...int(1, 7), ...text(2, 'x'.repeat(200))];
  const outer = join([...message(5, inner), ...message(6, [])]);
  const [first, second] = [...protoFields(outer, 'test')];
  const [number, words] = [...first.fields()];
  expect([number.int(), words.text()]).toEqual([7, 'x'.repeat(200)]);
  expect([...second.fields()]).toEqual([]);
  expect(sizeOf([outer])).toBe(outer.length);
});
