import { UserError } from '../base/errors.ts';

/**
 * A decoded bitmap, top row first. With a palette (RGB triplets) `data` holds one palette index per
 * pixel, without one it holds RGB, channels interleaved.
 */
interface Bmp {
  width: number;
  height: number;
  palette?: Uint8Array;
  data: Uint8Array;
}

interface Header extends Omit<Bmp, 'data'> {
  bottomUp: boolean;
  bits: number;
  rle8: boolean;
  /** Byte position of red, green and blue in a pixel (24 and 32 bit). */
  channels: readonly [number, number, number];
  pixels: Uint8Array;
}

const maxPixels = 2 ** 28;
const compressions = ['none', 'RLE8', 'RLE4', 'bit fields', 'JPEG', 'PNG'];

export function isBmp(bytes: Uint8Array): boolean {
  return bytes[0] === 0x42 && bytes[1] === 0x4d;
}

/**
 * Decodes a Windows or OS/2 bitmap: 1, 4, 8 bit with palette, RLE8, 24 and 32 bit (alpha is dropped),
 * bottom-up or top-down. Source: Microsoft, "Bitmap Storage" (BITMAPFILEHEADER, BITMAPINFOHEADER).
 *
 * @param path names the file in messages
 * @throws UserError where the file is cut off, damaged or of another kind
 */
export function decodeBmp(bytes: Uint8Array, path: string): Bmp {
  const header = readHeader(bytes, path);
  const { width, height, palette } = header;
  const data = header.rle8 ? unpackRle8(header, path) : palette ? unpackIndices(header, path) : unpackRgb(header, path);
  if (palette) {
    const highest = data.reduce((a, b) => Math.max(a, b), 0);
    if (highest >= palette.length / 3) {
      throw damaged(path, `a pixel refers to colour ${highest} of a palette of ${palette.length / 3}`);
    }
  }
  return { width, height, palette, data };
}

function readHeader(bytes: Uint8Array, path: string): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerSize = bytes.length >= 26 ? view.getUint32(14, true) : 0;
  const core = headerSize === 12;
  if (!core && headerSize < 40) throw damaged(path, 'the header is incomplete');
  if (bytes.length < 14 + headerSize) throw damaged(path, 'the file ends inside its header');

  const width = core ? view.getUint16(18, true) : view.getInt32(18, true);
  const signedHeight = core ? view.getUint16(20, true) : view.getInt32(22, true);
  const height = Math.abs(signedHeight);
  const bits = view.getUint16(core ? 24 : 28, true);
  const compression = core ? 0 : view.getUint32(30, true);
  if (width < 1 || height < 1 || width * height > maxPixels) throw damaged(path, `a size of ${width}x${height}`);

  const rle8 = compression === 1 && bits === 8;
  const bitFields = compression === 3 && bits === 32;
  if (![1, 4, 8, 24, 32].includes(bits) || !(compression === 0 || rle8 || bitFields)) {
    throw new UserError(
      `cannot read ${path}: a bitmap of ${bits} bits per pixel with compression ` +
        `"${compressions[compression] ?? compression}"; expected 1, 4, 8, 24 or 32 bits, plain or RLE8. Save it as PNG`,
    );
  }

  const start = view.getUint32(10, true);
  // a version-3 header is followed by the bit fields, later versions contain them, at the same place
  const afterHeader = 14 + headerSize + (bitFields && headerSize === 40 ? 12 : 0);
  if (start < afterHeader || start >= bytes.length) throw damaged(path, `pixels said to begin at byte ${start}`);
  return {
    width,
    height,
    bottomUp: signedHeight > 0,
    bits,
    rle8,
    channels: bitFields ? readBitFields(view, path) : [2, 1, 0],
    palette: bits <= 8 ? readPalette(bytes.subarray(afterHeader, start), bits, core ? 3 : 4) : undefined,
    pixels: bytes.subarray(start),
  };
}

function readPalette(bytes: Uint8Array, bits: number, entrySize: number): Uint8Array {
  const count = Math.min(2 ** bits, Math.floor(bytes.length / entrySize));
  const palette = new Uint8Array(count * 3);
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < 3; c++) palette[i * 3 + c] = bytes[i * entrySize + 2 - c];
  }
  return palette;
}

function readBitFields(view: DataView, path: string): [number, number, number] {
  const position = (at: number) => {
    const byte = [0xff, 0xff00, 0xff0000, 0xff000000].indexOf(view.getUint32(at, true));
    if (byte < 0) throw damaged(path, 'bit fields that are not whole bytes');
    return byte;
  };
  if (view.byteLength < 66) throw damaged(path, 'the file ends inside its header');
  return [position(54), position(58), position(62)];
}

/** Start of image row `y` for every y, each stored row padded to four bytes. */
function rowStarts({ height, width, bits, bottomUp, pixels }: Header, path: string): number[] {
  const stride = Math.ceil((width * bits) / 32) * 4;
  // some writers leave out the padding of the last row
  const needed = stride * (height - 1) + Math.ceil((width * bits) / 8);
  if (pixels.length < needed) throw damaged(path, `${pixels.length} bytes of pixels, expected ${needed}`);
  return Array.from({ length: height }, (_, y) => stride * (bottomUp ? height - 1 - y : y));
}

function unpackIndices(header: Header, path: string): Uint8Array {
  const { width, height, bits, pixels } = header;
  const out = new Uint8Array(width * height);
  const perByte = 8 / bits;
  const mask = 2 ** bits - 1;
  let at = 0;
  for (const start of rowStarts(header, path)) {
    for (let x = 0; x < width; x++) {
      const shift = 8 - bits * ((x % perByte) + 1);
      out[at++] = (pixels[start + Math.floor(x / perByte)] >> shift) & mask;
    }
  }
  return out;
}

function unpackRgb(header: Header, path: string): Uint8Array {
  const { width, height, bits, pixels, channels } = header;
  const [red, green, blue] = channels;
  const out = new Uint8Array(width * height * 3);
  let at = 0;
  for (const start of rowStarts(header, path)) {
    for (let x = 0, from = start; x < width; x++, from += bits / 8) {
      out[at++] = pixels[from + red];
      out[at++] = pixels[from + green];
      out[at++] = pixels[from + blue];
    }
  }
  return out;
}

/** Run-length encoded indices; what the code jumps over stays index 0. */
function unpackRle8({ width, height, bottomUp, pixels }: Header, path: string): Uint8Array {
  const out = new Uint8Array(width * height);
  let x = 0;
  let line = 0;
  let at = 0;
  const next = () => {
    if (at >= pixels.length) throw damaged(path, 'the file ends inside its pixels');
    return pixels[at++];
  };
  const put = (index: number) => {
    if (x >= width || line >= height) throw damaged(path, 'a run goes beyond the picture');
    out[(bottomUp ? height - 1 - line : line) * width + x++] = index;
  };
  for (;;) {
    const count = next();
    const value = next();
    if (count > 0) {
      for (let i = 0; i < count; i++) put(value);
    } else if (value === 0) {
      x = 0;
      line++;
    } else if (value === 1) {
      return out;
    } else if (value === 2) {
      x += next();
      line += next();
    } else {
      for (let i = 0; i < value; i++) put(next());
      if (value % 2 === 1) next();
    }
  }
}

function damaged(path: string, what: string): UserError {
  return new UserError(`cannot read ${path}: the bitmap is damaged or cut off (${what}). Get the file again`);
}
