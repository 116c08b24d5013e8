import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { datasetFolder, greyMask, photo, removeDatasetFolders, vocMask } from '../../../test/support/dataset-folder.ts';
import { UserError } from '../../base/errors.ts';
import { duplicates } from './duplicates.ts';
import { type VerifyOptions, verifySet } from './verify.ts';

afterAll(removeDatasetFolders);

const verified = (spec: string, options: Partial<VerifyOptions> = {}) =>
  verifySet(spec, { decode: true, thumbnails: false, ...options });
const report = async (spec: string, options?: Partial<VerifyOptions>) => (await verified(spec, options)).report;

const mask = greyMask([
  [0, 255],
  [128, 0],
]);

describe('verifySet', () => {
  it('compares the images of a set that is known', async () => {
    const root = await datasetFolder({
      'data_GT/person1.jpg': photo(2, 2),
      'boundary_GT/person1.bmp': mask,
      'data_GT/mine.jpg': photo(2, 2),
      'boundary_GT/mine.png': mask,
    });
    const { comparedBy, parts, differences } = await report(`grabcut:${root}`);
    expect(comparedBy).toBe('images');
    expect(parts).toEqual([{ name: 'GrabCut', images: 2, objects: 2 }]);
    expect(differences).toHaveLength(2 + 49 + 1 + 1);
    expect(differences.slice(0, 3)).toEqual([
      'GrabCut: 2 images, published: 50',
      'GrabCut: 2 objects, published: 50',
      'GrabCut: 106024: missing',
    ]);
    expect(differences.slice(-2)).toEqual([
      'GrabCut: mine: not part of the set',
      expect.stringMatching(/^GrabCut: person1: 2x2 px, expected \d+x\d+$/),
    ]);
  });

  it('counts without reading where that is enough', async () => {
    const root = await datasetFolder({ 'img/a.jpg': 'not an image', 'gt/a.png': 'neither' });
    const { comparedBy, parts, differences } = await report(`davis:${root}`, { decode: false });
    expect(comparedBy).toBe('counts');
    expect(parts).toEqual([{ name: 'DAVIS', images: 1, objects: 1 }]);
    expect(differences).toEqual(['DAVIS: 1 images, published: 345', 'DAVIS: 1 objects, published: 345']);
  });

  it('names every image that cannot be read', async () => {
    const root = await datasetFolder({
      'images/a.jpg': photo(2, 2),
      'masks/a.png': mask,
      'images/b.jpg': 'no image',
      'masks/b.png': mask,
      'images/c.jpg': photo(3, 3),
      'masks/c.png': mask,
    });
    const { differences } = await report(`berkeley:${root}`);
    expect(differences).toEqual([
      'Berkeley: 3 images, published: 100',
      expect.stringMatching(/^Berkeley: b\.jpg: cannot read/),
      expect.stringMatching(/^Berkeley: c\.jpg: mask .* is 2x2, its photo/),
    ]);
  });

  it('says what cannot be compared: a folder of one’s own is read', async () => {
    const root = await datasetFolder({ 'images/a.jpg': photo(2, 1), 'masks/a.png': greyMask([[0, 255]]) });
    const { comparedBy, differences, parts } = await report(`folder:${root}`);
    expect([comparedBy, differences]).toEqual(['reading', []]);
    expect(parts).toMatchObject([{ images: 1, objects: 1 }]);
  });

  const voc = () =>
    datasetFolder({
      'JPEGImages/a.jpg': photo(2, 2),
      'SegmentationObject/a.png': vocMask([
        [1, 0],
        [2, 255],
      ]),
      'ImageSets/Segmentation/val.txt': 'a\n',
    });

  it('looks at every part, or at one', async () => {
    const root = await voc();
    const all = await report(`voc:${root}`);
    expect(all.differences).toEqual([
      expect.stringMatching(/^train: .*train\.txt.*only one part is needed, say which: --split train or --split val$/),
      'VOC val: 1 images, published: 1,449',
    ]);
    expect(all.notes).toEqual([
      expect.stringContaining('VOC val: 2 objects, published: 3,427 (published counts differ'),
    ]);
    for (const one of [await report(`voc:${root}`, { split: 'val' }), await report(`voc:${root}#val`)]) {
      expect(one.parts).toEqual([{ name: 'VOC val', images: 1, objects: 2 }]);
      expect(one.differences).toEqual(['VOC val: 1 images, published: 1,449']);
    }
  });

  it('has nothing to compare a part with that nothing is published about', async () => {
    const root = await datasetFolder({
      'JPEGImages/a.jpg': photo(2, 2),
      'SegmentationObject/a.png': vocMask([
        [1, 0],
        [0, 0],
      ]),
      'ImageSets/Segmentation/mine.txt': 'a\n',
    });
    expect(await report(`voc:${root}#mine`)).toMatchObject({ comparedBy: 'reading', differences: [] });
  });

  it('reports a folder of another layout as a difference', async () => {
    const root = await datasetFolder({ 'img/a.jpg': photo(2, 2) });
    const { parts, differences } = await report(`grabcut:${root}`);
    expect(parts).toEqual([]);
    expect(differences).toEqual([expect.stringContaining('data_GT')]);
  });

  it('tells progress and stops on a signal', async () => {
    const root = await voc();
    const seen: unknown[] = [];
    await verified(`voc:${root}#val`, { onProgress: (...values) => seen.push(values) });
    expect(seen).toEqual([
      ['VOC val', 0, 1],
      ['VOC val', 1, 1],
    ]);
    await expect(verified(`voc:${root}#val`, { signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow('stop');
  });

  it.each<[string, RegExp]>([
    ['grabct:x', /unknown set "grabct:x".*did you mean "grabcut"/],
    ['synthetic', /nothing to verify/],
    ['synthetic:20', /nothing to verify/],
    ['grabcut', /names no folder; expected grabcut:DIR/],
    ['grabcut:', /names no folder/],
    ['grabcut:/nowhere/at/all', /no such folder: \/nowhere\/at\/all; expected a folder with data_GT/],
    ['coco:/nowhere/at/all#val2017', /no such folder/],
  ])('%s is a wrong use', async (spec, says) => {
    const error = await verified(spec).catch(thrown => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toMatch(says);
  });
});

const data = join(import.meta.dirname, '../../../../shared/data');
const present = ['GrabCut', 'Berkeley'].every(name => existsSync(join(data, name)));
if (!present) console.warn(`skipped: verifying the original sets, ${data} is absent`);

describe.skipIf(!present)('the original sets', () => {
  it('are found to be what they are, and to share 17 photos', async () => {
    const options = { thumbnails: true };
    const grabcut = await verified(`grabcut:${join(data, 'GrabCut')}`, options);
    const berkeley = await verified(`berkeley:${join(data, 'Berkeley')}`, options);
    for (const { report } of [grabcut, berkeley])
      expect(report).toMatchObject({ comparedBy: 'images', differences: [] });
    const pairs = duplicates(grabcut.photos, berkeley.photos);
    expect(pairs).toHaveLength(17);
    // the same photo under two names
    expect(pairs).toContainEqual(['124080.jpg', '124084.jpg']);
  });
});
