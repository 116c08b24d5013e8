import { afterEach, describe, expect, it } from 'vitest';
import {
  addFiles,
  datasetFolder,
  drawn,
  greyMask,
  photo,
  removeDatasetFolders,
  vocMask,
} from '../../test/support/dataset-folder.ts';
import { UserError } from '../base/errors.ts';
import { vocDataset } from './voc.ts';

afterEach(removeDatasetFolders);

const rows = [
  [0, 2, 255],
  [1, 2, 20],
];
const fixture = (val: string) =>
  datasetFolder({
    'JPEGImages/2007_b.jpg': photo(3, 2),
    'JPEGImages/2007_a.jpg': photo(3, 2),
    'JPEGImages/unlabelled.jpg': photo(3, 2),
    'SegmentationObject/2007_b.png': vocMask(rows),
    'SegmentationObject/2007_a.png': vocMask([
      [0, 0, 255],
      [0, 255, 255],
    ]),
    'SegmentationClass/2007_b.png': vocMask(rows),
    'ImageSets/Segmentation/val.txt': val,
    'ImageSets/Segmentation/trainval.txt': '2007_a\n2007_b\n',
  });

describe('vocDataset', () => {
  it('has an object per index, the border ignored in each', async () => {
    const dataset = vocDataset(await fixture('2007_b\n2007_a\n'), { part: 'val' });
    expect(dataset).toMatchObject({ name: 'VOC val', size: 2, ids: ['2007_b', '2007_a'] });
    expect(await drawn(dataset, 0)).toEqual(['..? #..', '.#? .#.', '..? ..#']);
    expect(await drawn(dataset, 1)).toEqual([]);
    await expect(dataset.load(2)).rejects.toThrow(RangeError);
  });

  it('reads other lists, and the first so many', async () => {
    const root = await fixture('2007_b');
    expect(vocDataset(root, { part: 'trainval', limit: 1 })).toMatchObject({ name: 'VOC trainval', ids: ['2007_a'] });
  });

  it('rejects a wrong layout and hostile lists', async () => {
    const root = await fixture('2007_b\n2007_c');
    expect(() => vocDataset(root, { part: 'val' })).toThrow(UserError);
    expect(() => vocDataset(root, { part: 'val' })).toThrow(
      /2007_c\.jpg does not exist, but .*val\.txt lists it \(2 of 4 files are missing\)/,
    );
    expect(() => vocDataset(root, { part: 'train' })).toThrow(/cannot read .*train\.txt .*expected JPEGImages/);
    expect(() => vocDataset(`${root}/JPEGImages`, { part: 'val' })).toThrow(/has no folder JPEGImages; expected/);
    for (const name of ['../../etc/passwd', '/etc/passwd', 'C:\\a', 'a/../../b']) {
      await addFiles(root, { 'ImageSets/Segmentation/val.txt': name });
      expect(() => vocDataset(root, { part: 'val' })).toThrow(/val\.txt names the file .* not inside the dataset/);
    }
  });

  it('rejects damaged masks, and those of another size', async () => {
    const root = await fixture('2007_b');
    await addFiles(root, { 'SegmentationObject/2007_b.png': greyMask([[0, 1]]) });
    await expect(vocDataset(root, { part: 'val' }).load(0)).rejects.toThrow(
      /mask .*2007_b\.png is 2x1, its photo .*2007_b\.jpg 3x2/,
    );
    await addFiles(root, { 'SegmentationObject/2007_b.png': vocMask(rows).subarray(0, 830) });
    await expect(vocDataset(root, { part: 'val' }).load(0)).rejects.toThrow(/cannot read .*2007_b\.png/);
  });
});
