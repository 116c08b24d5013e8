import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PictureFiles } from '../../src/experiments/features.ts';
import { readSafetensors } from '../../src/weights/safetensors.ts';
import { run, start } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'clickprobe-features-e2e-'));
const photos = join(folder, 'photos');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(async () => {
  mkdirSync(photos);
  const noise = (width: number, height: number) =>
    sharp(
      Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7919) % 251),
      {
        raw: { width, height, channels: 3 },
      },
    );
  await noise(96, 64).jpeg().toFile(join(photos, 'a.jpg'));
  await noise(40, 60).png().toFile(join(photos, 'b.png'));
  const whole = await noise(96, 64).jpeg().toBuffer();
  writeFileSync(join(folder, 'cut.jpg'), whole.subarray(0, whole.length / 2));
  writeFileSync(join(folder, 'text.jpg'), 'no image at all');
});

const features = (...args: string[]) => run(['features', ...args, '--size', '64']);

async function sizeOf(path: string): Promise<[number, number]> {
  const { width, height, format } = await sharp(path).metadata();
  expect(format).toBe('png');
  return [width, height];
}

/** Shape and numbers of a .npy file of float32. */
function readNpy(path: string): { shape: number[]; data: Float32Array } {
  const bytes = readFileSync(path);
  const from = 10 + bytes.readUInt16LE(8);
  const text = bytes.toString('latin1', 10, from);
  expect(text).toContain("'descr': '<f4', 'fortran_order': False");
  const shape = /\(([^)]*)\)/.exec(text)![1].split(',').map(Number);
  return {
    shape,
    data: new Float32Array(bytes.buffer.slice(bytes.byteOffset + from, bytes.byteOffset + bytes.length)),
  };
}

const filesBelow = (path: string) =>
  existsSync(path) ? readdirSync(path, { recursive: true }).map(String).sort() : [];

describe('clickprobe features', () => {
  const out = join(folder, 'scene');
  const args = ['synthetic:7', '--upsampler', 'none,jbu', '--similarity', '400.5,240', '--raw', 'npy', '--out', out];

  it('writes pictures, similarity and features of a scene, and what it wrote as JSON', async () => {
    const { code, out: printed, err } = await features(...args, '--json');
    expect(code, err).toBe(0);
    const files = JSON.parse(printed) as PictureFiles;
    expect(files).toMatchObject({
      ...{ image: 'synthetic:7', backbone: 'mobilesam', size: { width: 640, height: 480 } },
      networkSize: { width: 64, height: 48 },
    });
    expect(files.maps.map(({ name, channels, width, height }) => [name, channels, width, height])).toEqual([
      ['low-res', 256, 4, 3],
      ['jbu', 256, 64, 48],
    ]);
    const named = [files.sheet];
    for (const { picture, raw, width, height, similarities } of files.maps) {
      expect(await sizeOf(picture)).toEqual([64, 48]);
      const { shape, data } = readNpy(raw!);
      expect(shape).toEqual([256, height, width]);
      expect(data.length).toBe(256 * height * width);
      const [{ raw: cosines, picture: drawn, low, x, y }] = similarities;
      expect([x, y]).toEqual([400.5, 240]);
      const cosine = readNpy(cosines!);
      expect(cosine.shape).toEqual([height, width]);
      // x 400 of 640 is 39 of 64 and in the third of four cells, y 240 of 480 is 24 of 48 and in the second of three
      const at = width === 64 ? 24 * 64 + 39 : 1 * 4 + 2;
      expect(cosine.data[at]).toBeCloseTo(1, 5);
      expect(low).toBeLessThan(1);
      expect((await sizeOf(drawn))[1]).toBeGreaterThan(48);
      named.push(picture, raw!, cosines!, drawn);
    }
    expect(filesBelow(join(out, 'synthetic-7')).map(name => join(out, 'synthetic-7', name))).toEqual(named.sort());
  });

  it('writes over nothing unless it is told to', async () => {
    const before = readFileSync(join(out, 'synthetic-7/jbu.png'));
    const refused = await features(...args);
    expect(refused.err).toMatch(/synthetic-7.*is there already\. Choose another folder with --out.*--overwrite/);
    expect(refused.code).toBe(2);
    const again = await features(...args, '--overwrite');
    expect(again.code, again.err).toBe(0);
    expect(again.out).toContain('jbu: 256 channels of 64 x 48');
    expect(readFileSync(join(out, 'synthetic-7/jbu.png')).equals(before)).toBe(true);
  });

  it('takes the images of a folder, and says in a safetensors file what it holds', async () => {
    const to = join(folder, 'set');
    const { code, out: printed, err } = await features(photos, '--raw', 'safetensors', '--own-basis', '--out', to);
    expect(code, err).toBe(0);
    expect(printed).toMatch(/a\.jpg, seen at 64 x 48 px\n(.*\n)+.*b\.png, seen at 48 x 64 px/);
    const { metadata, tensors } = readSafetensors(join(to, 'b/bilinear.safetensors'));
    expect(tensors.get('features')!.shape).toEqual([256, 64, 48]);
    expect(metadata).toMatchObject({
      ...{ backbone: 'mobilesam', upsampler: 'bilinear', image: join(photos, 'b.png') },
      ...{ network_width: '48', network_height: '64' },
    });
    expect(JSON.parse(metadata.normalisation)).toMatchObject({ mean: expect.any(Array), std: expect.any(Array) });
  });

  it('stops in order on Ctrl-C', async () => {
    const to = join(folder, 'stopped');
    const many = Array.from({ length: 40 }, () => join(photos, 'a.jpg'));
    const running = start(['features', ...many, '--size', '64', '--out', to]);
    while (!existsSync(join(to, 'a/sheet.png'))) await new Promise(resolve => setTimeout(resolve, 20));
    running.process.kill('SIGINT');
    const { code, err } = await running.finished;
    expect(code).toBe(130);
    expect(err).toContain(`stopped; what is finished stays in ${to}`);
    expect(existsSync(join(to, 'a-40'))).toBe(false);
    expect(filesBelow(to).filter(name => name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('bad input of features', () => {
  const photo = join(photos, 'a.jpg');
  it.each<[string, () => string[], RegExp, number?]>([
    ['a file that is no image', () => [join(folder, 'text.jpg')], /text\.jpg: its content is not an image/],
    ['a truncated JPEG', () => [join(folder, 'cut.jpg')], /cut\.jpg: the image is damaged or cut off/],
    ['a missing file', () => [join(folder, 'nowhere.jpg')], /there is no file or folder .*nowhere\.jpg/],
    ['a seed that is none', () => ['synthetic:x'], /expected synthetic:SEED/],
    ['a point outside', () => [photo, '--similarity', '96,3'], /96,3 is outside .*a\.jpg, which is 96 x 64 px/],
    ['a point that is none', () => [photo, '--similarity', '9'], /--similarity 9: expected x,y/],
    ['an unknown upsampler', () => [photo, '--upsampler', 'biliner'], /did you mean "bilinear"/],
    ['an unknown backbone', () => [photo, '--backbone', 'mobilsam'], /did you mean "mobilesam"/],
    [
      'an upsampler without weights',
      () => [photo, '--upsampler', 'lift'],
      /no weights of lift.*--upsampler-weights lift=/,
    ],
    [
      'weights of what is not asked for',
      () => [photo, '--upsampler-weights', 'lift=x'],
      /--upsampler does not name it/,
    ],
    ['an unknown format', () => [photo, '--raw', 'zip'], /--raw zip: expected npy or safetensors/],
    ['a folder below a file', () => [photo, '--out', join(photo, 'x')], /a part of the path is a file/, 74],
  ])('%s', async (_, args, says, expected = 2) => {
    const to = join(folder, 'bad');
    const { code, err } = await features('--out', to, ...args());
    expect(err).toMatch(says);
    expect(err).not.toMatch(/\n {4}at /);
    expect(code).toBe(expected);
    expect(filesBelow(to)).toEqual([]);
  });

  it('a size beyond all use', async () => {
    const { code, err } = await run(['features', photo, '--size', '100000', '--out', join(folder, 'bad')]);
    expect(err).toContain('--size 100000: expected at most 4096 px');
    expect(code).toBe(2);
  });
});
