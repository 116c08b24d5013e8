import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Target } from '../base/raster.ts';
import { gatherLabels, mapLabels, objectAreas, packLabels } from './labels.ts';

const size = { width: 4, height: 3 };
const pixelCount = size.width * size.height;

const target = (data: number[]): Target => ({ ...size, data: Int8Array.from(data) });
const anyTarget = fc
  .array(fc.integer({ min: -1, max: 1 }), { minLength: pixelCount, maxLength: pixelCount })
  .map(target);

describe('packLabels', () => {
  it('loses nothing, however the objects overlap', () => {
    fc.assert(
      fc.property(fc.array(anyTarget, { maxLength: 40 }), objects => {
        const labels = packLabels(objects, size);
        for (const [index, object] of objects.entries()) {
          expect(mapLabels(labels, values => values[index])).toEqual(object.data);
        }
        expect([...labels.values[0]].every(value => value === 0)).toBe(true);
        expect(objectAreas(labels)).toEqual(objects.map(object => object.data.filter(value => value === 1).length));
      }),
    );
  });

  it('loses nothing at any length and place in memory', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0, 0, 0, 1, -1), { minLength: 1, maxLength: 30 }), fc.nat(5), (data, at) => {
        const wide = new Int8Array(at + data.length);
        wide.set(data, at);
        const labels = packLabels([{ width: data.length, height: 1, data: wide.subarray(at) }], {
          width: data.length,
          height: 1,
        });
        expect([...mapLabels(labels, values => values[0])]).toEqual(data);
      }),
    );
  });

  it('takes wider codes for more combinations', () => {
    const large = { width: 260, height: 260 };
    const bits = (count: number) =>
      Array.from({ length: count }, (_, bit) => {
        const data = new Int8Array(260 * 260);
        for (let i = 0; i < data.length; i++) data[i] = (i >> bit) & 1;
        return { ...large, data };
      });
    for (const [count, type] of [
      [8, Uint8Array],
      [9, Uint16Array],
      [17, Uint32Array],
    ] as const) {
      const labels = packLabels(bits(count), large);
      expect(labels.codes).toBeInstanceOf(type);
      expect(mapLabels(labels, values => values[count - 1])[67000]).toBe((67000 >> (count - 1)) & 1);
    }
  });

  it('refuses masks of another size or with other values', () => {
    const small = { width: 2, height: 2, data: new Int8Array(4) };
    expect(() => packLabels([small], size)).toThrow('object 0 has 2x2 pixels, its image 4x3');
    expect(() => packLabels([target(new Array(pixelCount).fill(2))], size)).toThrow('a mask holds 2; expected 1');
  });
});

describe('gatherLabels', () => {
  it('takes each pixel from where it is told, background where from nowhere', () => {
    const labels = packLabels([target([1, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0, 1])], size);
    const moved = gatherLabels(labels, Int32Array.of(11, -1, 2, 0), { width: 2, height: 2 });
    expect(mapLabels(moved, ([value]) => value)).toEqual(Int8Array.of(1, 0, -1, 1));
    expect([moved.width, moved.height]).toEqual([2, 2]);
  });
});
