import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { datasetFolder, photo, removeDatasetFolders, vocMask } from '../../test/support/dataset-folder.ts';
import { UserError } from '../base/errors.ts';
import { datasetKinds, openDataset } from './registry.ts';
import { kindsTable, publishedTable } from './table.ts';

const root = mkdtempSync(join(tmpdir(), 'registry-'));
afterAll(() => {
  rmSync(root, { recursive: true });
  removeDatasetFolders();
});

beforeAll(async () => {
  const picture = await sharp({ create: { width: 2, height: 2, channels: 3, background: 'white' } })
    .png()
    .toBuffer();
  const masked = ['data_GT', 'boundary_GT', 'images', 'masks', 'img', 'gt'];
  for (const folder of [...masked, 'annotations', 'train2017', 'val2017', 'mini', 'inst']) {
    mkdirSync(join(root, folder));
    for (const name of ['a.png', 'b.png']) writeFileSync(join(root, folder, name), picture);
  }
  for (const name of ['img/c.jpg', 'inst/c.mat', 'img/d.jpg', 'inst/d.mat', 'gt/c.png', 'gt/d.png']) {
    writeFileSync(join(root, name), picture);
  }
  writeFileSync(join(root, 'train.txt'), 'd\nc\n');
  writeFileSync(join(root, 'val.txt'), 'c\n');
  const images = ['a.png', 'b.png'].map((file_name, id) => ({ id, file_name, width: 2, height: 2 }));
  for (const part of ['train2017', 'val2017', 'mini']) {
    writeFileSync(join(root, 'annotations', `instances_${part}.json`), JSON.stringify({ images, annotations: [] }));
  }
});

const options = { seed: 0, split: 'val' as const };

describe('openDataset', () => {
  it('opens each kind of folder', async () => {
    expect(await openDataset(`grabcut:${root}`, options)).toMatchObject({ name: 'GrabCut', size: 2, objectCount: 2 });
    expect(await openDataset(`berkeley:${root}`, { ...options, limit: 1 })).toMatchObject({
      name: 'Berkeley',
      size: 1,
    });
    expect(await openDataset(`davis:${root}`, { ...options, limit: 3 })).toMatchObject({ name: 'DAVIS', size: 3 });
    expect(await openDataset(`sbd:${root}`, options)).toMatchObject({ name: 'SBD val', ids: ['c'] });
    expect(await openDataset(`sbd:${root}`, { ...options, split: 'train' })).toMatchObject({ ids: ['d', 'c'] });
    expect(await openDataset(`coco:${root}`, options)).toMatchObject({ name: 'COCO val2017', size: 2, objectCount: 0 });
    expect(await openDataset(`coco:${root}`, { ...options, split: 'train' })).toMatchObject({ name: 'COCO train2017' });
    expect(await openDataset(`coco:${root}#mini`, { ...options, limit: 1 })).toMatchObject({
      name: 'COCO mini',
      size: 1,
    });
  });

  it('opens the synthetic set', async () => {
    const dataset = await openDataset('synthetic:3', options);
    expect(dataset).toMatchObject({ size: 3 });
    expect((await openDataset('synthetic:3', { ...options, limit: 2 })).size).toBe(2);
    expect((await openDataset('synthetic', { ...options, limit: 1000 })).size).toBe(100);
    expect((await openDataset('synthetic', { ...options, split: 'train' })).size).toBe(500);
    const { image, objects } = await dataset.load(2);
    for (const object of objects) expect(object.data).toHaveLength(image.width * image.height);
  });

  it('rejects what it cannot open, saying what to write', async () => {
    const cases: [string, RegExp][] = [
      ['grabcat:x', /unknown dataset "grabcat:x"; expected KIND:PATH.*did you mean "grabcut"/],
      ['/data/GrabCut', /unknown dataset "\/data\/GrabCut"; expected KIND:PATH/],
      ['', /unknown dataset ""/],
      ['berkeley', /dataset "berkeley" needs a folder: write berkeley:DIR, where DIR contains images/],
      ['sbd:', /needs a folder: write sbd:DIR, where DIR contains img\/<name>\.jpg \(photos\), inst/],
      ['davis:', /where DIR contains img\/<name>\.jpg \(frames\) and gt/],
      ['coco:', /needs a folder: write coco:DIR/],
      [`coco:${root}#`, /expected coco:DIR or coco:DIR#PART/],
      [`coco:${root}#none`, /instances_none\.json does not exist; found a\.png/],
      [`grabcut:${root}/none`, /no such dataset folder/],
      ['grabcut:~/surely/not/there', /no such dataset folder: [^~]+surely/],
      ['synthetic:many', /"synthetic:many": expected a number of samples/],
      ['synthetic:0', /expected a number of samples/],
    ];
    for (const [spec, message] of cases) {
      await expect(openDataset(spec, options)).rejects.toThrow(UserError);
      await expect(openDataset(spec, options)).rejects.toThrow(message);
    }
    await expect(openDataset('synthetic', { ...options, limit: 0 })).rejects.toThrow(/a limit of 0 samples/);
  });

  it('opens sets of several parts by split, or the part asked for', async () => {
    const json = (images: unknown[]) => ({ json: { images, annotations: [] } });
    const size = { id: 1, width: 2, height: 2 };
    const lvis = json([{ ...size, coco_url: 'http://x/train2017/1.jpg' }]);
    const parts = await datasetFolder({
      'JPEGImages/a.jpg': photo(2, 2),
      'SegmentationObject/a.png': vocMask([[1]]),
      'ImageSets/Segmentation/train.txt': 'a',
      'ImageSets/Segmentation/val.txt': 'a',
      'ImageSets/Segmentation/trainval.txt': 'a',
      'img/a.jpg': photo(2, 2),
      'gt/a.png': vocMask([[1]]),
      'annotations/lvis_v1_train.json': lvis,
      'annotations/lvis_v1_val.json': lvis,
      'annotations/lvis_v1_minival.json': lvis,
      'train2017/1.jpg': photo(2, 2),
      'annotations/train.json': json([{ ...size, file_name: '1.jpg' }]),
      'annotations/test.json': json([{ ...size, file_name: '1.jpg' }]),
      'images/train/1.jpg': photo(2, 2),
      'images/test/1.jpg': photo(2, 2),
      'images/training/ADE_train_1.jpg': photo(2, 2),
      'images/training/ADE_train_1_seg.png': photo(2, 2),
      'images/validation/ADE_val_1.jpg': photo(2, 2),
      'images/validation/ADE_val_1_seg.png': photo(2, 2),
      'validation/validation-annotations-object-segmentation.csv': 'MaskPath,ImageID\nm.png,a',
      'validation/images/a.jpg': photo(2, 2),
      'validation/masks/m.png': photo(2, 2),
      'sa_1.jpg': photo(2, 2),
      'sa_1.json': '{}',
      'thin_object_detection/COIFT/images/a.jpg': photo(2, 2),
      'thin_object_detection/COIFT/masks/a.png': photo(2, 2),
    });
    const own = await datasetFolder({ 'images/a.jpg': photo(2, 2), 'masks/a.png': vocMask([[1]]) });
    const cases: [spec: string, split: 'train' | 'val', name: string][] = [
      [`voc:${parts}`, 'train', 'VOC train'],
      [`voc:${parts}`, 'val', 'VOC val'],
      [`voc:${parts}#trainval`, 'val', 'VOC trainval'],
      [`coco-mval:${parts}`, 'val', 'COCO_MVal'],
      [`lvis:${parts}`, 'train', 'LVIS train'],
      [`lvis:${parts}`, 'val', 'LVIS val'],
      [`lvis:${parts}#minival`, 'train', 'LVIS minival'],
      [`partimagenet:${parts}`, 'train', 'PartImageNet train'],
      [`partimagenet:${parts}#test`, 'val', 'PartImageNet test'],
      [`ade20k:${parts}`, 'train', 'ADE20K train'],
      [`ade20k:${parts}`, 'val', 'ADE20K val'],
      [`openimages:${parts}`, 'val', 'Open Images validation'],
      [`sa1b:${parts}`, 'train', 'SA-1B'],
      [`sa1b:${parts}#100-2000`, 'val', 'SA-1B'],
      [`hqseg44k:${parts}#COIFT`, 'train', 'HQSeg-44K COIFT'],
      [`folder:${own}`, 'train', 'folder'],
    ];
    for (const [spec, split, name] of cases) {
      expect(await openDataset(spec, { seed: 0, split, limit: 1 })).toMatchObject({ name, size: 1 });
    }
    const rejected: [string, RegExp][] = [
      [`coco-lvis:${parts}`, /has no annotations\/instances_val2017\.json/],
      [`hqseg44k:${parts}`, /has no folder DIS5K\/DIS-VD\/im/],
      [`hqseg44k:${parts}#COIFF`, /did you mean "COIFT"/],
      [
        `openimages:${parts}#`,
        /expected openimages:DIR or openimages:DIR#PART, e\.g\. openimages:data\/openimages#test/,
      ],
      [`sa1b:${parts}#many`, /"many" is no range of areas/],
      ['voc:#val', /expected voc:DIR or voc:DIR#PART/],
    ];
    for (const [spec, message] of rejected) {
      await expect(openDataset(spec, options)).rejects.toThrow(UserError);
      await expect(openDataset(spec, options)).rejects.toThrow(message);
    }
  });

  it('describes every kind', () => {
    const names = datasetKinds.map(kind => kind.name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, description, layout, licence, homepage, splits, needsPath } of datasetKinds) {
      expect([description, layout, licence]).not.toContain('');
      expect(Object.keys(splits).length).toBeGreaterThan(0);
      if (homepage) expect(new URL(homepage).protocol).toMatch(/^https?:$/);
      else expect(['synthetic', 'granular', 'folder']).toContain(name);
      expect(needsPath).toBe(name !== 'synthetic');
    }
  });
});

describe('documentation', () => {
  const read = (path: string) => readFileSync(join(import.meta.dirname, '../..', path), 'utf8');

  it('has the tables of the registry', () => {
    expect(read('README.md')).toContain(`\n${kindsTable()}\n`);
    expect(read('docs/data.md')).toContain(`\n${publishedTable()}\n`);
  });

  it('describes every kind', () => {
    const titles = [...read('docs/data.md').matchAll(/^### `([\w-]+)`/gm)].map(match => match[1]);
    expect(titles).toEqual(datasetKinds.map(({ name }) => name));
  });
});
