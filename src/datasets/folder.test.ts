import { afterEach, describe, expect, it } from 'vitest';
import {
  addFiles,
  colourMask,
  datasetFolder,
  drawn,
  greyMask,
  photo,
  removeDatasetFolders,
  vocMask,
} from '../../test/support/dataset-folder.ts';
import { UserError } from '../base/errors.ts';
import { folderDataset } from './folder.ts';

afterEach(removeDatasetFolders);

describe('folderDataset', () => {
  it('reads one object, several values, several masks', async () => {
    const many = Array.from({ length: 11 }, (_, i) => i + 1);
    const root = await datasetFolder({
      'images/ones.png': greyMask([[9, 9, 9]]),
      'masks/ones.png': greyMask([[1, 0, 1]]),
      'images/full.jpg': photo(3, 1),
      'masks/full.png': greyMask([[255, 0, 255]]),
      'images/values.jpg': photo(3, 1),
      'masks/values.png': vocMask([[7, 0, 2]]),
      'images/black.jpg': photo(3, 1),
      'masks/black.png': greyMask([[0, 0, 0]]),
      'images/many.jpg': photo(12, 1),
      ...Object.fromEntries(
        many.map(n => [`masks/many_${n}.png`, greyMask([Array.from({ length: 12 }, (_, x) => 255 * +(x === n))])]),
      ),
      // a name of its own comes before the number of a mask
      'images/many_3.jpg': photo(12, 1),
    });
    const dataset = folderDataset(root);
    expect(dataset.ids).toEqual(['black.jpg', 'full.jpg', 'many.jpg', 'many_3.jpg', 'ones.png', 'values.jpg']);
    expect(await drawn(dataset, 0)).toEqual([]);
    expect(await drawn(dataset, 1)).toEqual(['#.#']);
    expect((await drawn(dataset, 2)).map(row => row.indexOf('#'))).toEqual([1, 2, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect((await drawn(dataset, 3)).map(row => row.indexOf('#'))).toEqual([3]);
    expect(await drawn(dataset, 4)).toEqual(['#.#']);
    expect(await drawn(dataset, 5)).toEqual(['..#', '#..']);
    expect(folderDataset(root, 2).ids).toEqual(['black.jpg', 'full.jpg']);
  });

  it('rejects what does not fit, naming the file', async () => {
    const root = await datasetFolder({ 'images/a.jpg': photo(3, 1), 'masks/a.png': greyMask([[0, 255, 100]]) });
    const load = () => folderDataset(root).load(0);
    await expect(load()).rejects.toThrow(UserError);
    await expect(load()).rejects.toThrow(/mask .*a\.png has the value 100 besides 255; .*If its edges are soft/);
    await addFiles(root, { 'masks/a.png': greyMask([[1]]) });
    await expect(load()).rejects.toThrow(/a\.png is 1x1, its photo .*a\.jpg 3x1/);
    await addFiles(root, {
      'masks/a.png': colourMask([
        [
          [0, 0, 0],
          [1, 2, 3],
          [0, 0, 0],
        ],
      ]),
    });
    await expect(load()).rejects.toThrow(/a\.png as a mask: its pixels are coloured/);
    await addFiles(root, { 'images/a.jpg': 'nonsense' });
    await expect(load()).rejects.toThrow(/cannot read .*a\.jpg/);
    await addFiles(root, { 'masks/b_1.png': greyMask([[1]]) });
    expect(() => folderDataset(root)).toThrow(/mask .*b_1\.png has no photo/);
    await addFiles(root, { 'images/b.jpg': photo(1, 1), 'images/c.jpg': photo(1, 1) });
    expect(() => folderDataset(root)).toThrow(/photo .*c\.jpg has no mask: expected one named c in .*masks/);
    expect(() => folderDataset(`${root}/images`)).toThrow(/has no folder images; expected images\/<name>\.jpg/);
  });
});
