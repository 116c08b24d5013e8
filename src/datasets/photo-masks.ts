import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import type { Target } from '../base/raster.ts';
import { decodeImage } from './decode.ts';
import { pairMasks } from './pairs.ts';
import { requireSize } from './targets.ts';
import type { Dataset } from './types.ts';

interface PhotoMaskLayout {
  name: string;
  root: string;
  photoFolder: string;
  maskFolder: string;
  layout: string;
  /** Every pixel that is not black is object, and none is ignored. */
  anyColour?: boolean;
  /** Take the first so many photos. */
  limit?: number;
}

/**
 * A folder of photos and a folder of masks with the same names, or `<photo>#<n>` where a photo has
 * several objects. A mask value (its blue channel) above 128 is object, 128 is ignored, below is background;
 * but see `anyColour`. Photos come in the order of their file names, objects in the order of their masks'.
 *
 * @throws UserError where a folder is missing or empty, or photos and masks do not match; `load` where
 *   a file is damaged, a mask is not as large as its photo, or has no object
 */
export function photoMaskDataset(options: PhotoMaskLayout): Dataset {
  const { name, root, photoFolder, maskFolder, layout, anyColour = false, limit } = options;
  const masks = pairMasks({ root, photoFolder, maskFolder, layout, suffix: /#\d+$/ });
  const photos = [...masks.keys()];
  const ids = photos.slice(0, limit);
  return {
    name,
    size: ids.length,
    ids,
    objectCount: ids.reduce((sum, photo) => sum + masks.get(photo)!.length, 0),
    async load(index) {
      const id = ids[index];
      if (id === undefined) throw new RangeError(`sample ${index} of ${ids.length}`);
      const photoPath = join(root, photoFolder, id);
      const image = await decodeImage(photoPath);
      const objects = [];
      for (const file of masks.get(id)!) {
        const path = join(root, maskFolder, file);
        const target = await loadTarget(path, anyColour);
        requireSize(path, target, photoPath, image);
        objects.push(target);
      }
      return { id, image, objects };
    },
  };
}

async function loadTarget(path: string, anyColour: boolean): Promise<Target> {
  const { width, height, data } = await decodeImage(path);
  const target = new Int8Array(width * height);
  const threshold = anyColour ? 0 : 128;
  let highest = 0;
  for (let i = 0, at = 0; i < target.length; i++, at += 3) {
    // blue, as the original code takes it: some Berkeley masks have stray magenta pixels
    const value = anyColour ? Math.max(data[at], data[at + 1], data[at + 2]) : data[at + 2];
    target[i] = value > threshold ? 1 : value === threshold && !anyColour ? -1 : 0;
    highest = Math.max(highest, value);
  }
  if (!target.includes(1)) {
    throw new UserError(
      `mask ${path} has no object: its highest value is ${highest}, expected values above ${threshold} on the object. ` +
        'Get the file again, or remove it and its photo',
    );
  }
  return { width, height, data: target };
}
