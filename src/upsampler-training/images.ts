import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { photoDataset } from '../datasets/photos.ts';
import { openDataset } from '../datasets/registry.ts';
import type { Dataset } from '../datasets/types.ts';

export interface ImageSets {
  train: Dataset;
  heldOut: Dataset;
  /** Whether images come with masks of objects. */
  masks: boolean;
}

const imageName = /^[^.].*\.(jpe?g|png|webp|bmp)$/i;
/** Drawn scenes have a part of their own for this; so many of it are enough. */
const DRAWN_HELD_OUT = 64;

/**
 * Opens images to train on, and others to score with: a folder of photos (and folders in it), `synthetic`, or KIND:DIR as
 * in a bench. Of photos a share is held out: the same ones whatever else is in the folder, as a hash of the name decides.
 *
 * @param share of photos held out, 0..1
 * @throws UserError where there are no images, or none on one of the two sides
 */
export async function openImages(spec: string, { seed, share }: { seed: number; share: number }): Promise<ImageSets> {
  if (existsSync(spec)) {
    if (!statSync(spec).isDirectory()) {
      throw new UserError(`--images ${spec} is a file; expected a folder of photos, synthetic, or KIND:DIR`);
    }
    return { ...divided(photoFolder(spec), share, spec), masks: false };
  }
  if (!/^[a-z0-9-]+(:|$)/.test(spec) || (!spec.includes(':') && spec !== 'synthetic')) {
    throw new UserError(
      `there is no folder ${spec}; expected a folder of photos, synthetic, or KIND:DIR such as coco:DIR`,
    );
  }
  const train = await openDataset(spec, { seed, split: 'train' });
  if (spec !== 'synthetic' && !spec.startsWith('synthetic:')) return { ...divided(train, share, spec), masks: true };
  const heldOut = await openDataset('synthetic', { seed, split: 'val', limit: DRAWN_HELD_OUT });
  return { train, heldOut, masks: true };
}

/** Photos of a folder and of all folders in it, in the order of their paths. */
function photoFolder(root: string): Dataset {
  const ids = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map(path => path.replaceAll('\\', '/'))
    .filter(path => imageName.test(path.slice(path.lastIndexOf('/') + 1)))
    .sort();
  if (ids.length === 0) throw new UserError(`${root} contains no JPEG, PNG, WebP or BMP files. Check the path`);
  return photoDataset({
    name: 'folder',
    entries: ids.map(id => ({ id, photo: join(root, id) })),
    loadObjects: async () => [],
  });
}

function divided(set: Dataset, share: number, spec: string): Pick<ImageSets, 'train' | 'heldOut'> {
  const isHeldOut = set.ids.map(id => Random.of(0, 'held out', id).uniform() < share);
  const part = (wanted: boolean): Dataset => {
    const indices = [...isHeldOut.keys()].filter(i => isHeldOut[i] === wanted);
    if (indices.length === 0) {
      throw new UserError(
        `of the ${set.size} image${set.size === 1 ? '' : 's'} of ${spec} none ${wanted ? 'is held out to score with' : 'is left to train on'} ` +
          `(--held-out-share ${share}). Give more images or another share`,
      );
    }
    return {
      name: set.name,
      size: indices.length,
      ids: indices.map(i => set.ids[i]),
      load: index => set.load(indices[index]),
    };
  };
  return { train: part(false), heldOut: part(true) };
}
