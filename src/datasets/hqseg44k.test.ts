import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  addFiles,
  datasetFolder,
  drawn,
  greyMask,
  photo,
  removeDatasetFolders,
} from '../../test/support/dataset-folder.ts';
import { UserError } from '../base/errors.ts';
import { hqseg44kDataset } from './hqseg44k.ts';

afterEach(removeDatasetFolders);

const mask = greyMask([[0, 128, 129, 255]]);
const places: [photos: string, masks: string][] = [
  ['DIS5K/DIS-TR/im', 'DIS5K/DIS-TR/gt'],
  ['thin_object_detection/ThinObject5K/images_train', 'thin_object_detection/ThinObject5K/masks_train'],
  ['cascade_psp/fss_all', 'cascade_psp/fss_all'],
  ['cascade_psp/DUTS-TR', 'cascade_psp/DUTS-TR'],
  ['cascade_psp/DUTS-TE', 'cascade_psp/DUTS-TE'],
  ['cascade_psp/ecssd', 'cascade_psp/ecssd'],
  ['cascade_psp/MSRA_10K', 'cascade_psp/MSRA_10K'],
  ['DIS5K/DIS-VD/im', 'DIS5K/DIS-VD/gt'],
  ['thin_object_detection/COIFT/images', 'thin_object_detection/COIFT/masks'],
  ['thin_object_detection/HRSOD/images', 'thin_object_detection/HRSOD/masks_max255'],
  ['thin_object_detection/ThinObject5K/images_test', 'thin_object_detection/ThinObject5K/masks_test'],
];
const fixture = () =>
  datasetFolder(
    Object.fromEntries(
      places.flatMap(([photos, masks]) => [
        [`${photos}/1#a.jpg`, photo(4, 1)],
        [`${masks}/1#a.png`, mask],
      ]),
    ),
  );

describe('hqseg44kDataset', () => {
  it('reads seven sub-sets to train on and four to test', async () => {
    const root = await fixture();
    const train = hqseg44kDataset(root, { split: 'train' });
    const names = ['DIS5K-TR', 'ThinObject5K-TR', 'FSS-1000', 'DUTS-TR', 'DUTS-TE', 'ECSSD', 'MSRA10K'];
    expect(train).toMatchObject({ name: 'HQSeg-44K train', ids: names.map(name => `${name}/1#a`), objectCount: 7 });
    for (let i = 0; i < train.size; i++) expect(await drawn(train, i)).toEqual(['..##']);
    const val = hqseg44kDataset(root, { split: 'val' });
    expect(val.ids).toEqual(['DIS5K-VD', 'COIFT', 'HRSOD', 'ThinObject5K-TE'].map(name => `${name}/1#a`));
    for (let i = 0; i < val.size; i++) expect(await drawn(val, i)).toEqual(['..##']);
    expect(hqseg44kDataset(root, { split: 'train', limit: 2 }).size).toBe(2);
  });

  it('reads one sub-set, which needs no other', async () => {
    const root = await fixture();
    rmSync(join(root, 'DIS5K'), { recursive: true });
    expect(hqseg44kDataset(root, { split: 'train', subSet: 'COIFT' })).toMatchObject({
      name: 'HQSeg-44K COIFT',
      ids: ['COIFT/1#a'],
    });
    expect(() => hqseg44kDataset(root, { split: 'train' })).toThrow(/has no folder DIS5K\/DIS-TR\/im; expected DIS5K/);
    expect(() => hqseg44kDataset(root, { split: 'val', subSet: 'coift' })).toThrow(
      /no sub-set "coift": did you mean "COIFT"/,
    );
  });

  it('rejects what does not fit, and leaves out an empty mask', async () => {
    const root = await fixture();
    const open = () => hqseg44kDataset(root, { split: 'val', subSet: 'HRSOD' });
    const path = 'thin_object_detection/HRSOD/masks_max255/1#a.png';
    await addFiles(root, { [path]: greyMask([[0, 0, 0, 128]]) });
    expect(await drawn(open(), 0)).toEqual([]);
    await addFiles(root, { [path]: greyMask([[255]]) });
    await expect(open().load(0)).rejects.toThrow(UserError);
    await expect(open().load(0)).rejects.toThrow(/1#a\.png is 1x1, its photo .*1#a\.jpg 4x1/);
    rmSync(join(root, path));
    expect(open).toThrow(/masks_max255\/1#a\.png does not exist, but its photo is there/);
  });
});
