import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { writeNpy } from './npy.ts';

const folder = mkdtempSync(join(tmpdir(), 'clickprobe-npy-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'a.npy');

it('writes the bytes of a file made by hand', () => {
  writeNpy(path, [2, 1, 3], Float32Array.of(1, -2, 0.5, 0, Number.NaN, 3));
  const literal = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1, 3), }";
  // 10 bytes, the literal and a newline fill 128
  const head = Buffer.from(`\x93NUMPY\x01\x00\x76\x00${literal.padEnd(117)}\n`, 'latin1');
  expect(head.length).toBe(128);
  const data = ['0000803f', '000000c0', '0000003f', '00000000', '0000c07f', '00004040'];
  expect(readFileSync(path).equals(Buffer.concat([head, Buffer.from(data.join(''), 'hex')]))).toBe(true);
});

it('aligns the data to 64 bytes and states every shape as a tuple', () => {
  const shapes = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 5 });
  fc.assert(
    fc.property(shapes, shape => {
      const size = shape.reduce((product, n) => product * n, 1);
      // a view into a larger buffer
      const data = new Float32Array(size + 1).map((_, i) => i).subarray(1);
      writeNpy(path, shape, data);
      const bytes = readFileSync(path);
      const start = 10 + bytes.readUInt16LE(8);
      expect(start % 64).toBe(0);
      const stated = /'shape': \((.*?),? ?\), \} *\n$/.exec(bytes.toString('latin1', 10, start))?.[1];
      expect(stated).toBe(shape.join(', '));
      expect(bytes.length).toBe(start + 4 * size);
      if (size > 0) expect(bytes.readFloatLE(start)).toBe(1);
    }),
    { numRuns: 30 },
  );
});

it('refuses data of another size', () => {
  expect(() => writeNpy(join(folder, 'b.npy'), [2, 2], new Float32Array(3))).toThrow(RangeError);
  expect(readdirSync(folder)).toEqual(['a.npy']);
});
