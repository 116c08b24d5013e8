import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import type { Grid } from '../base/raster.ts';
import { pairMasks } from './pairs.ts';
import { photoDataset } from './photos.ts';
import { indexedTargets, loadLabels } from './targets.ts';
import type { Dataset } from './types.ts';

export const folderLayout =
  'images/<name>.jpg (photos) and masks/<name>.png or masks/<name>_<n>.png (masks): 0 background, 255 or 1 object, ' +
  'or 1, 2, ... for several';

const suffix = /_(\d+)$/;

/**
 * A folder of one's own photos and masks: `images/a.jpg` with `masks/a.png`, or with `masks/a_1.png`, `masks/a_2.png`
 * for objects that overlap. In a mask 0 is background; every other value is an object: 255 alone, or the values 1 to
 * 254. Photos in the order of their names, objects in the order of the masks' numbers, then of the values.
 *
 * @throws UserError where a folder is missing or empty, or photos and masks do not match; `load` where a file is
 *   damaged, or a mask has other values or is not as large as its photo
 */
export function folderDataset(root: string, limit?: number): Dataset {
  const masks = pairMasks({ root, photoFolder: 'images', maskFolder: 'masks', layout: folderLayout, suffix });
  const entries = [...masks].slice(0, limit).map(([id, files]) => ({
    id,
    photo: join(root, 'images', id),
    masks: files.sort((a, b) => number(a) - number(b)).map(file => join(root, 'masks', file)),
  }));
  return photoDataset({
    name: 'folder',
    entries,
    async loadObjects(entry, image) {
      const objects = [];
      for (const path of entry.masks) {
        const labels = await loadLabels(path, entry.photo, image);
        requireIndices(labels, path);
        objects.push(...indexedTargets(labels));
      }
      return objects;
    },
  });
}

/** The number in the name of a mask; 0 where it has none. */
function number(file: string): number {
  return Number(suffix.exec(file.slice(0, file.lastIndexOf('.')))?.[1] ?? 0);
}

/** Soft edges would otherwise be taken for objects. */
function requireIndices({ data }: Grid<Uint8Array>, path: string): void {
  if (!data.includes(255)) return;
  const other = data.find(value => value !== 0 && value !== 255);
  if (other === undefined) return;
  throw new UserError(
    `mask ${path} has the value ${other} besides 255; expected 0 and 255 for one object, or 0, 1, 2, ... for ` +
      'several. If its edges are soft, save it as a PNG with the two values 0 and 255',
  );
}
