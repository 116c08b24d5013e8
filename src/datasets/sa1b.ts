import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import type { Target } from '../base/raster.ts';
import { readBytes } from './bytes.ts';
import { isSegmentation } from './coco-annotations.ts';
import { paintSegmentation } from './coco-mask.ts';
import { listFolder, requireFiles } from './folders.ts';
import { photoDataset } from './photos.ts';
import { requireSize } from './targets.ts';
import type { Dataset } from './types.ts';

export const sa1bLayout = 'sa_<n>.jpg and sa_<n>.json beside each other, in the folder or one below (sa_000000/)';

interface Sa1bOptions {
  /** In px: objects whose `area` is smaller or larger are left out. */
  minArea?: number;
  maxArea?: number;
  /** Take the first so many photos. */
  limit?: number;
}

/**
 * SA-1B (Kirillov et al., 2023), or some of its archives: about 100 masks a photo, made by a model, of things and
 * their parts. Photos in the order of their numbers, objects in the order of the file.
 *
 * @throws UserError where the layout is wrong; `load` where a file is damaged, or a mask is not as large as the photo
 */
export function sa1bDataset(root: string, { minArea = 1, maxArea = Infinity, limit }: Sa1bOptions = {}): Dataset {
  const photos = listFolder(root, '.', sa1bLayout)
    .flatMap(name => (/^sa_\d+$/.test(name) ? readdirSync(join(root, name)).map(file => `${name}/${file}`) : name))
    .flatMap(file => {
      const number = /(?:^|\/)sa_(\d+)\.jpg$/.exec(file)?.[1];
      return number === undefined ? [] : { file, number: Number(number) };
    })
    .sort((a, b) => a.number - b.number)
    .slice(0, limit);
  if (photos.length === 0) throw new UserError(`${root} contains no photos; expected ${sa1bLayout}`);
  const annotationOf = (file: string) => file.replace(/jpg$/, 'json');
  requireFiles(
    root,
    photos.map(({ file }) => annotationOf(file)),
    'its photo is there',
  );
  return photoDataset({
    name: 'SA-1B',
    entries: photos.map(({ file, number }) => ({
      id: `sa_${number}`,
      photo: join(root, file),
      annotation: join(root, annotationOf(file)),
    })),
    async loadObjects({ photo, annotation }, { width, height }) {
      const { image, annotations } = await readAnnotation(annotation);
      requireSize(annotation, image, photo, { width, height });
      return annotations
        .filter(({ area }) => area >= minArea && area <= maxArea)
        .map(({ id, segmentation }) => {
          const target: Target = { width, height, data: new Int8Array(width * height) };
          paintSegmentation(segmentation, target, 1, `annotation ${id} of ${annotation}`);
          return target;
        });
    },
  });
}

/**
 * Areas in px as one writes them: "MIN" or "MIN-MAX".
 *
 * @throws UserError for anything else
 */
export function parseAreas(areas: string | undefined): { minArea?: number; maxArea?: number } {
  if (areas === undefined) return {};
  const [, min, max] = /^(\d+)(?:-(\d+))?$/.exec(areas) ?? [];
  if (min === undefined || Number(max ?? min) < Number(min)) {
    throw new UserError(
      `"${areas}" is no range of areas; expected the smallest and perhaps the largest area of objects in px: ` +
        'sa1b:DIR#1000 or sa1b:DIR#1000-100000',
    );
  }
  return { minArea: Number(min), maxArea: max === undefined ? undefined : Number(max) };
}

interface Annotation {
  image: { width: number; height: number };
  annotations: { id: number; area: number; segmentation: Parameters<typeof paintSegmentation>[0] }[];
}

async function readAnnotation(path: string): Promise<Annotation> {
  const text = (await readBytes(path)).toString('utf8');
  let json: Partial<Annotation> | null;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw invalid(path, (error as Error).message);
  }
  const { image, annotations } = json ?? {};
  if (!Number.isInteger(image?.width) || !Number.isInteger(image?.height)) {
    throw invalid(path, 'its image has no width and height');
  }
  if (!Array.isArray(annotations)) throw invalid(path, 'it has no list "annotations"');
  const wrong = annotations.findIndex(each => !Number.isFinite(each?.area) || !isSegmentation(each.segmentation));
  if (wrong >= 0) throw invalid(path, `annotations[${wrong}] is not complete, expected area and segmentation`);
  return json as Annotation;
}

function invalid(path: string, what: string): UserError {
  return new UserError(
    `cannot use ${path}: ${what}. Expected the JSON of SA-1B ({"image": {...}, "annotations": [...]}); get the file again`,
  );
}
