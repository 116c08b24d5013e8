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
import { openImagesDataset } from './openimages.ts';

afterEach(removeDatasetFolders);

const head = 'MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks';
const row = (mask: string, id: string) => `${mask},${id},/m/01g,${mask},0.1,0.9,0.2,0.8,0.87,0.5 0.5 1;0.1 0.2 0`;
const csv = 'validation/validation-annotations-object-segmentation.csv';
const open = (root: string, limit?: number) => openImagesDataset(root, { part: 'validation', limit });

const fixture = (...rows: string[]) =>
  datasetFolder({
    [csv]: [head, ...rows, ''].join('\r\n'),
    'validation/images/b.jpg': photo(4, 2),
    'validation/images/a.jpg': photo(4, 2),
    'validation/images/unlabelled.jpg': photo(4, 2),
    'validation/masks/b_1.png': greyMask([
      [255, 0, 0, 0],
      [0, 0, 0, 0],
    ]),
    'validation/masks/b_2.png': greyMask([[0, 255]]),
    'validation/masks/a_1.png': greyMask(
      [
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 255],
        [0, 0, 0, 1],
      ].map(r => [...r, ...r]),
    ),
  });

describe('openImagesDataset', () => {
  it('reads the masks of the photos there are, at the size of the photos', async () => {
    const root = await fixture(
      row('b_1.png', 'b'),
      row('absent_1.png', 'absent'),
      row('a_1.png', 'a'),
      row('b_2.png', 'b'),
    );
    const dataset = await open(root);
    expect(dataset).toMatchObject({ name: 'Open Images validation', ids: ['b', 'a'], objectCount: 3 });
    expect(await drawn(dataset, 0)).toEqual(['#... ....', '..## ..##']);
    // sampled at every second pixel, as nearest neighbour does
    expect(await drawn(dataset, 1)).toEqual([]);
    expect(await open(root, 1)).toMatchObject({ size: 1, objectCount: 2 });
  });

  it('rejects a CSV it cannot use, and hostile names in it', async () => {
    const cases: [string, RegExp][] = [
      ['ImageID,LabelName\n', /first line is "ImageID,LabelName", expected the columns MaskPath and ImageID/],
      ['', /csv is empty/],
      [`${head}\nb_1.png\n`, /line 2 of .*\.csv has no MaskPath or ImageID/],
      [`${head}\n${row('../../etc/passwd', 'b')}`, /line 2 of .* names the file "\.\.\/\.\.\/etc\/passwd"/],
      [`${head}\n${row('/etc/passwd', 'b')}`, /names the file "\/etc\/passwd", which is not inside the dataset/],
      [`${head}\n${row('b_1.png', '../b')}`, /names the file "\.\.\/b"/],
      [`${head}\n${row('c_1.png', 'c')}`, /images has no photo that .*\.csv lists/],
      [`${head}\n${row('b_9.png', 'b')}`, /masks\/b_9\.png does not exist, but .*\.csv lists it \(1 of 1 files/],
    ];
    const root = await fixture();
    for (const [text, message] of cases) {
      await addFiles(root, { [csv]: text });
      await expect(open(root)).rejects.toThrow(UserError);
      await expect(open(root)).rejects.toThrow(message);
    }
    await expect(openImagesDataset(root, { part: 'train' })).rejects.toThrow(
      /has no train\/train-annotations-object-segmentation\.csv or train-annotations/,
    );
  });

  it('rejects a mask of another form, and a damaged one', async () => {
    const root = await fixture(row('b_1.png', 'b'));
    await addFiles(root, { 'validation/masks/b_1.png': greyMask(Array(40).fill(Array(40).fill(255))) });
    await expect((await open(root)).load(0)).rejects.toThrow(/b_1\.png is 40x40, its photo .*b\.jpg 4x2/);
    await addFiles(root, { 'validation/masks/b_1.png': 'nonsense' });
    await expect((await open(root)).load(0)).rejects.toThrow(/cannot read .*b_1\.png/);
  });
});
