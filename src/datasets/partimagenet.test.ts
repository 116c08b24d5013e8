import { afterEach, expect, it } from 'vitest';
import {
  addFiles,
  datasetFolder,
  drawn,
  greyMask,
  photo,
  removeDatasetFolders,
} from '../../test/support/dataset-folder.ts';
import { UserError } from '../base/errors.ts';
import { partImageNetDataset } from './partimagenet.ts';

afterEach(removeDatasetFolders);

const part = (id: number, x: number) => ({
  id,
  image_id: 1,
  category_id: 0,
  iscrowd: 0,
  segmentation: [[x, 0, x + 1, 0, x + 1, 1, x, 1]],
});
const json = (file_name: string, ...annotations: unknown[]) => ({
  json: {
    images: [{ id: 1, file_name, width: 3, height: 1 }],
    annotations,
    categories: [{ id: 0, name: 'Snake Head' }],
  },
});

it('has an object per part', async () => {
  const root = await datasetFolder({
    'annotations/val.json': json('n01440764_18.JPEG', part(1, 0), part(2, 1)),
    'annotations/val_whole.json': json('n01440764_18.JPEG', part(1, 2)),
    'annotations/test.json': json('n01440764/18.JPEG', part(1, 2)),
    'images/val/n01440764_18.JPEG': photo(3, 1),
    'images/test/n01440764/18.JPEG': photo(3, 1),
  });
  const dataset = partImageNetDataset(root, { part: 'val' });
  expect(dataset).toMatchObject({ name: 'PartImageNet val', ids: ['n01440764_18.JPEG'], objectCount: 2 });
  expect(await drawn(dataset, 0)).toEqual(['#..', '.#.']);
  expect(await drawn(partImageNetDataset(root, { part: 'val_whole' }), 0)).toEqual(['..#']);
  expect(await drawn(partImageNetDataset(root, { part: 'test' }), 0)).toEqual(['..#']);
});

it('rejects a wrong layout, and hostile names', async () => {
  const root = await datasetFolder({
    'annotations/val.json': json('a.JPEG'),
    'annotations/train.json': json('a.JPEG'),
  });
  const open = (name: string) => () => partImageNetDataset(root, { part: name });
  expect(open('test')).toThrow(
    /test\.json does not exist; found train\.json, val\.json\. Choose an existing part with partimagenet:DIR#PART/,
  );
  expect(open('val')).toThrow(/has no folder images\/val; expected annotations\/<part>\.json/);
  await addFiles(root, { 'images/val/b.JPEG': photo(3, 1) });
  expect(open('val')).toThrow(/images.val.a\.JPEG does not exist/);
  for (const name of [
    '../../etc/passwd',
    '/etc/passwd',
    'a/../../b.JPEG',
    '..\\b.JPEG',
    'D:\\b.JPEG',
    '',
    'b\0.JPEG',
  ]) {
    await addFiles(root, { 'annotations/val.json': json(name) });
    expect(open('val')).toThrow(UserError);
    expect(open('val')).toThrow(/images\[0\] of .*val\.json names the file .* not inside the dataset/);
  }
});

it('reads the label maps of its other release: 40 is no part, 0 is left out as GraCo does', async () => {
  const root = await datasetFolder({
    'annotations/val/a.png': greyMask([[40, 7, 3, 0, 7]]),
    'images/val/a.JPEG': photo(5, 1),
    'annotations/test/b.png': greyMask([[40]]),
    'images/test/a.JPEG': photo(1, 1),
  });
  const dataset = partImageNetDataset(root, { part: 'val' });
  expect(dataset).toMatchObject({ name: 'PartImageNet val', ids: ['a.JPEG'], size: 1 });
  expect(await drawn(dataset, 0)).toEqual(['..#..', '.#..#']);
  expect(() => partImageNetDataset(root, { part: 'test' })).toThrow(/has b\.png, for which there is no photo/);
});
