import { afterEach, expect, it } from 'vitest';
import { datasetFolder, drawn, greyMask, photo, removeDatasetFolders } from '../../test/support/dataset-folder.ts';
import { cocoMvalDataset } from './coco-mval.ts';

afterEach(removeDatasetFolders);

it('reads one object per photo of the categories, also twice of one photo', async () => {
  const root = await datasetFolder({
    'img/airplane00_000000281693.jpg': photo(3, 1),
    'img/airplane01_000000281693.jpg': photo(3, 1),
    'img/baseball bat00_000000057232.jpg': photo(3, 1),
    'gt/airplane00_000000281693.png': greyMask([[255, 0, 0]]),
    'gt/airplane01_000000281693.png': greyMask([[0, 255, 0]]),
    'gt/baseball bat00_000000057232.png': greyMask([[0, 0, 1]]),
  });
  const dataset = cocoMvalDataset(root);
  expect(dataset).toMatchObject({ name: 'COCO_MVal', size: 3, objectCount: 3 });
  expect(await Promise.all([0, 1, 2].map(i => drawn(dataset, i)))).toEqual([['#..'], ['.#.'], ['..#']]);
  expect(cocoMvalDataset(root, 1).ids).toEqual(['airplane00_000000281693.jpg']);
  expect(() => cocoMvalDataset(`${root}/img`)).toThrow(
    /has no folder img; expected img\/<name>\.jpg \(photos\) and gt/,
  );
});
