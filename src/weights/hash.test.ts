import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { weightsHash } from './hash.ts';

const a = { shape: [2], data: Float32Array.of(1, 2) };
const b = { shape: [1], data: Float32Array.of(3) };

it('hashes a line of name, type, shape and length, then the bytes, tensors sorted by name', () => {
  const expected = createHash('sha256')
    .update('["a","F32",[2],8]\n')
    .update(Buffer.from([0, 0, 0x80, 0x3f, 0, 0, 0, 0x40]))
    .update('["b","F32",[1],4]\n')
    .update(Buffer.from([0, 0, 0x40, 0x40]))
    .digest('hex');
  expect(weightsHash(new Map(Object.entries({ b, a })))).toBe(expected);
  expect(weightsHash(new Map(Object.entries({ a, b })))).toBe(expected);
});

it('changes with a name, a type, a shape or one bit', () => {
  const variants = [
    { a },
    { A: a },
    { a: { ...a, shape: [1, 2] } },
    { a: { ...a, data: Float32Array.of(1, 2.0000002) } },
    { a: { ...a, data: Int32Array.of(0x3f800000, 0x40000000) } },
    { a: { ...a, data: Float32Array.of(-0, 2) } },
    { a: { ...a, data: Float32Array.of(0, 2) } },
    {},
  ];
  const hashes = variants.map(weights => weightsHash(new Map(Object.entries(weights))));
  expect(new Set(hashes).size).toBe(variants.length);
});

it('reads a view of a larger buffer as its own part only', () => {
  const data = Float32Array.of(9, 1, 2, 9).subarray(1, 3);
  expect(weightsHash(new Map([['a', { shape: [2], data }]]))).toBe(weightsHash(new Map([['a', a]])));
});
