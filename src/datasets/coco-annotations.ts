import { UserError } from '../base/errors.ts';
import type { RgbImage, Target } from '../base/raster.ts';
import { paintSegmentation, type Segmentation } from './coco-mask.ts';
import { readJsonLists, readJsonValues, type Span } from './json-lists.ts';
import { safeName } from './names.ts';

/** What is kept of COCO's JSON: an image and where its regions are in the file, in the file's order. */
export interface CocoImage {
  /** The photo's path within its folder. */
  file: string;
  width: number;
  height: number;
  objects: Region[];
  crowds: Region[];
}

interface Region extends Span {
  /** The annotation's id. */
  id: number;
}

interface CocoOptions {
  /** Take the first so many images. */
  limit?: number;
  /** What tells the photo: its name, or (LVIS) its address, of which the last folder and the name are taken. */
  photoField?: 'file_name' | 'coco_url';
}

/**
 * Reads an annotation file in COCO's format. Regions are checked and then left in the file, since the outlines of
 * LVIS would not fit into memory: `loadTargets` reads those of one image.
 *
 * @throws UserError where it is not JSON, an image or annotation lacks a field, or a photo's name is no file name
 */
export function readCocoAnnotations(path: string, { limit, photoField = 'file_name' }: CocoOptions = {}): CocoImage[] {
  const images = new Map<number, CocoImage>();
  const regions = new Map<number, Pick<CocoImage, 'objects' | 'crowds'>>();
  const regionsOf = (imageId: number) => {
    const known = regions.get(imageId) ?? { objects: [], crowds: [] };
    regions.set(imageId, known);
    return known;
  };
  const found = readJsonLists(path, ['images', 'annotations'], (list, entry, i, span) => {
    if (list === 'images') {
      if (images.size === limit) return;
      const { id, width, height, [photoField]: photo } = (entry as Json) ?? {};
      if (!isInteger(id) || typeof photo !== 'string' || !isInteger(width) || !isInteger(height)) {
        throw invalid(path, `images[${i}] is not complete, expected id, ${photoField}, width and height`);
      }
      if (images.has(id)) throw invalid(path, `images[${i}] has the id ${id} of an earlier image`);
      const name = photoField === 'file_name' ? photo : photo.split('/').slice(-2).join('/');
      images.set(id, { file: safeName(name, `images[${i}] of ${path}`), width, height, ...regionsOf(id) });
      return;
    }
    const { id, image_id: imageId, iscrowd, segmentation } = (entry as Json) ?? {};
    if (!isInteger(id) || !isInteger(imageId) || !isSegmentation(segmentation)) {
      throw invalid(
        path,
        `annotations[${i}]${isInteger(id) ? ` (id ${id})` : ''} is not complete, ` +
          'expected id, image_id and segmentation (polygons or run lengths)',
      );
    }
    // annotations of images beyond the limit, or not in a reduced list of images, are never asked for
    regionsOf(imageId)[iscrowd ? 'crowds' : 'objects'].push({ id, ...span });
  });
  for (const name of ['images', 'annotations']) {
    if (!found.has(name)) throw invalid(path, `it has no list "${name}"`);
  }
  if (images.size === 0) throw new UserError(`${path} lists no images; expected at least one`);
  return [...images.values()];
}

/**
 * One target per object of an image, in the file's order. A crowd region (iscrowd) is no object: it is ignored
 * (-1) in every target, except where it overlaps that object.
 *
 * @param path of the annotation file
 * @throws UserError where the photo has another size than annotated, or a segmentation is malformed
 */
export async function loadTargets(
  path: string,
  { width, height, objects, crowds }: CocoImage,
  photo: string,
  image: RgbImage,
): Promise<Target[]> {
  if (image.width !== width || image.height !== height) {
    throw new UserError(
      `${photo} is ${image.width}x${image.height}, but ${path} says ${width}x${height}. ` +
        'Get the photo again: it was resized or rotated',
    );
  }
  const ignored: Target = { width, height, data: new Int8Array(width * height) };
  await paint(path, crowds, () => ignored, -1);
  const targets: Target[] = [];
  await paint(
    path,
    objects,
    () => {
      const target = { width, height, data: ignored.data.slice() };
      targets.push(target);
      return target;
    },
    1,
  );
  return targets;
}

async function paint(path: string, regions: readonly Region[], next: () => Target, value: number): Promise<void> {
  for (const [i, annotation] of (await readJsonValues(path, regions)).entries()) {
    const { id, segmentation } = (annotation as Json) ?? {};
    if (id !== regions[i].id || !isSegmentation(segmentation)) {
      throw new UserError(`${path} changed while it was in use. Start again`);
    }
    paintSegmentation(segmentation, next(), value, `annotation ${regions[i].id} of ${path}`);
  }
}

// biome-ignore lint/suspicious/noExplicitAny: fields of foreign JSON, checked where they are read
type Json = Record<string, any> | undefined | null;

function isInteger(value: unknown): value is number {
  return Number.isInteger(value);
}

/** Whether a JSON value has the outer form of a segmentation; `paintSegmentation` checks the rest. */
export function isSegmentation(value: unknown): value is Segmentation {
  if (Array.isArray(value)) return value.length > 0;
  const counts = (value as Json)?.counts;
  return typeof counts === 'string' || Array.isArray(counts);
}

function invalid(path: string, what: string): UserError {
  return new UserError(
    `cannot use ${path}: ${what}. Expected the JSON of COCO instances ({"images": [...], "annotations": [...]}); get the file again`,
  );
}
