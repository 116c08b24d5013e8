import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { addFiles, datasetFolder, drawn, photo, removeDatasetFolders } from '../../test/support/dataset-folder.ts';
import { UserError } from '../base/errors.ts';
import { parseAreas, sa1bDataset } from './sa1b.ts';

afterEach(removeDatasetFolders);

const mask = (id: number, area: number, counts: unknown) => ({
  id,
  area,
  bbox: [0, 0, 1, 1],
  predicted_iou: 0.9,
  stability_score: 0.98,
  point_coords: [[0, 0]],
  crop_box: [0, 0, 3, 2],
  segmentation: { size: [2, 3], counts },
});
const annotation = (...annotations: unknown[]) => ({
  json: { image: { image_id: 2, width: 3, height: 2, file_name: 'sa_2.jpg' }, annotations },
});
// compressed run lengths 0 1 5 (the first pixel), and 2 2 2 (the second column)
const [one, two] = [mask(7, 1, '015'), mask(8, 2, '222')];

describe('sa1bDataset', () => {
  it('reads photos and run lengths in the order of the numbers', async () => {
    const root = await datasetFolder({
      'sa_10.jpg': photo(3, 2),
      'sa_10.json': annotation(),
      'sa_2.jpg': photo(3, 2),
      'sa_2.json': annotation(one, two, mask(9, 0, [6])),
      'sa_000001/sa_3.jpg': photo(3, 2),
      'sa_000001/sa_3.json': annotation(two),
      'links.txt': '',
    });
    const dataset = sa1bDataset(root);
    expect(dataset).toMatchObject({ name: 'SA-1B', ids: ['sa_2', 'sa_3', 'sa_10'] });
    expect(await drawn(dataset, 0)).toEqual(['#.. ...', '.#. .#.']);
    expect(await drawn(dataset, 1)).toEqual(['.#. .#.']);
    expect(await drawn(dataset, 2)).toEqual([]);
    expect(sa1bDataset(root, { limit: 1 }).ids).toEqual(['sa_2']);
  });

  it('leaves out objects of other areas', async () => {
    const root = await datasetFolder({ 'sa_2.jpg': photo(3, 2), 'sa_2.json': annotation(one, two) });
    expect(await drawn(sa1bDataset(root, { minArea: 2 }), 0)).toEqual(['.#. .#.']);
    expect(await drawn(sa1bDataset(root, { maxArea: 1 }), 0)).toEqual(['#.. ...']);
    expect(parseAreas(undefined)).toEqual({});
    expect(parseAreas('100')).toEqual({ minArea: 100, maxArea: undefined });
    expect(parseAreas('100-200')).toEqual({ minArea: 100, maxArea: 200 });
    for (const wrong of ['', 'many', '-5', '5-', '1.5', '20-10', '1e3'])
      expect(() => parseAreas(wrong)).toThrow(UserError);
  });

  it('rejects what does not fit, naming the file', async () => {
    const root = await datasetFolder({ 'sa_2.jpg': photo(3, 2) });
    const cases: [object | string, RegExp][] = [
      ['{"image": ', /cannot use .*sa_2\.json: .*JSON/],
      ['null', /sa_2\.json: its image has no width and height/],
      [{ json: { image: { width: 3, height: 2 } } }, /it has no list "annotations"/],
      [annotation({ id: 1, area: 3 }), /annotations\[0\] is not complete, expected area and segmentation/],
      [annotation(one, null), /annotations\[1\] is not complete/],
      [annotation(mask(7, 1, [1, 2])), /annotation 7 of .*sa_2\.json has run lengths that cover 3 pixels, expected 6/],
      [{ json: { image: { width: 4, height: 2 }, annotations: [] } }, /sa_2\.json is 4x2, its photo .*sa_2\.jpg 3x2/],
    ];
    for (const [content, message] of cases) {
      await addFiles(root, { 'sa_2.json': content as string });
      await expect(sa1bDataset(root).load(0)).rejects.toThrow(UserError);
      await expect(sa1bDataset(root).load(0)).rejects.toThrow(message);
    }
    rmSync(join(root, 'sa_2.json'));
    expect(() => sa1bDataset(root)).toThrow(/sa_2\.json does not exist, but its photo is there/);
    rmSync(join(root, 'sa_2.jpg'));
    expect(() => sa1bDataset(root)).toThrow(/contains no photos; expected sa_<n>\.jpg and sa_<n>\.json/);
    expect(() => sa1bDataset(`${root}/none`)).toThrow(/no such dataset folder/);
  });
});
