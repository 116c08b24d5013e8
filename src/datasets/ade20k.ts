import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import { firstExisting } from './folders.ts';
import { photoDataset } from './photos.ts';
import { indexedTargets, loadChannel } from './targets.ts';
import type { Dataset } from './types.ts';

export const ade20kLayout =
  'images/ADE/training/ and images/ADE/validation/ (release of 2021) or images/training/ and images/validation/ ' +
  '(2016), with <name>.jpg and <name>_seg.png in folders of scenes';

interface Ade20kOptions {
  split: 'train' | 'val';
  /** Take the first so many photos. */
  limit?: number;
}

/**
 * The full ADE20K (Zhou et al., 2019) in the releases 2021_17_01 and 2016_07_26, not the 150 classes of the scene
 * parsing benchmark, which have no instances: every instance of `<name>_seg.png` is an object, whatever its class.
 * Its blue channel is the instance, 0 none; red and green are the class. Photos in the order of their paths,
 * objects in ascending order of the instance.
 *
 * @throws UserError where the layout is wrong or a photo has no annotation; `load` where a file is damaged or the
 *   annotation is not as large as the photo
 */
export function ade20kDataset(root: string, { split, limit }: Ade20kOptions): Dataset {
  const part = split === 'train' ? 'training' : 'validation';
  const folder = join(root, firstExisting(root, [`images/ADE/${part}`, `images/${part}`], ade20kLayout));
  const names = findPhotos(folder, '').sort().slice(0, limit);
  if (names.length === 0)
    throw new UserError(`${folder} contains no photos with annotations; expected ${ade20kLayout}`);
  const entries = names.map(name => ({
    id: name.slice(name.lastIndexOf('/') + 1),
    photo: join(folder, `${name}.jpg`),
    mask: join(folder, `${name}_seg.png`),
  }));
  return photoDataset({
    name: `ADE20K ${split}`,
    entries,
    loadObjects: async ({ photo, mask }, image) => indexedTargets(await loadChannel(mask, 2, photo, image)),
  });
}

/** The photos below a folder, as relative paths without ".jpg". */
function findPhotos(folder: string, prefix: string): string[] {
  const entries = readdirSync(join(folder, prefix), { withFileTypes: true });
  const files = new Set(entries.map(({ name }) => name));
  return entries.flatMap(entry => {
    if (entry.isDirectory()) {
      // the release of 2021 has a folder of masks beside each photo
      return files.has(`${entry.name}.jpg`) ? [] : findPhotos(folder, `${prefix}${entry.name}/`);
    }
    if (!entry.name.endsWith('.jpg')) return [];
    const name = entry.name.slice(0, -'.jpg'.length);
    if (!files.has(`${name}_seg.png`)) {
      throw new UserError(
        `photo ${join(folder, prefix, entry.name)} has no annotation: expected ${name}_seg.png beside it. ` +
          'Check that the dataset is complete',
      );
    }
    return `${prefix}${name}`;
  });
}
