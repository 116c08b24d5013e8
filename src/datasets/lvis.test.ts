import { afterEach, describe, expect, it } from 'vitest';
import { addFiles, datasetFolder, drawn, photo, removeDatasetFolders } from '../../test/support/dataset-folder.ts';
import { UserError } from '../base/errors.ts';
import { lvisDataset } from './lvis.ts';

afterEach(removeDatasetFolders);

const image = (id: number, part = 'train2017') => ({
  id,
  width: 4,
  height: 2,
  coco_url: `http://images.cocodataset.org/${part}/${id}.jpg`,
  neg_category_ids: [1],
  not_exhaustive_category_ids: [],
});
const pixel = (id: number, imageId: number, x: number) => ({
  id,
  image_id: imageId,
  category_id: 3,
  area: 1,
  segmentation: [[x, 0, x + 1, 0, x + 1, 1, x, 1]],
});
const json = (images: unknown[], annotations: unknown[]) => ({
  // annotations first, as in the released files
  json: { info: {}, annotations, images, licenses: [], categories: [{ id: 3, name: 'x' }] },
});

describe('lvisDataset', () => {
  const val = json([image(9), image(2, 'val2017')], [pixel(1, 2, 3), pixel(2, 9, 0), pixel(3, 9, 1), pixel(4, 77, 0)]);

  it('finds the photos of one part in both folders of COCO', async () => {
    const root = await datasetFolder({
      'annotations/lvis_v1_val.json': val,
      'train2017/9.jpg': photo(4, 2),
      'val2017/2.jpg': photo(4, 2),
    });
    const dataset = lvisDataset(root, { part: 'val' });
    expect(dataset).toMatchObject({ name: 'LVIS val', ids: ['9.jpg', '2.jpg'], objectCount: 3 });
    expect(await drawn(dataset, 0)).toEqual(['#... ....', '.#.. ....']);
    expect(await drawn(dataset, 1)).toEqual(['...# ....']);
    expect(lvisDataset(root, { part: 'val', limit: 1 })).toMatchObject({ ids: ['9.jpg'], objectCount: 2 });
  });

  it("reads RITM's layout", async () => {
    const root = await datasetFolder({
      'val/lvis_val.json': val,
      'train/images/9.jpg': photo(4, 2),
      'val/images/2.jpg': photo(4, 2),
      'train/hannotation.pickle': 'not read',
    });
    expect(await drawn(lvisDataset(root, { part: 'val' }), 1)).toEqual(['...# ....']);
  });

  it('rejects what does not fit', async () => {
    const root = await datasetFolder({ 'annotations/lvis_v1_val.json': val, 'train2017/9.jpg': photo(4, 3) });
    const open = (limit?: number) => () => lvisDataset(root, { part: 'val', limit });
    expect(open()).toThrow(UserError);
    expect(open()).toThrow(/has no val2017 or val\/images; expected annotations\/lvis_v1_<part>\.json/);
    await expect(open(1)().load(0)).rejects.toThrow(/9\.jpg is 4x3, but .*lvis_v1_val\.json says 4x2/);
    await addFiles(root, { 'val2017/3.jpg': photo(4, 2) });
    expect(open()).toThrow(/val2017.2\.jpg does not exist, but .*lvis_v1_val\.json lists it \(1 of 2 files/);
    expect(() => lvisDataset(root, { part: 'train' })).toThrow(
      /has no annotations\/lvis_v1_train\.json or lvis_v1_train\.json or train\/lvis_train\.json/,
    );
    const cases: [unknown, RegExp][] = [
      [{ ...image(1), coco_url: undefined }, /images\[0\] is not complete, expected id, coco_url, width and height/],
      [{ ...image(1), coco_url: 'http://x/../../etc/passwd' }, /coco_url ends in "etc\/passwd"; expected train2017/],
      [{ ...image(1), coco_url: 'x/train2017/..' }, /names the file "train2017\/\.\."/],
      [{ ...image(1), coco_url: '/1.jpg' }, /names the file "\/1\.jpg", which is not inside the dataset/],
      [{ ...image(1), coco_url: 'http://x/test2017/1.jpg' }, /coco_url ends in "test2017\/1\.jpg"/],
    ];
    for (const [each, message] of cases) {
      await addFiles(root, { 'annotations/lvis_v1_val.json': json([each], []) });
      expect(open()).toThrow(UserError);
      expect(open()).toThrow(message);
    }
  });
});
