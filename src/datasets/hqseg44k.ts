import { join } from 'node:path';
import { suggest, UserError } from '../base/errors.ts';
import { listFolder, requireFiles } from './folders.ts';
import { photoDataset } from './photos.ts';
import { loadChannel, thresholdTarget } from './targets.ts';
import type { Dataset } from './types.ts';

/** A part of HQSeg-44K: JPEG photos and PNG masks of equal names in two folders, or in the same. */
interface SubSet {
  name: string;
  split: 'train' | 'val';
  photos: string;
  masks: string;
}

const cascade = 'cascade_psp';
const thin = 'thin_object_detection';

const subSets: readonly SubSet[] = [
  { name: 'DIS5K-TR', split: 'train', photos: 'DIS5K/DIS-TR/im', masks: 'DIS5K/DIS-TR/gt' },
  {
    name: 'ThinObject5K-TR',
    split: 'train',
    photos: `${thin}/ThinObject5K/images_train`,
    masks: `${thin}/ThinObject5K/masks_train`,
  },
  { name: 'FSS-1000', split: 'train', photos: `${cascade}/fss_all`, masks: `${cascade}/fss_all` },
  { name: 'DUTS-TR', split: 'train', photos: `${cascade}/DUTS-TR`, masks: `${cascade}/DUTS-TR` },
  { name: 'DUTS-TE', split: 'train', photos: `${cascade}/DUTS-TE`, masks: `${cascade}/DUTS-TE` },
  { name: 'ECSSD', split: 'train', photos: `${cascade}/ecssd`, masks: `${cascade}/ecssd` },
  { name: 'MSRA10K', split: 'train', photos: `${cascade}/MSRA_10K`, masks: `${cascade}/MSRA_10K` },
  { name: 'DIS5K-VD', split: 'val', photos: 'DIS5K/DIS-VD/im', masks: 'DIS5K/DIS-VD/gt' },
  { name: 'COIFT', split: 'val', photos: `${thin}/COIFT/images`, masks: `${thin}/COIFT/masks` },
  { name: 'HRSOD', split: 'val', photos: `${thin}/HRSOD/images`, masks: `${thin}/HRSOD/masks_max255` },
  {
    name: 'ThinObject5K-TE',
    split: 'val',
    photos: `${thin}/ThinObject5K/images_test`,
    masks: `${thin}/ThinObject5K/masks_test`,
  },
];

export const hqseg44kLayout =
  `DIS5K/, ${cascade}/ (fss_all, DUTS-TR, DUTS-TE, ecssd, MSRA_10K) and ${thin}/ (ThinObject5K, COIFT, HRSOD), ` +
  'each with <name>.jpg and <name>.png';

/** Masks have soft edges; above this a pixel is object, as HQ-SAM counts it. */
const threshold = 128;

interface Hqseg44kOptions {
  split: 'train' | 'val';
  /** Only this sub-set, whatever the split. */
  subSet?: string;
  /** Take the first so many photos. */
  limit?: number;
}

/**
 * HQSeg-44K (Ke et al., 2023, HQ-SAM) in the folders of its release: one finely cut object per photo. The training
 * part is seven sub-sets, the validation part four, one after the other, each in the order of its names.
 *
 * @throws UserError where a folder or mask is missing or a sub-set unknown; `load` where a file is damaged or a mask is
 *   not as large as its photo
 */
export function hqseg44kDataset(root: string, { split, subSet, limit }: Hqseg44kOptions): Dataset {
  const chosen = subSets.filter(each => (subSet === undefined ? each.split === split : each.name === subSet));
  if (chosen.length === 0) {
    const names = subSets.map(({ name }) => name);
    throw new UserError(`HQSeg-44K has no sub-set "${subSet}": ${suggest(subSet ?? '', names)}`);
  }
  const entries = chosen
    .flatMap(each => list(root, each))
    .slice(0, limit)
    .map(({ id, photo, mask }) => ({ id, photo: join(root, photo), mask: join(root, mask) }));
  return photoDataset({
    name: `HQSeg-44K ${subSet ?? split}`,
    entries,
    objectCount: entries.length,
    loadObjects: async ({ photo, mask }, image) => [
      thresholdTarget(await loadChannel(mask, 0, photo, image), threshold),
    ],
  });
}

function list(root: string, { name, photos, masks }: SubSet): { id: string; photo: string; mask: string }[] {
  const names = listFolder(root, photos, hqseg44kLayout).flatMap(file => /^([^.].*)\.jpg$/.exec(file)?.[1] ?? []);
  if (names.length === 0)
    throw new UserError(`${join(root, photos)} contains no photos (.jpg); expected ${hqseg44kLayout}`);
  requireFiles(
    root,
    names.map(file => `${masks}/${file}.png`),
    'its photo is there',
  );
  return names.map(file => ({ id: `${name}/${file}`, photo: `${photos}/${file}.jpg`, mask: `${masks}/${file}.png` }));
}
