import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import type { Dataset } from '../../src/datasets/types.ts';

/** A file of a made-up dataset: text, JSON, bytes, or a picture. */
type Content = string | Uint8Array | { json: unknown } | Promise<Buffer>;

const made: string[] = [];

/** A new temporary folder with these files, by relative path. */
export async function datasetFolder(files: Record<string, Content>): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), 'dataset-'));
  made.push(root);
  await addFiles(root, files);
  return root;
}

export async function addFiles(root: string, files: Record<string, Content>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    const data = await content;
    const json = typeof data === 'object' && 'json' in data;
    writeFileSync(join(root, path), json ? JSON.stringify(data.json) : data);
  }
}

export function removeDatasetFolders(): void {
  for (const root of made.splice(0)) rmSync(root, { recursive: true });
}

/** A JPEG photo of one colour. */
export function photo(width: number, height: number): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 3, background: '#123456' } })
    .jpeg()
    .toBuffer();
}

/** A grey PNG of these rows. */
export function greyMask(rows: number[][]): Promise<Buffer> {
  return raw(rows.flat(), rows, 1).png().toBuffer();
}

/** An RGB PNG of these rows of triplets. */
export function colourMask(rows: number[][][]): Promise<Buffer> {
  return raw(rows.flat(2), rows, 3).png().toBuffer();
}

function raw(values: number[], rows: unknown[][], channels: 1 | 3): ReturnType<typeof sharp> {
  return sharp(Buffer.from(values), { raw: { width: rows[0].length, height: rows.length, channels } });
}

/** The targets of a sample as one string each, row after row: "#" object, "." background, "?" ignored. */
export async function drawn(dataset: Dataset, index: number): Promise<string[]> {
  const { image, objects } = await dataset.load(index);
  return objects.map(({ width, height, data }) => {
    if (width !== image.width || height !== image.height)
      throw new Error(`${width}x${height} on ${image.width}x${image.height}`);
    return Array.from(data, value => '?.#'[value + 1])
      .join('')
      .replaceAll(new RegExp(`.{${width}}(?!$)`, 'g'), '$& ');
  });
}

/** A PNG of palette indices with the palette of Pascal VOC. */
export function vocMask(rows: number[][]): Buffer {
  const chunk = (type: string, data: Uint8Array) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, check]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(rows[0].length, 0);
  header.writeUInt32BE(rows.length, 4);
  header.set([8, 3], 8);
  // bits of the index, three at a time, are the highest bits of red, green and blue
  const colour = (index: number, channel: number) =>
    [0, 1, 2].reduce((sum, i) => sum | (((index >> (3 * i + channel)) & 1) << (7 - i)), 0);
  const palette = Array.from({ length: 256 }, (_, index) => [0, 1, 2].map(channel => colour(index, channel)));
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from(palette.flat())),
    chunk('IDAT', deflateSync(Buffer.from(rows.flatMap(row => [0, ...row])))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
