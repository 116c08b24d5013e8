import type { RgbImage, Target } from '../base/raster.ts';
import { decodeImage } from './decode.ts';
import type { Dataset } from './types.ts';

/** A photo of a dataset and what its objects are read from. */
interface Entry {
  id: string;
  /** Path of the photo. */
  photo: string;
}

interface PhotoDataset<E extends Entry> {
  name: string;
  entries: readonly E[];
  /** See `Dataset`. */
  objectCount?: number;
  /** The objects of a photo, each as large as the photo. */
  loadObjects(entry: E, image: RgbImage): Promise<Target[]>;
}

/**
 * A dataset of listed photos. An object without a pixel is left out of its sample, which may then have none;
 * `objectCount` still has it.
 */
export function photoDataset<E extends Entry>({ name, entries, objectCount, loadObjects }: PhotoDataset<E>): Dataset {
  return {
    name,
    size: entries.length,
    ids: entries.map(({ id }) => id),
    objectCount,
    async load(index) {
      const entry = entries[index];
      if (entry === undefined) throw new RangeError(`sample ${index} of ${entries.length}`);
      const image = await decodeImage(entry.photo);
      const objects = await loadObjects(entry, image);
      return { id: entry.id, image, objects: objects.filter(({ data }) => data.includes(1)) };
    },
  };
}
