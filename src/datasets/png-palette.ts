import { crc32 } from 'node:zlib';

const signatureSize = 8;
const indexedColour = 3;

/** Bits per channel, 1 .. 16. */
export function pngDepth(png: Uint8Array): number {
  return png[24];
}

/** The palette (RGB triplets) of an indexed PNG; undefined where the PNG has grey or RGB pixels. */
export function pngPalette(png: Uint8Array): Uint8Array | undefined {
  return png[25] === indexedColour ? chunks(png).find(chunk => chunk.type === 'PLTE')?.data : undefined;
}

/**
 * An indexed PNG rewritten as a grey one with the same pixels, so that a decoder which always applies
 * the palette gives the indices. Indices of `depth` bits come out times 255 / (2^depth - 1).
 */
export function indicesAsGrey(png: Uint8Array): Uint8Array {
  const out = Buffer.concat([
    png.subarray(0, signatureSize),
    // a grey PNG must not have a palette, and transparency would mean something else
    ...chunks(png)
      .filter(chunk => ['IHDR', 'IDAT', 'IEND'].includes(chunk.type))
      .map(chunk => chunk.bytes),
  ]);
  out[25] = 0;
  out.writeUInt32BE(crc32(out.subarray(12, 29)), 29);
  return out;
}

function chunks(png: Uint8Array): { type: string; data: Uint8Array; bytes: Uint8Array }[] {
  const buffer = Buffer.from(png.buffer, png.byteOffset, png.byteLength);
  const out = [];
  for (let at = signatureSize; at + 12 <= buffer.length; ) {
    const end = at + 12 + buffer.readUInt32BE(at);
    out.push({
      type: buffer.toString('latin1', at + 4, at + 8),
      data: buffer.subarray(at + 8, end - 4),
      bytes: buffer.subarray(at, end),
    });
    at = end;
  }
  return out;
}
