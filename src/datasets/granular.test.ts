import { afterEach, describe, expect, it } from 'vitest';
import { datasetFolder, drawn, greyMask, photo, removeDatasetFolders } from '../../test/support/dataset-folder.ts';
import { encodeSegmentation } from './coco-encode.ts';
import { granularFormat } from './granular.ts';
import { openDataset } from './registry.ts';

afterEach(removeDatasetFolders);

const open = (root: string, limit?: number) =>
  openDataset(`granular:${root}`, { seed: 9, split: 'train', ...(limit && { limit }) });

const region = (row: string) =>
  encodeSegmentation({ width: row.length, height: 1, data: Uint8Array.from(row, char => Number(char === '#')) });
const part = (id: number, image_id: number, row: string, scale: number, semantic = 0.1) => ({
  ...{ id, image_id, scale, semantic, segmentation: region(row) },
});

/** A set of two photos, and parts of their objects. */
async function made(changes: { annotations?: unknown[]; format?: string; names?: string[] } = {}) {
  const source = await datasetFolder({
    'images/a.jpg': photo(4, 1),
    'images/b.jpg': photo(4, 1),
    'masks/a.png': greyMask([[0, 255, 255, 255]]),
    'masks/b.png': greyMask([[0, 255, 255, 255]]),
  });
  const spec = `folder:${source}`;
  const [a, b] = changes.names ?? ['a.jpg', 'b.jpg'];
  const annotations = changes.annotations ?? [
    part(1, 1, '.#..', 0.3),
    part(2, 1, '..##', 0.7),
    part(3, 2, '.#..', 0.3),
    part(4, 2, '..#.', 0.3),
  ];
  return datasetFolder({
    'set.json': {
      json: { format: changes.format ?? granularFormat, source: { spec, seed: 3, split: 'train', limit: null } },
    },
    'annotations.json': {
      json: {
        images: [
          { id: 1, file_name: a },
          { id: 2, file_name: b },
        ],
        annotations,
      },
    },
  });
}

describe('granularDataset', () => {
  it('has the photos of the other set, with parts, their granularities and weights', async () => {
    const dataset = await open(await made());
    expect(dataset).toMatchObject({ size: 2, ids: ['a.jpg', 'b.jpg'], objectCount: 4 });
    expect(await drawn(dataset, 0)).toEqual(['.#..', '..##']);
    // .3: three of four parts; .7: one of four
    expect((await dataset.load(0)).parts).toEqual([
      { granularity: 0.3, weight: 4 / 3 },
      { granularity: 0.7, weight: 4 },
    ]);
    expect((await dataset.load(1)).parts?.map(({ weight }) => weight)).toEqual([2 / 3, 2 / 3]);
    expect((await open(await made(), 1)).ids).toEqual(['a.jpg']);
  });

  it('keeps photos without parts', async () => {
    const dataset = await open(await made({ annotations: [part(1, 1, '.#..', 1)] }));
    expect(await dataset.load(1)).toMatchObject({ id: 'b.jpg', objects: [], parts: [] });
  });

  it('says what is wrong', async () => {
    await expect(open(await made({ format: 'other' }))).rejects.toThrow(/set\.json is not that of a set of parts/);
    await expect(open(await made({ names: ['a.jpg', 'c.jpg'] }))).rejects.toThrow(
      /has parts of "c\.jpg", which folder:/,
    );
    await expect(open(await made({ annotations: [part(1, 7, '.#..', 1)] }))).rejects.toThrow(/of no image before it/);
    await expect(open(await made({ annotations: [part(1, 1, '.#..', 1.2)] }))).rejects.toThrow(/has the scale 1\.2/);
    await expect(open(await datasetFolder({ 'annotations.json': '{}' }))).rejects.toThrow(/cannot read .*set\.json/);
  });
});
