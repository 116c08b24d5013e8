import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import type { Target } from '../base/raster.ts';
import { loadTargets, readCocoAnnotations } from './coco-annotations.ts';
import { firstExisting } from './folders.ts';
import { openLvis, requirePhotos } from './lvis.ts';
import { photoDataset } from './photos.ts';
import type { Dataset } from './types.ts';

export const cocoLvisLayout =
  'annotations/instances_train2017.json (val2017) of COCO, annotations/lvis_v1_train.json (val) or ' +
  'train/lvis_train.json (val), and the photos of COCO in train2017/ and val2017/ or train/images/ and val/images/';

interface CocoLvisOptions {
  split: 'train' | 'val';
  /** Take the first so many images. */
  limit?: number;
}

/** In px; smaller objects are left out. */
const minArea = 80;
/** A COCO object is left out where an LVIS object overlaps it by more, in box and in mask. */
const sameObject = 0.7;
/** An LVIS object is left out where a later one overlaps it by more (mask; boxes as above). */
const sameMask = 0.85;

/**
 * COCO and LVIS merged (RITM, Sofiiuk et al., 2021): the photos that both annotate and that have an LVIS object, by
 * name. Objects: those of COCO that LVIS does not have, then those of LVIS without doubles, each in its file's order;
 * objects may overlap and contain one another. Made from the two annotation files as photos are loaded; RITM's own
 * files are Python pickles, which can run any code, and are not read.
 *
 * @throws UserError see `cocoDataset`
 */
export function cocoLvisDataset(root: string, { split, limit }: CocoLvisOptions): Dataset {
  const lvis = openLvis(root, cocoLvisLayout, { part: split });
  const file = `instances_${split}2017.json`;
  const cocoPath = join(root, firstExisting(root, [`annotations/${file}`, file], cocoLvisLayout));
  const coco = new Map(readCocoAnnotations(cocoPath).map(image => [image.file, image]));
  const entries = lvis.entries
    .flatMap(entry => {
      const cocoImage = coco.get(entry.id);
      return cocoImage && entry.image.objects.length > 0 ? { ...entry, cocoImage } : [];
    })
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .slice(0, limit);
  if (entries.length === 0) {
    throw new UserError(
      `${lvis.path} and ${cocoPath} have no photo in common; expected the same part of COCO. Get both files again`,
    );
  }
  requirePhotos(root, lvis.path, entries);
  return photoDataset({
    name: `COCO+LVIS ${split}`,
    entries,
    async loadObjects({ photo, image, cocoImage }, decoded) {
      return mergeObjects(
        await loadTargets(cocoPath, cocoImage, photo, decoded),
        await loadTargets(lvis.path, image, photo, decoded),
      );
    },
  });
}

/** The objects of COCO and of LVIS that RITM's merge keeps; see `cocoLvisDataset`. */
export function mergeObjects(coco: readonly Target[], lvis: readonly Target[]): Target[] {
  const [ours, theirs] = [coco, lvis].map(targets => targets.map(measure).filter(({ area }) => area >= minArea));
  const kept = [
    ...ours.filter(a => !theirs.some(b => overlap(a, b, sameObject))),
    ...theirs.filter((a, i) => !theirs.slice(i + 1).some(b => overlap(a, b, sameMask))),
  ];
  return kept.map(({ target }) => target);
}

interface Measured {
  target: Target;
  area: number;
  /** First and last column and row, both included. */
  columns: [number, number];
  rows: [number, number];
}

function measure(target: Target): Measured {
  const { width, data } = target;
  let area = 0;
  let [left, right, top, bottom] = [Infinity, -1, Infinity, -1];
  for (let i = 0; i < data.length; i++) {
    if (data[i] !== 1) continue;
    const x = i % width;
    const y = (i - x) / width;
    area++;
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = y;
  }
  return { target, area, columns: [left, right], rows: [top, bottom] };
}

/** Whether two objects are the same: their boxes agree (cheap to tell), and the IoU of their masks is above `minIou`. */
function overlap(a: Measured, b: Measured, minIou: number): boolean {
  // the product of two intervals' IoU, as RITM has it, not the IoU of the boxes
  if (intervalIou(a.columns, b.columns) * intervalIou(a.rows, b.rows) <= sameObject) return false;
  let both = 0;
  for (let i = 0; i < a.target.data.length; i++) both += +(a.target.data[i] === 1 && b.target.data[i] === 1);
  return both / (a.area + b.area - both) > minIou;
}

function intervalIou([a, b]: [number, number], [c, d]: [number, number]): number {
  return Math.max(0, Math.min(b, d) - Math.max(a, c) + 1) / (Math.max(b, d) - Math.min(a, c) + 1);
}
