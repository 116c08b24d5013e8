import { existsSync } from 'node:fs';
import { join, parse } from 'node:path';
import { UserError } from '../base/errors.ts';
import { annotatedDataset } from './coco.ts';
import { listFolder } from './folders.ts';
import { photoDataset } from './photos.ts';
import { indexedTargets, loadLabels } from './targets.ts';
import type { Dataset } from './types.ts';

export const partImageNetLayout =
  'annotations/<part>.json and images/<split>/<file_name> (photos), where <split> is the part up to its first "_": ' +
  'train, val, test; or, of the release with label maps, annotations/<split>/<photo>.png in place of the JSON';

/** What the label maps call everything that is no part. */
const NO_PART = 40;

interface PartImageNetOptions {
  /** Names the annotation file, e.g. "val"; "val_whole" has the photos of "val". */
  part: string;
  /** Take the first so many images. */
  limit?: number;
}

/**
 * PartImageNet (He et al., 2022): every annotated part is an object. Otherwise as `cocoDataset`. Of the release with
 * label maps every kind of part on a photo is one object, but label 40 (no part) and, as in GraCo's evaluation, label 0.
 *
 * @throws UserError see `cocoDataset`
 */
export function partImageNetDataset(root: string, { part, limit }: PartImageNetOptions): Dataset {
  if (!existsSync(join(root, 'annotations', `${part}.json`)) && existsSync(join(root, 'annotations', part))) {
    return labelledDataset(root, part, limit);
  }
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

function labelledDataset(root: string, part: string, limit: number | undefined): Dataset {
  const stem = (file: string) => parse(file).name;
  const photos = new Map(listFolder(root, join('images', part), partImageNetLayout).map(file => [stem(file), file]));
  const masks = listFolder(root, join('annotations', part), partImageNetLayout).filter(file => file.endsWith('.png'));
  const lone = masks.find(file => !photos.has(stem(file)));
  if (masks.length === 0 || lone !== undefined) {
    const folder = join(root, 'annotations', part);
    const what = lone === undefined ? 'holds no .png' : `has ${lone}, for which there is no photo in images/${part}`;
    throw new UserError(`${folder} ${what}; expected a label map for each photo. Get the set again`);
  }
  return photoDataset({
    name: `PartImageNet ${part}`,
    entries: masks.slice(0, limit).map(file => {
      const photo = photos.get(stem(file))!;
      return { id: photo, photo: join(root, 'images', part, photo), mask: join(root, 'annotations', part, file) };
    }),
    loadObjects: async ({ photo, mask }, image) => {
      const labels = await loadLabels(mask, photo, image);
      const parts = { ...labels, data: labels.data.map(label => (label === NO_PART ? 0 : label)) };
      return indexedTargets(parts);
    },
  });
}
