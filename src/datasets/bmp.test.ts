import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { decodeBmp } from './bmp.ts';

interface Fields {
  width: number;
  height: number;
  bits: number;
  pixels: number[];
  compression?: number;
  palette?: number[][];
  core?: boolean;
  fields?: number[];
}

/** A bitmap file from its fields; `pixels` are the bytes as stored, a negative height is top-down. */
function bmp({
  width,
  height,
  bits,
  pixels,
  compression = 0,
  palette = [],
  core = false,
  fields = [],
}: Fields): Buffer {
  const header = Buffer.alloc(core ? 26 : 54 + fields.length * 4);
  const colours = Buffer.from(palette.flatMap(([r, g, b]) => (core ? [b, g, r] : [b, g, r, 0])));
  header.write('BM', 0, 'latin1');
  header.writeUInt32LE(header.length + colours.length, 10);
  header.writeUInt32LE(core ? 12 : 40, 14);
  if (core) {
    header.writeUInt16LE(width, 18);
    header.writeUInt16LE(height, 20);
    header.writeUInt16LE(1, 22);
    header.writeUInt16LE(bits, 24);
  } else {
    header.writeInt32LE(width, 18);
    header.writeInt32LE(height, 22);
    header.writeUInt16LE(1, 26);
    header.writeUInt16LE(bits, 28);
    header.writeUInt32LE(compression, 30);
    for (const [i, field] of fields.entries()) header.writeUInt32LE(field, 54 + i * 4);
  }
  return Buffer.concat([header, colours, Buffer.from(pixels)]);
}

/** Stores rows of values, most significant bits first, each padded to four bytes. */
function pack(rows: number[][], bits: number): number[] {
  return rows.flatMap(row => {
    const bytes = new Array(Math.ceil((row.length * bits) / 32) * 4).fill(0);
    for (const [x, value] of row.entries()) {
      bytes[Math.floor((x * bits) / 8)] |= value << (8 - bits - ((x * bits) % 8));
    }
    return bytes;
  });
}

const greys = (count: number) => Array.from({ length: count }, (_, i) => [i, i, i]);
const decode = (bytes: Uint8Array) => decodeBmp(bytes, 'x.bmp');

describe('decodeBmp', () => {
  it('reads 1, 4 and 8 bit indices of any size, bottom-up and top-down', () => {
    const picture = fc
      .record({
        bits: fc.constantFrom(1, 4, 8),
        width: fc.integer({ min: 1, max: 20 }),
        height: fc.integer({ min: 1, max: 6 }),
      })
      .chain(({ bits, width, height }) =>
        fc.record({
          bits: fc.constant(bits),
          rows: fc.array(fc.array(fc.nat(2 ** bits - 1), { minLength: width, maxLength: width }), {
            minLength: height,
            maxLength: height,
          }),
          topDown: fc.boolean(),
          core: fc.boolean(),
        }),
      );
    fc.assert(
      fc.property(picture, ({ bits, rows, topDown, core }) => {
        const down = topDown && !core;
        const file = bmp({
          width: rows[0].length,
          height: down ? -rows.length : rows.length,
          bits,
          palette: greys(2 ** bits),
          core,
          pixels: pack(down ? rows : rows.toReversed(), bits),
        });
        const out = decode(file);
        expect([out.width, out.height]).toEqual([rows[0].length, rows.length]);
        expect([...out.data]).toEqual(rows.flat());
        expect(out.palette).toHaveLength(3 * 2 ** bits);
      }),
    );
  });

  it('gives the palette as RGB', () => {
    const file = bmp({
      width: 1,
      height: 1,
      bits: 1,
      palette: [
        [1, 2, 3],
        [4, 5, 6],
      ],
      pixels: [0x80, 0, 0, 0],
    });
    expect([...decode(file).palette!]).toEqual([1, 2, 3, 4, 5, 6]);
    expect([...decode(file).data]).toEqual([1]);
  });

  it('reads 24 bits with row padding, bottom-up', () => {
    const out = decode(bmp({ width: 1, height: 2, bits: 24, pixels: [30, 20, 10, 0, 60, 50, 40, 0] }));
    expect(out.palette).toBeUndefined();
    expect([...out.data]).toEqual([40, 50, 60, 10, 20, 30]);
  });

  it('accepts a last row without padding', () => {
    expect([...decode(bmp({ width: 1, height: 1, bits: 24, pixels: [3, 2, 1] })).data]).toEqual([1, 2, 3]);
  });

  it('reads 32 bits and drops alpha, also with bit fields', () => {
    expect([...decode(bmp({ width: 1, height: -1, bits: 32, pixels: [3, 2, 1, 99] })).data]).toEqual([1, 2, 3]);
    const fields = [0xff, 0xff00, 0xff0000];
    const file = bmp({ width: 1, height: 1, bits: 32, compression: 3, fields, pixels: [1, 2, 3, 99] });
    expect([...decode(file).data]).toEqual([1, 2, 3]);
  });

  it('reads RLE8: runs, literals, ends of lines, jumps', () => {
    const pixels = [3, 7, 0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 0, 2, 2, 0, 1, 9, 0, 1];
    const file = bmp({ width: 4, height: 3, bits: 8, compression: 1, palette: greys(16), pixels });
    expect([...decode(file).data]).toEqual([0, 0, 9, 0, 1, 2, 3, 0, 7, 7, 7, 0]);
  });

  it('names the file and the fault', () => {
    const cases: [Fields, RegExp][] = [
      [
        { width: 2, height: 2, bits: 24, pixels: [1, 2, 3] },
        /x\.bmp.*damaged or cut off \(3 bytes of pixels, expected 14\)/,
      ],
      [{ width: 0, height: 2, bits: 24, pixels: [1] }, /a size of 0x2/],
      [{ width: 1, height: 1, bits: 16, pixels: [1, 2] }, /16 bits per pixel.*Save it as PNG/],
      [{ width: 1, height: 1, bits: 4, compression: 2, palette: greys(16), pixels: [1, 2] }, /"RLE4"/],
      [{ width: 1, height: 1, bits: 8, palette: greys(3), pixels: [3, 0, 0, 0] }, /colour 3 of a palette of 3/],
      [{ width: 1, height: 1, bits: 8, compression: 1, palette: greys(3), pixels: [2, 1, 0, 1] }, /beyond the picture/],
      [{ width: 1, height: 1, bits: 8, compression: 1, palette: greys(3), pixels: [1, 1] }, /ends inside its pixels/],
    ];
    for (const [fields, message] of cases) {
      expect(() => decode(bmp(fields))).toThrow(UserError);
      expect(() => decode(bmp(fields))).toThrow(message);
    }
  });

  it('rejects every cut-off file, and fails only with a UserError on a damaged one', () => {
    const file = bmp({
      width: 5,
      height: 4,
      bits: 8,
      palette: greys(256),
      pixels: pack(new Array(4).fill([1, 2, 3, 4, 5]), 8),
    });
    // the padding of the last row may be absent
    for (let length = 2; length < file.length - 3; length++) {
      expect(() => decode(file.subarray(0, length))).toThrow(UserError);
    }
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 53 }), fc.nat(255), (at, value) => {
        const copy = Buffer.from(file);
        copy[at] = value;
        try {
          decode(copy);
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
        }
      }),
    );
  });
});
