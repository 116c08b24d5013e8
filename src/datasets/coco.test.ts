import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { cocoDataset } from './coco.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const image = (id: number, width = 4, height = 3) => ({ id, file_name: `${id}.jpg`, width, height });
const square = [1, 1, 3, 1, 3, 3, 1, 3];
const object = (id: number, imageId: number, segmentation: unknown = [square]) => ({
  id,
  image_id: imageId,
  iscrowd: 0,
  segmentation,
});

/** A COCO folder of the part "mini" with these photos of 4x3. */
async function fixture(json: unknown, photos: number[]): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), 'coco-'));
  folders.push(root);
  mkdirSync(join(root, 'annotations'));
  mkdirSync(join(root, 'mini'));
  const text = typeof json === 'string' ? json : JSON.stringify(json);
  writeFileSync(join(root, 'annotations', 'instances_mini.json'), text);
  const photo = await sharp({ create: { width: 4, height: 3, channels: 3, background: 'red' } })
    .jpeg()
    .toBuffer();
  for (const id of photos) writeFileSync(join(root, 'mini', `${id}.jpg`), photo);
  return root;
}

describe('cocoDataset', () => {
  it('keeps the order of images and of annotations', async () => {
    const other = [0, 0, 1, 0, 1, 1, 0, 1];
    const root = await fixture(
      { images: [image(9), image(2)], annotations: [object(5, 2), object(4, 9), object(1, 2, [other]), object(3, 77)] },
      [9, 2],
    );
    const dataset = cocoDataset(root, { part: 'mini' });
    expect(dataset).toMatchObject({ name: 'COCO mini', size: 2, ids: ['9.jpg', '2.jpg'], objectCount: 3 });
    const { id, image: photo, objects } = await dataset.load(1);
    expect([id, photo.width, photo.height, photo.data.length]).toEqual(['2.jpg', 4, 3, 36]);
    expect(objects.map(({ data }) => data.join(''))).toEqual(['000001100110', '100000000000']);
    expect(cocoDataset(root, { part: 'mini', limit: 1 })).toMatchObject({ size: 1, ids: ['9.jpg'], objectCount: 1 });
    await expect(dataset.load(2)).rejects.toThrow(RangeError);
  });

  it('ignores crowd regions in every object, but not on the object', async () => {
    const crowd = { id: 1, image_id: 1, iscrowd: 1, segmentation: { size: [3, 4], counts: [0, 6, 6] } };
    const dataset = cocoDataset(
      await fixture({ images: [image(1)], annotations: [crowd, object(2, 1), object(3, 1)] }, [1]),
      { part: 'mini' },
    );
    expect(dataset.objectCount).toBe(2);
    const { objects } = await dataset.load(0);
    expect(objects.map(({ data }) => [...data])).toEqual(new Array(2).fill([-1, -1, 0, 0, -1, 1, 1, 0, -1, 1, 1, 0]));
  });

  it('has images without object, and leaves out objects without pixel', async () => {
    const speck = [1.1, 1.1, 1.2, 1.1, 1.2, 1.2];
    const root = await fixture({ images: [image(1), image(2)], annotations: [object(3, 2, [speck])] }, [1, 2]);
    const dataset = cocoDataset(root, { part: 'mini' });
    expect((await dataset.load(0)).objects).toEqual([]);
    expect((await dataset.load(1)).objects).toEqual([]);
  });

  it('rejects a wrong layout', async () => {
    const root = await fixture({ images: [image(1)], annotations: [] }, [1]);
    const open = (path: string, part: string) => () => cocoDataset(path, { part });
    expect(open(root, 'val2017')).toThrow(
      /instances_val2017\.json does not exist; found instances_mini\.json\. Choose an existing part/,
    );
    expect(open(join(root, 'none'), 'mini')).toThrow(/no such dataset folder/);
    expect(open(join(root, 'mini'), 'mini')).toThrow(/has no folder annotations; expected .*found 1\.jpg/);
    rmSync(join(root, 'mini'), { recursive: true });
    expect(open(root, 'mini')).toThrow(/has no folder mini/);
    expect(open(root, 'mini')).toThrow(UserError);
  });

  it('rejects annotations it cannot use, naming what is wrong', async () => {
    const images = [image(1)];
    const cases: [unknown, RegExp][] = [
      ['{"images": [', /cannot use .*instances_mini\.json: .*JSON/],
      ['null', /no list "images"/],
      [{ images }, /no list "annotations"/],
      [{ images: [], annotations: [] }, /lists no images/],
      [
        { images: [{ id: 1, file_name: 'a.jpg' }], annotations: [] },
        /images\[0\] is not complete, expected id, file_name/,
      ],
      [{ images: [null], annotations: [] }, /images\[0\]/],
      [
        { images: [{ ...image(1), file_name: '../../etc/passwd' }], annotations: [] },
        /names the file "\.\.\/\.\.\/etc/,
      ],
      [
        { images: [{ ...image(1), file_name: '/etc/passwd' }], annotations: [] },
        /images\[0\] of .* not inside the dataset/,
      ],
      [{ images: [image(1), image(1)], annotations: [] }, /images\[1\] has the id 1 of an earlier image/],
      [{ images, annotations: [{ id: 8, image_id: 1 }] }, /annotations\[0\] \(id 8\) is not complete/],
      [{ images, annotations: [object(8, 1, [])] }, /annotations\[0\] \(id 8\) is not complete/],
      [{ images, annotations: [object(8, 1, { size: [3, 4] })] }, /annotations\[0\] \(id 8\)/],
    ];
    for (const [json, message] of cases) {
      const root = await fixture(json, [1]);
      expect(() => cocoDataset(root, { part: 'mini' })).toThrow(UserError);
      expect(() => cocoDataset(root, { part: 'mini' })).toThrow(message);
    }
  });

  it('rejects missing photos at once, others when they are read', async () => {
    const missing = await fixture({ images: [image(1), image(2), image(3)], annotations: [] }, [1]);
    expect(() => cocoDataset(missing, { part: 'mini' })).toThrow(
      /mini.2\.jpg does not exist.*2 of 3 files are missing/,
    );
    const resized = await fixture({ images: [image(1, 5, 3)], annotations: [] }, [1]);
    await expect(cocoDataset(resized, { part: 'mini' }).load(0)).rejects.toThrow(/1\.jpg is 4x3, but .* says 5x3/);
    const malformed = await fixture({ images: [image(1)], annotations: [object(8, 1, [[1, 2]])] }, [1]);
    await expect(cocoDataset(malformed, { part: 'mini' }).load(0)).rejects.toThrow(
      /annotation 8 of .*instances_mini\.json has a polygon of 2 numbers/,
    );
    const changed = await fixture({ images: [image(1)], annotations: [object(8, 1)] }, [1]);
    const dataset = cocoDataset(changed, { part: 'mini' });
    writeFileSync(
      join(changed, 'annotations', 'instances_mini.json'),
      JSON.stringify({ images: [image(1)], annotations: [object(9, 1)] }),
    );
    await expect(dataset.load(0)).rejects.toThrow(/instances_mini\.json changed while it was in use/);
    writeFileSync(join(resized, 'mini', '1.jpg'), 'nonsense');
    await expect(cocoDataset(resized, { part: 'mini' }).load(0)).rejects.toThrow(UserError);
  });
});

describe('COCO subset', () => {
  const root = join(import.meta.dirname, '../../../shared/data/COCO_subset');
  const available = existsSync(root);
  if (!available) console.warn(`skipped: the speed of reading COCO, ${root} is absent`);

  it.skipIf(!available)('is read fast', async () => {
    const dataset = cocoDataset(root, { part: 'val2017', limit: 40 });
    const times = [];
    for (let i = 0; i < dataset.size; i++) {
      const start = performance.now();
      await dataset.load(i);
      times.push(performance.now() - start);
    }
    // the median, so that a busy machine does not matter
    expect(times.sort((a, b) => a - b)[dataset.size >> 1]).toBeLessThan(60);
  });
});
