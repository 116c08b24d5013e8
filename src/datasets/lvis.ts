import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import { type CocoImage, loadTargets, readCocoAnnotations } from './coco-annotations.ts';
import { firstExisting, requireFiles } from './folders.ts';
import { photoDataset } from './photos.ts';
import type { Dataset } from './types.ts';

export const lvisLayout =
  'annotations/lvis_v1_<part>.json and the photos of COCO in train2017/ and val2017/; ' +
  'or <part>/lvis_<part>.json and the photos in train/images/ and val/images/';

interface LvisOptions {
  /** Names the annotation file: "train", "val", ... */
  part: string;
  /** Take the first so many images. */
  limit?: number;
}

/**
 * LVIS v1 (Gupta et al., 2019) on the photos of COCO 2017. The photo of an image is told by its `coco_url`: those of
 * `val` come from COCO's train2017, too. Otherwise as `cocoDataset`; LVIS has no crowd regions.
 *
 * @throws UserError see `cocoDataset`
 */
export function lvisDataset(root: string, { part, limit }: LvisOptions): Dataset {
  const { path, entries } = openLvis(root, lvisLayout, { part, limit });
  requirePhotos(root, path, entries);
  return photoDataset({
    name: `LVIS ${part}`,
    entries,
    objectCount: entries.reduce((sum, { image }) => sum + image.objects.length, 0),
    loadObjects: ({ photo, image }, decoded) => loadTargets(path, image, photo, decoded),
  });
}

/** An image of LVIS: its name in COCO is its id. */
interface LvisEntry {
  id: string;
  photo: string;
  /** As `photo`, relative to the dataset's folder. */
  file: string;
  image: CocoImage;
}

/** The annotation file of a part and its images; their photos are not looked for. */
export function openLvis(
  root: string,
  layout: string,
  { part, limit }: LvisOptions,
): { path: string; entries: LvisEntry[] } {
  const candidates = [`annotations/lvis_v1_${part}.json`, `lvis_v1_${part}.json`, `${part}/lvis_${part}.json`];
  const path = join(root, firstExisting(root, candidates, layout));
  const folders = new Map<string, string>();
  const entries = readCocoAnnotations(path, { limit, photoField: 'coco_url' }).map(image => {
    const [folder, id] = image.file.split('/');
    const split = /^(train|val)2017$/.exec(folder)?.[1];
    if (!split || !id) {
      throw new UserError(
        `${path} has an image whose coco_url ends in "${image.file}"; expected train2017/<name>.jpg or ` +
          'val2017/<name>.jpg, the photos of LVIS v1. Get the annotations of version 1',
      );
    }
    if (!folders.has(folder)) folders.set(folder, firstExisting(root, [folder, `${split}/images`], layout));
    const file = `${folders.get(folder)}/${id}`;
    return { id, photo: join(root, file), file, image };
  });
  return { path, entries };
}

/** Checks that the photos of LVIS images are there. */
export function requirePhotos(root: string, path: string, entries: readonly LvisEntry[]): void {
  requireFiles(
    root,
    entries.map(({ file }) => file),
    `${path} lists it`,
  );
}
