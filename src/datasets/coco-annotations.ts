import { readFileSync } from 'node:fs';
import { UserError } from '../base/errors.ts';
import type { Segmentation } from './coco-mask.ts';

/** What is kept of COCO's JSON: an image and its regions, in the file's order. */
interface CocoImage {
  file: string;
  width: number;
  height: number;
  objects: Region[];
  crowds: Region[];
}

interface Region {
  /** The annotation's id. */
  id: number;
  segmentation: Segmentation;
}

/**
 * Reads an instances file of COCO.
 *
 * @param limit take the first so many images
 * @throws UserError where it is not JSON, or an image or annotation lacks a field
 */
export function readCocoAnnotations(path: string, limit?: number): CocoImage[] {
  const { images, annotations } = parse(path);
  const byId = new Map<unknown, CocoImage>();
  for (const [i, image] of images.slice(0, limit).entries()) {
    const { id, file_name: file, width, height } = image ?? {};
    if (!isInteger(id) || typeof file !== 'string' || !isInteger(width) || !isInteger(height)) {
      throw invalid(path, `images[${i}] is not complete, expected id, file_name, width and height`);
    }
    if (byId.has(id)) throw invalid(path, `images[${i}] has the id ${id} of an earlier image`);
    byId.set(id, { file, width, height, objects: [], crowds: [] });
  }
  for (const [i, annotation] of annotations.entries()) {
    const { id, image_id: imageId, iscrowd, segmentation } = annotation ?? {};
    if (!isInteger(id) || !isInteger(imageId) || !isSegmentation(segmentation)) {
      throw invalid(
        path,
        `annotations[${i}]${isInteger(id) ? ` (id ${id})` : ''} is not complete, ` +
          'expected id, image_id and segmentation (polygons or run lengths)',
      );
    }
    // annotations of images beyond the limit, or not in a reduced list of images, are not ours
    const image = byId.get(imageId);
    (iscrowd ? image?.crowds : image?.objects)?.push({ id, segmentation });
  }
  return [...byId.values()];
}

// biome-ignore lint/suspicious/noExplicitAny: fields of foreign JSON, checked where they are read
type Json = Record<string, any> | undefined | null;

function parse(path: string): { images: Json[]; annotations: Json[] } {
  let json: Json;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw invalid(path, (error as Error).message, error);
  }
  for (const name of ['images', 'annotations']) {
    if (!Array.isArray(json?.[name])) throw invalid(path, `it has no list "${name}"`);
  }
  return json as { images: Json[]; annotations: Json[] };
}

function isInteger(value: unknown): value is number {
  return Number.isInteger(value);
}

function isSegmentation(value: unknown): value is Segmentation {
  if (Array.isArray(value)) return value.length > 0;
  const counts = (value as Json)?.counts;
  return typeof counts === 'string' || Array.isArray(counts);
}

function invalid(path: string, what: string, cause?: unknown): UserError {
  return new UserError(
    `cannot use ${path}: ${what}. Expected the JSON of COCO instances ({"images": [...], "annotations": [...]}); get the file again`,
    { cause },
  );
}
