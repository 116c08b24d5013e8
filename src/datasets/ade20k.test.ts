import { afterEach, describe, expect, it } from 'vitest';
import {
  addFiles,
  colourMask,
  datasetFolder,
  drawn,
  photo,
  removeDatasetFolders,
} from '../../test/support/dataset-folder.ts';
import { UserError } from '../base/errors.ts';
import { ade20kDataset } from './ade20k.ts';

afterEach(removeDatasetFolders);

// red and green are the class, blue the instance: two instances of one class, and no object
const seg = colourMask([
  [
    [10, 44, 7],
    [10, 44, 200],
    [0, 0, 0],
  ],
]);

describe('ade20kDataset', () => {
  it('reads the instances of the release of 2021', async () => {
    const street = 'images/ADE/training/urban/street';
    const root = await datasetFolder({
      [`${street}/ADE_train_00016869.jpg`]: photo(3, 1),
      [`${street}/ADE_train_00016869.json`]: '{}',
      [`${street}/ADE_train_00016869_seg.png`]: seg,
      [`${street}/ADE_train_00016869_parts_1.png`]: seg,
      [`${street}/ADE_train_00016869/instance_000_ADE_train_00016869.png`]: seg,
      'images/ADE/training/nature/sea/ADE_train_00000009.jpg': photo(3, 1),
      'images/ADE/training/nature/sea/ADE_train_00000009_seg.png': colourMask([
        [
          [0, 0, 0],
          [9, 9, 0],
          [1, 1, 0],
        ],
      ]),
      'images/ADE/validation/urban/street/ADE_val_00000001.jpg': photo(3, 1),
      'images/ADE/validation/urban/street/ADE_val_00000001_seg.png': seg,
    });
    const train = ade20kDataset(root, { split: 'train' });
    expect(train).toMatchObject({ name: 'ADE20K train', ids: ['ADE_train_00000009', 'ADE_train_00016869'] });
    expect(await drawn(train, 0)).toEqual([]);
    expect(await drawn(train, 1)).toEqual(['#..', '.#.']);
    expect(ade20kDataset(root, { split: 'val' }).ids).toEqual(['ADE_val_00000001']);
    expect(ade20kDataset(root, { split: 'train', limit: 1 }).size).toBe(1);
  });

  it('reads the release of 2016', async () => {
    const root = await datasetFolder({
      'images/training/a/abbey/ADE_train_00000001.jpg': photo(3, 1),
      'images/training/a/abbey/ADE_train_00000001_seg.png': seg,
      'images/training/a/abbey/ADE_train_00000001_atr.txt': '001 # 0 # 0 # wall # wall # ""',
    });
    expect(await drawn(ade20kDataset(root, { split: 'train' }), 0)).toEqual(['#..', '.#.']);
    expect(() => ade20kDataset(root, { split: 'val' })).toThrow(
      /has no images\/ADE\/validation or images\/validation; expected images/,
    );
  });

  it('rejects what does not fit', async () => {
    const abbey = 'images/training/a/abbey';
    const root = await datasetFolder({ [`${abbey}/a.jpg`]: photo(2, 1), [`${abbey}/a_seg.png`]: seg });
    const open = () => ade20kDataset(root, { split: 'train' });
    await expect(open().load(0)).rejects.toThrow(UserError);
    await expect(open().load(0)).rejects.toThrow(/a_seg\.png is 3x1, its photo .*a\.jpg 2x1/);
    await addFiles(root, { [`${abbey}/a_seg.png`]: 'nonsense' });
    await expect(open().load(0)).rejects.toThrow(/cannot read .*a_seg\.png/);
    await addFiles(root, { [`${abbey}/b.jpg`]: photo(2, 1) });
    expect(open).toThrow(/photo .*b\.jpg has no annotation: expected b_seg\.png/);
    const empty = await datasetFolder({ 'images/training/a/readme.txt': '' });
    expect(() => ade20kDataset(empty, { split: 'train' })).toThrow(/contains no photos with annotations/);
    expect(() => ade20kDataset(`${root}/none`, { split: 'train' })).toThrow(/no such dataset folder/);
  });
});
