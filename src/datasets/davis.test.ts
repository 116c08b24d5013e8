import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { davisDataset } from './davis.ts';
import { pngPalette } from './png-palette.ts';

const root = mkdtempSync(join(tmpdir(), 'davis-'));
afterAll(() => rmSync(root, { recursive: true }));

const colours = [0, 0, 0, 128, 0, 0, 0, 1, 0, 0, 0, 255];
const coloured = () => sharp(Buffer.from(colours), { raw: { width: 4, height: 1, channels: 3 } });

beforeAll(async () => {
  for (const name of ['img', 'gt']) mkdirSync(join(root, name));
  const frame = await sharp({ create: { width: 4, height: 1, channels: 3, background: '#123456' } })
    .jpeg()
    .toBuffer();
  const grey = (values: number[]) =>
    sharp(Buffer.from(values), { raw: { width: values.length, height: 1, channels: 1 } })
      .png()
      .toBuffer();
  const masks = {
    swan_00010: await grey([0, 1, 128, 255]),
    swan_00002: await coloured().png().toBuffer(),
    bear_00000: await coloured().png({ palette: true, colours: 4, dither: 0 }).toBuffer(),
    void_00000: await grey([0, 0, 0, 0]),
    wide_00000: await grey([0, 0, 0, 0, 1]),
  };
  for (const [name, mask] of Object.entries(masks)) {
    writeFileSync(join(root, 'img', `${name}.jpg`), frame);
    writeFileSync(join(root, 'gt', `${name}.png`), mask);
  }
});

describe('davisDataset', () => {
  it('takes the frames in the order of their names', () => {
    const ids = ['bear_00000.jpg', 'swan_00002.jpg', 'swan_00010.jpg', 'void_00000.jpg', 'wide_00000.jpg'];
    expect(davisDataset(root)).toMatchObject({ name: 'DAVIS', size: 5, objectCount: 5, ids });
    expect(davisDataset(root, 2)).toMatchObject({ size: 2, ids: ids.slice(0, 2) });
  });

  it('merges the objects of grey, coloured and palette masks into one', async () => {
    const dataset = davisDataset(root);
    expect(pngPalette(readFileSync(join(root, 'gt', 'bear_00000.png')))).toBeDefined();
    for (const index of [0, 1, 2]) {
      expect((await dataset.load(index)).objects).toEqual([{ width: 4, height: 1, data: Int8Array.of(0, 1, 1, 1) }]);
    }
  });

  it('rejects what does not fit', async () => {
    const dataset = davisDataset(root);
    await expect(dataset.load(3)).rejects.toThrow(UserError);
    await expect(dataset.load(3)).rejects.toThrow(
      /void_00000\.png has no object: its highest value is 0, expected .* above 0/,
    );
    await expect(dataset.load(4)).rejects.toThrow(/mask .*wide_00000\.png is 5x1, its photo .*wide_00000\.jpg 4x1/);
    expect(() => davisDataset(join(root, 'img'))).toThrow(/has no folder img; expected img\/<name>\.jpg \(frames\)/);
  });
});
