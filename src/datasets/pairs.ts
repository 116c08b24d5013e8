import { basename, join } from 'node:path';
import { UserError } from '../base/errors.ts';
import { listFolder } from './folders.ts';

interface Folders {
  root: string;
  photoFolder: string;
  maskFolder: string;
  /** What `root` must contain, for the message. */
  layout: string;
  /** What a mask may have after its photo's name where a photo has several. */
  suffix: RegExp;
}

const imageName = /^[^.].*\.(jpe?g|png|webp|bmp)$/i;

/**
 * Finds the masks of the photos by their names without extension.
 *
 * @returns the file names of each photo's masks, at least one; all in the order of the folders
 * @throws UserError where a folder is missing or empty, or photos and masks do not match
 */
export function pairMasks({ root, photoFolder, maskFolder, layout, suffix }: Folders): Map<string, string[]> {
  const photos = listImages(root, photoFolder, layout);
  const byName = new Map<string, string[]>(photos.map(file => [stem(file), []]));
  for (const file of listImages(root, maskFolder, layout)) {
    const list = byName.get(stem(file)) ?? byName.get(stem(file).replace(suffix, ''));
    if (!list) throw unmatched('mask', join(root, maskFolder, file), 'photo', join(root, photoFolder));
    list.push(file);
  }
  const masks = new Map(photos.map(file => [file, byName.get(stem(file))!]));
  for (const [photo, list] of masks) {
    if (list.length === 0) throw unmatched('photo', join(root, photoFolder, photo), 'mask', join(root, maskFolder));
  }
  return masks;
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

function unmatched(kind: string, path: string, other: string, folder: string): UserError {
  return new UserError(
    `${kind} ${path} has no ${other}: expected one named ${stem(basename(path))} in ${folder}. ` +
      'Check that the dataset is complete',
  );
}

/** A file name without its extension. */
function stem(file: string): string {
  return file.slice(0, file.lastIndexOf('.'));
}
