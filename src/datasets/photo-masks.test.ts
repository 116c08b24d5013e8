import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { berkeleyDataset } from './berkeley.ts';
import { grabcutDataset } from './grabcut.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A Berkeley-like folder: photos of 2x2, masks of the given grey values ('' makes an empty folder). */
async function fixture(photos: string[], masks: Record<string, number[]>, maskWidth = 2): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), 'masks-'));
  folders.push(root);
  mkdirSync(join(root, 'images'));
  mkdirSync(join(root, 'masks'));
  const photo = await sharp({ create: { width: 2, height: 2, channels: 3, background: '#123456' } })
    .png()
    .toBuffer();
  for (const name of photos) writeFileSync(join(root, 'images', name), photo);
  for (const [name, values] of Object.entries(masks)) {
    const raw = { width: maskWidth, height: values.length / maskWidth, channels: 1 as const };
    writeFileSync(join(root, 'masks', name), await sharp(Buffer.from(values), { raw }).png().toBuffer());
  }
  return root;
}

describe('photos with masks', () => {
  it('come in the order of names, upper case first, other files left out', async () => {
    const root = await fixture(['b.jpg', 'a.jpg', 'B.JPG', '10.png', '9.png', 'Thumbs.db', '.hidden.jpg'], {
      'a.png': [255, 0, 0, 0],
      'b.png': [255, 0, 0, 0],
      'B.png': [255, 0, 0, 0],
      '9.png': [255, 0, 0, 0],
      '10.png': [255, 0, 0, 0],
    });
    const dataset = berkeleyDataset(root);
    expect(dataset).toMatchObject({ size: 5, objectCount: 5, ids: ['10.png', '9.png', 'B.JPG', 'a.jpg', 'b.jpg'] });
    expect(berkeleyDataset(root, 2)).toMatchObject({ size: 2, objectCount: 2, ids: ['10.png', '9.png'] });
  });

  it('have labels: above 128 object, 128 ignored, below background', async () => {
    const { load } = berkeleyDataset(await fixture(['a.jpg'], { 'a.png': [127, 128, 129, 255] }));
    const { id, image, objects } = await load(0);
    expect(id).toBe('a.jpg');
    expect(image).toMatchObject({ width: 2, height: 2 });
    expect([...image.data.subarray(0, 3)]).toEqual([0x12, 0x34, 0x56]);
    expect(objects).toEqual([{ width: 2, height: 2, data: Int8Array.of(0, -1, 1, 1) }]);
    await expect(load(1)).rejects.toThrow(RangeError);
  });

  it('may have several objects, one mask each', async () => {
    const dataset = berkeleyDataset(
      await fixture(['a.jpg', 'b#1.jpg'], {
        'a#2.png': [0, 255, 0, 0],
        'a#1.png': [255, 0, 0, 0],
        'b#1.png': [255, 255, 0, 0],
      }),
    );
    expect(dataset).toMatchObject({ size: 2, objectCount: 3 });
    expect((await dataset.load(0)).objects.map(({ data }) => [...data])).toEqual([
      [1, 0, 0, 0],
      [0, 1, 0, 0],
    ]);
    expect((await dataset.load(1)).objects).toHaveLength(1);
  });

  it('are rejected where photos and masks do not match', async () => {
    const full = [255, 0, 0, 0];
    const cases: [string[], Record<string, number[]>, RegExp][] = [
      [['a.jpg', 'b.jpg'], { 'a.png': full }, /photo .*b\.jpg has no mask: expected one named b in .*masks/],
      [['a.jpg'], { 'a.png': full, 'c.png': full }, /mask .*c\.png has no photo: expected one named c in .*images/],
      [['a.jpg', 'a.png'], { 'a.png': full }, /has both a\.jpg and a\.png; expected one/],
      [[], { 'a.png': full }, /images contains no JPEG, PNG, WebP or BMP files/],
      [['a.jpg'], {}, /masks contains no JPEG/],
    ];
    for (const [photos, masks, message] of cases) {
      const root = await fixture(photos, masks);
      expect(() => berkeleyDataset(root)).toThrow(UserError);
      expect(() => berkeleyDataset(root)).toThrow(message);
    }
  });

  it('are rejected where a mask is empty, of another size, or damaged', async () => {
    const empty = berkeleyDataset(await fixture(['a.jpg'], { 'a.png': [0, 1, 1, 128] }));
    await expect(empty.load(0)).rejects.toThrow(/mask .*a\.png has no object: its highest value is 128/);
    const wide = berkeleyDataset(await fixture(['a.jpg'], { 'a.png': [255, 255, 255, 255] }, 4));
    await expect(wide.load(0)).rejects.toThrow(/mask .*a\.png is 4x1, its photo .*a\.jpg 2x2; expected the same size/);
    const root = await fixture(['a.jpg'], { 'a.png': [255, 0, 0, 0] });
    writeFileSync(join(root, 'masks', 'a.png'), 'nonsense');
    await expect(berkeleyDataset(root).load(0)).rejects.toThrow(/cannot read .*a\.png/);
  });

  it('need their folders', async () => {
    const root = await fixture(['a.jpg'], { 'a.png': [255, 0, 0, 0] });
    expect(() => grabcutDataset(root)).toThrow(/has no folder data_GT; expected .*found images, masks\. Check/);
    expect(() => grabcutDataset(join(root, 'none'))).toThrow(/no such dataset folder: .*none/);
    expect(() => grabcutDataset(join(root, 'none'))).toThrow(UserError);
  });
});
