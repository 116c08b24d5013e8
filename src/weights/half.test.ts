import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bfloatToFloat, floatToBfloat, floatToHalf, halfToFloat } from './half.ts';

const all = Uint16Array.from({ length: 65536 }, (_, i) => i);

describe('16-bit floats', () => {
  it('widens known half-precision patterns', () => {
    const half = Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001, 0x03ff, 0x0400, 0x3555, 0x7c00, 0xfc00, 0x8000);
    const expected = [1, -2, 65504, 2 ** -24, 1023 * 2 ** -24, 2 ** -14, 0.333251953125, Infinity, -Infinity, -0];
    expect([...halfToFloat(half)]).toEqual(expected);
    expect(halfToFloat(Uint16Array.of(0x7e00))[0]).toBeNaN();
  });

  it('rounds to the nearest half, ties to even', () => {
    const values = Float32Array.of(1 + 2 ** -11, 1 + 3 * 2 ** -11, 65519, 65520, 2 ** -25, 1.5 * 2 ** -24, -(2 ** -14));
    expect([...floatToHalf(values)]).toEqual([0x3c00, 0x3c02, 0x7bff, 0x7c00, 0, 2, 0x8400]);
  });

  it('rounds to the nearest bfloat, ties to even', () => {
    const values = Float32Array.of(1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, -3.4e38, NaN);
    expect([...floatToBfloat(values)]).toEqual([0x3f80, 0x3f80, 0x3f82, 0xff80, 0x7fc0]);
  });

  it('every pattern survives widening and narrowing', () => {
    expect(floatToHalf(halfToFloat(all)).every((pattern, i) => pattern === i)).toBe(true);
    expect(floatToBfloat(bfloatToFloat(all)).every((pattern, i) => pattern === i)).toBe(true);
  });

  it('no other half is nearer', () => {
    const table = halfToFloat(all);
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: -65504, max: 65504 }), value => {
        const [pattern] = floatToHalf(Float32Array.of(value));
        const error = Math.abs(table[pattern] - value);
        for (const near of [pattern - 1, pattern + 1]) {
          if (Number.isFinite(table[near])) expect(Math.abs(table[near] - value)).toBeGreaterThanOrEqual(error);
        }
      }),
    );
  });
});
