import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { datasetKinds, openDataset } from './registry.ts';

const root = mkdtempSync(join(tmpdir(), 'registry-'));
afterAll(() => rmSync(root, { recursive: true }));

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

  it('describes every kind', () => {
    expect(datasetKinds.map(kind => kind.name)).toEqual(['synthetic', 'grabcut', 'berkeley', 'davis', 'sbd', 'coco']);
    for (const { description, layout } of datasetKinds) expect([description, layout]).not.toContain('');
  });
});
