import { afterEach, describe, expect, it } from 'vitest';
import { addFiles, datasetFolder, photo, removeDatasetFolders } from '../../test/support/dataset-folder.ts';
import { UserError } from '../base/errors.ts';
import type { Target } from '../base/raster.ts';
import { cocoLvisDataset, mergeObjects } from './coco-lvis.ts';

afterEach(removeDatasetFolders);

/** A rectangle of columns x0 .. x1-1 and rows y0 .. y1-1 on 40x20 pixels. */
function rectangle(x0: number, y0: number, x1: number, y1: number): Target {
  const data = Int8Array.from({ length: 800 }, (_, i) => {
    const [x, y] = [i % 40, Math.floor(i / 40)];
    return +(x >= x0 && x < x1 && y >= y0 && y < y1);
  });
  return { width: 40, height: 20, data };
}

describe('mergeObjects', () => {
  it('puts what COCO has alone before what LVIS has', () => {
    const [a, b, c] = [rectangle(0, 0, 10, 10), rectangle(20, 0, 30, 10), rectangle(20, 10, 40, 20)];
    expect(mergeObjects([a, b], [c])).toEqual([a, b, c]);
    expect(mergeObjects([], [])).toEqual([]);
  });

  it('takes the mask of LVIS where both have the object', () => {
    // IoU 100/140 = .714 and 100/150 = .667
    const coco = rectangle(0, 0, 10, 10);
    const same = rectangle(0, 0, 14, 10);
    const other = rectangle(0, 0, 15, 10);
    expect(mergeObjects([coco], [same])).toEqual([same]);
    expect(mergeObjects([coco], [other])).toEqual([coco, other]);
  });

  it('keeps the later of two equal masks of LVIS', () => {
    // IoU 170/200 = .85 exactly, 180/200 = .9
    const whole = rectangle(0, 0, 20, 10);
    const [near, equal] = [rectangle(0, 0, 17, 10), rectangle(0, 0, 18, 10)];
    expect(mergeObjects([], [whole, near])).toEqual([whole, near]);
    expect(mergeObjects([], [whole, equal])).toEqual([equal]);
    expect(mergeObjects([], [equal, whole])).toEqual([whole]);
  });

  it('needs the boxes to agree too', () => {
    // a stray pixel far away: nearly the same mask, another box
    const coco = rectangle(0, 0, 10, 10);
    const stray = rectangle(0, 0, 10, 10);
    stray.data[799] = 1;
    expect(mergeObjects([coco], [stray])).toEqual([coco, stray]);
  });

  it('leaves out objects below 80 px before it compares, and does not count ignored pixels', () => {
    const [small, enough] = [rectangle(0, 0, 79, 2), rectangle(0, 0, 10, 8)];
    small.data[0] = 0;
    expect(small.data.filter(value => value === 1)).toHaveLength(79);
    expect(mergeObjects([enough], [small])).toEqual([enough]);
    const ignored = rectangle(0, 0, 10, 8);
    ignored.data[0] = -1;
    expect(mergeObjects([ignored], [])).toEqual([]);
  });
});

describe('cocoLvisDataset', () => {
  const box = (id: number, imageId: number, [x0, y0, x1, y1]: number[], iscrowd = 0) => ({
    id,
    image_id: imageId,
    iscrowd,
    segmentation: iscrowd ? { size: [20, 40], counts: [0, 20, 780] } : [[x0, y0, x1, y0, x1, y1, x0, y1]],
  });
  const size = { width: 40, height: 20 };
  const coco = (ids: number[], annotations: unknown[]) => ({
    json: { images: ids.map(id => ({ id, file_name: `${id}.jpg`, ...size })), annotations },
  });
  const lvis = (ids: number[], annotations: unknown[]) => ({
    json: { images: ids.map(id => ({ id, coco_url: `http://x/train2017/${id}.jpg`, ...size })), annotations },
  });
  const fixture = (photos: string) =>
    datasetFolder({
      'annotations/instances_train2017.json': coco(
        [5, 3, 8, 2],
        [box(1, 5, [0, 0, 10, 10]), box(2, 5, [20, 0, 30, 10]), box(3, 5, [], 1), box(4, 8, [0, 0, 20, 20])],
      ),
      'annotations/lvis_v1_train.json': lvis(
        [8, 5, 3, 1],
        [box(1, 5, [20, 0, 31, 10]), box(2, 3, [0, 0, 9, 9]), box(3, 1, [0, 0, 9, 9])],
      ),
      [`${photos}/5.jpg`]: photo(40, 20),
      [`${photos}/3.jpg`]: photo(40, 20),
      'train/hannotation.pickle': 'not read',
    });

  it('merges the photos that both have and LVIS has objects on, by name', async () => {
    for (const photos of ['train2017', 'train/images']) {
      const root = await fixture(photos);
      const dataset = cocoLvisDataset(root, { split: 'train' });
      expect(dataset).toMatchObject({ name: 'COCO+LVIS train', ids: ['3.jpg', '5.jpg'] });
      expect(dataset.objectCount).toBeUndefined();
      const { objects } = await dataset.load(1);
      // COCO's first object, on the crowd in column 0; then the one of LVIS, for which nothing is ignored
      expect(objects).toHaveLength(2);
      expect([...objects[0].data.subarray(0, 12)]).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]);
      expect(objects[0].data[40 * 19]).toBe(-1);
      expect(objects[1].data.includes(-1)).toBe(false);
      expect(objects[1].data.filter(value => value === 1)).toHaveLength(110);
      expect((await dataset.load(0)).objects).toHaveLength(1);
      expect(cocoLvisDataset(root, { split: 'train', limit: 1 }).ids).toEqual(['3.jpg']);
    }
  });

  it('rejects what does not fit', async () => {
    const root = await fixture('train2017');
    expect(() => cocoLvisDataset(root, { split: 'val' })).toThrow(/has no annotations\/lvis_v1_val\.json or/);
    await addFiles(root, { 'annotations/lvis_v1_val.json': lvis([7], []) });
    expect(() => cocoLvisDataset(root, { split: 'val' })).toThrow(/no annotations\/instances_val2017\.json or/);
    await addFiles(root, { 'annotations/instances_val2017.json': coco([7], []) });
    expect(() => cocoLvisDataset(root, { split: 'val' })).toThrow(UserError);
    expect(() => cocoLvisDataset(root, { split: 'val' })).toThrow(/have no photo in common/);
    await addFiles(root, { 'annotations/lvis_v1_val.json': lvis([7], [box(1, 7, [0, 0, 9, 9])]) });
    expect(() => cocoLvisDataset(root, { split: 'val' })).toThrow(/train2017.7\.jpg does not exist, but .*lvis_v1_val/);
  });
});
