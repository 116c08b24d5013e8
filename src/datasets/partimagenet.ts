import { annotatedDataset } from './coco.ts';
import type { Dataset } from './types.ts';

export const partImageNetLayout =
  'annotations/<part>.json and images/<split>/<file_name> (photos), where <split> is the part up to its first "_": ' +
  'train, val, test';

interface PartImageNetOptions {
  /** Names the annotation file, e.g. "val"; "val_whole" has the photos of "val". */
  part: string;
  /** Take the first so many images. */
  limit?: number;
}

/**
 * PartImageNet (He et al., 2022): every annotated part is an object. Otherwise as `cocoDataset`.
 *
 * @throws UserError see `cocoDataset`
 */
export function partImageNetDataset(root: string, { part, limit }: PartImageNetOptions): Dataset {
  return annotatedDataset({
    name: `PartImageNet ${part}`,
    root,
    annotationFile: `${part}.json`,
    photoFolder: `images/${part.split('_')[0]}`,
    layout: partImageNetLayout,
    otherParts: 'partimagenet:DIR#PART, e.g. partimagenet:DIR#test',
    limit,
  });
}
