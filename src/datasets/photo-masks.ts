import { basename, join } from 'node:path';
import { UserError } from '../base/errors.ts';
import type { Target } from '../base/raster.ts';
import { decodeImage } from './decode.ts';
import { listFolder } from './folders.ts';
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

const imageName = /^[^.].*\.(jpe?g|png|webp|bmp)$/i;

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
  const photos = listImages(root, photoFolder, layout);
  const masks = new Map<string, string[]>(photos.map(file => [stem(file), []]));
  for (const file of listImages(root, maskFolder, layout)) {
    const list = masks.get(stem(file)) ?? masks.get(stem(file).replace(/#\d+$/, ''));
    if (!list) throw unmatched('mask', join(root, maskFolder, file), 'photo', join(root, photoFolder));
    list.push(file);
  }
  const bare = photos.find(file => masks.get(stem(file))!.length === 0);
  if (bare) throw unmatched('photo', join(root, photoFolder, bare), 'mask', join(root, maskFolder));

  const ids = photos.slice(0, limit);
  return {
    name,
    size: ids.length,
    ids,
    objectCount: ids.reduce((sum, photo) => sum + masks.get(stem(photo))!.length, 0),
    async load(index) {
      const id = ids[index];
      if (id === undefined) throw new RangeError(`sample ${index} of ${ids.length}`);
      const photoPath = join(root, photoFolder, id);
      const image = await decodeImage(photoPath);
      const objects = [];
      for (const file of masks.get(stem(id))!) {
        const path = join(root, maskFolder, file);
        const target = await loadTarget(path, anyColour);
        if (target.width !== image.width || target.height !== image.height) {
          throw new UserError(
            `mask ${path} is ${target.width}x${target.height}, its photo ${photoPath} ${image.width}x${image.height}; ` +
              'expected the same size. Get both files from the same copy of the dataset',
          );
        }
        objects.push(target);
      }
      return { id, image, objects };
    },
  };
}

/** The image files of a folder, sorted, no two of the same name. */
function listImages(root: string, folder: string, layout: string): string[] {
  const files = listFolder(root, folder, layout).filter(file => imageName.test(file));
  if (files.length === 0) {
    throw new UserError(`${join(root, folder)} contains no JPEG, PNG, WebP or BMP files; expected ${layout}`);
  }
  const byStem = new Map<string, string>();
  for (const file of files) {
    const other = byStem.get(stem(file));
    if (other) throw new UserError(`${join(root, folder)} has both ${other} and ${file}; expected one. Remove one`);
    byStem.set(stem(file), file);
  }
  return files;
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

function unmatched(kind: string, path: string, other: string, folder: string): UserError {
  return new UserError(
    `${kind} ${path} has no ${other}: expected one named ${stem(basename(path))} in ${folder}. ` +
      'Check that the dataset is complete',
  );
}

function stem(file: string): string {
  return file.slice(0, file.lastIndexOf('.'));
}
