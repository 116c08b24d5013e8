import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { decodeImage, decodeMask } from './decode.ts';

const folder = mkdtempSync(join(tmpdir(), 'decode-'));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
function save(bytes: Uint8Array, ending = 'dat'): string {
  const path = join(folder, `${count++}.${ending}`);
  writeFileSync(path, bytes);
  return path;
}

const raw = { width: 3, height: 2, channels: 3 as const };
const rgb = Buffer.from([255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
const picture = () => sharp(rgb, { raw });
/** 40x30, noisy enough that a cut file really lacks data. */
const noisy = () =>
  sharp(Buffer.from(Array.from({ length: 3600 }, (_, i) => (i * 7919) % 251)), {
    raw: { width: 40, height: 30, channels: 3 },
  });

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), out.length - 4);
  return out;
}

/** An indexed PNG of `rows` of packed bytes. */
function indexedPng(width: number, depth: number, rows: number[][], palette: number[]): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(rows.length, 4);
  header[8] = depth;
  header[9] = 3;
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from(palette)),
    chunk('tRNS', Buffer.from([0])),
    chunk('IDAT', deflateSync(Buffer.from(rows.flatMap(row => [0, ...row])))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

describe('decodeImage', () => {
  it('tells the format by content, whatever the file is called', async () => {
    for (const bytes of [await picture().png().toBuffer(), await picture().webp({ lossless: true }).toBuffer()]) {
      const image = await decodeImage(save(bytes, 'jpg'));
      expect(image).toMatchObject({ width: 3, height: 2 });
      expect([...image.data]).toEqual([...rgb]);
    }
    const jpeg = await decodeImage(
      save(await picture().jpeg({ quality: 100, chromaSubsampling: '4:4:4' }).toBuffer(), 'png'),
    );
    expect(Math.max(...jpeg.data.map((value, i) => Math.abs(value - rgb[i])))).toBeLessThan(4);
  });

  it('applies the palette of a bitmap', async () => {
    const bytes = Buffer.alloc(54 + 8 + 4);
    bytes.write('BM', 'latin1');
    for (const [at, value] of [
      [10, 62],
      [14, 40],
      [18, 2],
      [22, 1],
    ])
      bytes.writeUInt32LE(value, at);
    bytes.writeUInt16LE(1, 28);
    bytes.set([3, 2, 1, 0, 6, 5, 4, 0, 0x40], 54);
    const image = await decodeImage(save(bytes));
    expect([...image.data]).toEqual([1, 2, 3, 4, 5, 6]);
    expect([...(await decodeMask(save(bytes))).data]).toEqual([0, 1]);
  });

  it('repeats grey, drops alpha, reduces 16 bits', async () => {
    const grey = sharp(Buffer.from([5, 200]), { raw: { width: 2, height: 1, channels: 1 } });
    const greyBytes = await grey.clone().toColourspace('b-w').png().toBuffer();
    expect([...(await decodeImage(save(greyBytes))).data]).toEqual([5, 5, 5, 200, 200, 200]);
    expect([...(await decodeImage(save(await picture().ensureAlpha(0.3).png().toBuffer()))).data]).toEqual([...rgb]);
    const deep = await sharp(Uint16Array.of(256 * 7 + 9, 0, 65535), { raw: { width: 1, height: 1, channels: 3 } })
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    expect((await sharp(deep).metadata()).depth).toBe('ushort');
    expect([...(await decodeImage(save(deep))).data]).toEqual([7, 0, 255]);
  });

  it('turns upright by EXIF orientation', async () => {
    const image = await decodeImage(save(await picture().withMetadata({ orientation: 6 }).png().toBuffer()));
    expect(image).toMatchObject({ width: 2, height: 3 });
    expect([...image.data.subarray(0, 6)]).toEqual([10, 20, 30, 255, 0, 0]);
  });

  it('does not apply a colour profile', async () => {
    const profiled = await picture().withIccProfile('p3').png().toBuffer();
    expect((await sharp(profiled).metadata()).icc).toBeDefined();
    const at = profiled.indexOf('iCCP') - 4;
    const plain = Buffer.concat([profiled.subarray(0, at), profiled.subarray(at + 12 + profiled.readUInt32BE(at))]);
    expect((await decodeImage(save(profiled))).data).toEqual((await decodeImage(save(plain))).data);
  });

  it('rejects what is missing, empty, cut off or no image, naming the file', async () => {
    const files = [
      await noisy().jpeg().toBuffer(),
      await noisy().png().toBuffer(),
      await noisy().webp({ lossless: true }).toBuffer(),
    ];
    for (const bytes of files) {
      for (const part of [0.3, 0.7, 0.95]) {
        const path = save(bytes.subarray(0, Math.floor(bytes.length * part)));
        await expect(decodeImage(path)).rejects.toThrow(UserError);
        await expect(decodeImage(path)).rejects.toThrow(`cannot read ${path}: the image is damaged or cut off`);
      }
    }
    const damaged = Buffer.from(files[1]);
    damaged[damaged.length >> 1] ^= 255;
    await expect(decodeImage(save(damaged))).rejects.toThrow(/damaged/);
    await expect(decodeImage(join(folder, 'none.jpg'))).rejects.toThrow(/none\.jpg: there is no such file/);
    await expect(decodeImage(save(Buffer.alloc(0)))).rejects.toThrow(/its content is empty, expected JPEG/);
    await expect(decodeImage(save(Buffer.from('<svg/>')))).rejects.toThrow(/not an image we know/);
    await expect(decodeImage(folder)).rejects.toThrow(UserError);
  });
});

describe('decodeMask', () => {
  const voc = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0];

  it('gives the indices of a coloured palette at every depth', async () => {
    const cases: [number, number[][], number[]][] = [
      [1, [[0b10100000]], [1, 0, 1]],
      [2, [[0b11100100]], [3, 2, 1]],
      [4, [[0x31, 0x20]], [3, 1, 2]],
      [8, [[1, 3, 0]], [1, 3, 0]],
    ];
    for (const [depth, rows, expected] of cases) {
      const mask = await decodeMask(save(indexedPng(3, depth, rows, voc)));
      expect([mask.width, mask.height, ...mask.data]).toEqual([3, 1, ...expected]);
    }
  });

  it('gives grey values: of a palette of greys, of grey pixels, of equal channels', async () => {
    expect([...(await decodeMask(save(indexedPng(3, 1, [[0b01000000]], [0, 0, 0, 255, 255, 255])))).data]).toEqual([
      0, 255, 0,
    ]);
    const values = Buffer.from([0, 128, 255, 1]);
    const grey = sharp(values, { raw: { width: 4, height: 1, channels: 1 } });
    for (const space of ['b-w', 'srgb']) {
      expect([...(await decodeMask(save(await grey.clone().toColourspace(space).png().toBuffer()))).data]).toEqual([
        ...values,
      ]);
    }
  });

  it('rejects coloured pixels and 16 bits', async () => {
    await expect(decodeMask(save(await picture().png().toBuffer()))).rejects.toThrow(
      /as a mask: its pixels are coloured/,
    );
    const deep = await sharp(Uint16Array.of(1, 2), { raw: { width: 2, height: 1, channels: 1 } })
      .toColourspace('grey16')
      .png()
      .toBuffer();
    await expect(decodeMask(save(deep))).rejects.toThrow(/16 bits per channel/);
  });
});
