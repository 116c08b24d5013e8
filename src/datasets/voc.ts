import { join } from 'node:path';
import { requireFiles, requireFolder } from './folders.ts';
import { readNames } from './names.ts';
import { photoDataset } from './photos.ts';
import { indexedTargets, loadLabels } from './targets.ts';
import type { Dataset } from './types.ts';

export const vocLayout =
  'JPEGImages/<name>.jpg, SegmentationObject/<name>.png and ImageSets/Segmentation/<part>.txt (train, val, trainval)';

interface VocOptions {
  /** Names the list: "train", "val" or "trainval". */
  part: string;
  /** Take the first so many photos. */
  limit?: number;
}

/** The label of borders and of what the annotators left out. */
const ignored = 255;

/**
 * Pascal VOC 2012 (Everingham et al., 2015), its instances: photos in the order of the list, objects in ascending
 * order of their palette index, 255 ignored. The root is the folder VOC2012 of VOCdevkit.
 *
 * @throws UserError where the layout is wrong or a listed file is missing; `load` where a file is damaged or the
 *   mask is not as large as the photo
 */
export function vocDataset(root: string, { part, limit }: VocOptions): Dataset {
  for (const folder of ['JPEGImages', 'SegmentationObject']) requireFolder(root, folder, vocLayout);
  const list = join('ImageSets', 'Segmentation', `${part}.txt`);
  const names = readNames(root, list, vocLayout).slice(0, limit);
  const entries = names.map(id => ({ id, photo: `JPEGImages/${id}.jpg`, mask: `SegmentationObject/${id}.png` }));
  requireFiles(
    root,
    entries.flatMap(({ photo, mask }) => [photo, mask]),
    `${join(root, list)} lists it`,
  );
  return photoDataset({
    name: `VOC ${part}`,
    entries: entries.map(({ id, photo, mask }) => ({ id, photo: join(root, photo), mask: join(root, mask) })),
    loadObjects: async ({ photo, mask }, image) => indexedTargets(await loadLabels(mask, photo, image), ignored),
  });
}
