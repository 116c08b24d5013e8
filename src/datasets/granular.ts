import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import type { Target } from '../base/raster.ts';
import { mergedGranularity, partWeights } from '../granularity/measures.ts';
import { isSegmentation } from './coco-annotations.ts';
import { paintSegmentation } from './coco-mask.ts';
import { requireFolder } from './folders.ts';
import { readJsonLists, readJsonValues, type Span } from './json-lists.ts';
import type { OpenOptions } from './parts.ts';
import type { Dataset } from './types.ts';

export const granularLayout = 'set.json and annotations.json, as clickprobe granularity make writes them';

/** What a set of parts was made from. */
export interface GranularSource {
  /** As `openDataset` takes it, with its options. */
  spec: string;
  seed: number;
  split: 'train' | 'val';
  limit: number | null;
}

export const granularFormat = 'clickprobe-granular-1';

interface PartRegion extends Span {
  id: number;
  granularity: number;
}

/**
 * A multi-granular training set (GraCo, arXiv 2405.00587): the photos of another set, whose objects are parts, each with
 * its granularity and with the weight it is drawn with. The photos are read from where the other set is.
 *
 * @param open `openDataset`
 * @throws UserError where a file is missing or damaged, or the other set has changed
 */
export async function granularDataset(
  root: string,
  limit: number | undefined,
  open: (spec: string, options: OpenOptions) => Promise<Dataset>,
): Promise<Dataset> {
  requireFolder(root, '.', granularLayout);
  const source = readSource(join(root, 'set.json'));
  const { spec, seed, split } = source;
  const photos = await open(spec, { seed, split, ...(source.limit !== null && { limit: source.limit }) });
  const places = new Map(photos.ids.map((id, index) => [id, index]));
  const path = join(root, 'annotations.json');
  const { images, counts } = readParts(path);
  const entries = images.slice(0, limit);
  const missing = entries.find(({ id }) => !places.has(id));
  if (missing) {
    throw new UserError(
      `${path} has parts of "${missing.id}", which ${spec} no longer has. Bring that set back as it was, or make ` +
        'the parts anew with clickprobe granularity make',
    );
  }
  return {
    name: `parts of ${photos.name}`,
    size: entries.length,
    ids: entries.map(({ id }) => id),
    objectCount: entries.reduce((sum, { parts }) => sum + parts.length, 0),
    async load(index) {
      const entry = entries[index];
      if (entry === undefined) throw new RangeError(`sample ${index} of ${entries.length}`);
      const { id, image } = await photos.load(places.get(entry.id)!);
      const values = (await readJsonValues(path, entry.parts)) as { segmentation: unknown }[];
      const objects = values.map(({ segmentation }, i): Target => {
        const { width, height } = image;
        const target = { width, height, data: new Int8Array(width * height) };
        const where = `annotation ${entry.parts[i].id} of ${path}`;
        if (!isSegmentation(segmentation)) throw new UserError(`${where} has no segmentation. Make the parts anew`);
        paintSegmentation(segmentation, target, 1, where);
        return target;
      });
      const granularities = entry.parts.map(({ granularity }) => granularity);
      const weights = partWeights(granularities, counts);
      const parts = granularities.map((granularity, i) => ({ granularity, weight: weights[i] }));
      return { id, image, objects, parts };
    },
  };
}

/** What `set.json` says. */
function readSource(path: string): GranularSource {
  let content: { format?: unknown; source?: GranularSource };
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UserError(`cannot read ${path} (${(error as Error).message}); expected a folder with ${granularLayout}`);
  }
  const { spec, seed, split, limit } = content?.source ?? {};
  const known = content?.format === granularFormat && typeof spec === 'string' && Number.isInteger(seed);
  if (!known || (split !== 'train' && split !== 'val') || !(limit === null || Number.isInteger(limit))) {
    throw new UserError(`${path} is not that of a set of parts; expected a folder with ${granularLayout}`);
  }
  return { spec, seed: seed as number, split, limit: limit as number | null };
}

/** The images in the file's order with their parts, and how many parts there are of each granularity. */
function readParts(path: string) {
  const images = new Map<number, { id: string; parts: PartRegion[] }>();
  const counts = new Map<number, number>();
  const damaged = (what: string) => new UserError(`cannot use ${path}: ${what}. Make the parts anew`);
  const found = readJsonLists(path, ['images', 'annotations'], (list, entry, i, span) => {
    const { id, file_name, image_id, scale, semantic } = (entry ?? {}) as Record<string, unknown>;
    if (list === 'images') {
      if (typeof id !== 'number' || typeof file_name !== 'string') throw damaged(`images[${i}] is not complete`);
      images.set(id, { id: file_name, parts: [] });
      return;
    }
    const image = images.get(image_id as number);
    if (typeof id !== 'number' || typeof scale !== 'number' || typeof semantic !== 'number' || !image) {
      throw damaged(`annotations[${i}] is not complete or of no image before it`);
    }
    if (!(scale > 0 && scale <= 1)) throw damaged(`annotations[${i}] has the scale ${scale}, expected one up to 1`);
    const granularity = mergedGranularity(semantic, scale);
    counts.set(granularity, (counts.get(granularity) ?? 0) + 1);
    image.parts.push({ id, granularity, ...span });
  });
  if (!found.has('images') || !found.has('annotations')) throw damaged('it lacks images or annotations');
  return { images: [...images.values()], counts };
}
