import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import type { RgbImage, Target } from '../base/raster.ts';
import { decodeImage } from './decode.ts';
import { requireFiles, requireFolder } from './folders.ts';
import { matField, matNumbers, readMatVariable } from './mat.ts';
import { readNames } from './names.ts';
import type { Dataset } from './types.ts';

export const sbdLayout =
  'img/<name>.jpg (photos), inst/<name>.mat (instances), train.txt and val.txt (one name per line)';

interface SbdOptions {
  /** "train" is for training, where broken masks are removed; "val" for evaluation, where all are kept. */
  split: 'train' | 'val';
  /** Take the first so many photos. */
  limit?: number;
}

/** An instance and what tells whether its mask is broken. */
interface Instance {
  label: number;
  target: Target;
  area: number;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** A broken mask, e.g. a stray line, covers less than this part of its bounding box (RITM, Sofiiuk et al., 2021). */
const brokenBelow = 0.08;
/** Photos have a few dozen at most; more means that the array is something else, and would fill the memory. */
const maxInstances = 1000;

/**
 * SBD (Hariharan et al., 2011): 8,498 photos for training, 2,857 photos with 6,671 objects for evaluation, in the
 * order of the list. A photo's objects come in ascending order of their labels; it may have none.
 *
 * Training leaves out objects whose masks are broken, evaluation keeps them, as the field's published numbers do.
 *
 * @throws UserError where the layout is wrong or a listed file is missing; `load` where a file is damaged, or the
 *   instances are not as large as the photo
 */
export function sbdDataset(root: string, { split, limit }: SbdOptions): Dataset {
  for (const folder of ['img', 'inst']) requireFolder(root, folder, sbdLayout);
  const list = `${split}.txt`;
  const ids = readNames(root, list, sbdLayout).slice(0, limit);
  requireFiles(
    root,
    ids.flatMap(id => [`img/${id}.jpg`, `inst/${id}.mat`]),
    `${join(root, list)} lists it`,
  );
  return {
    name: `SBD ${split}`,
    size: ids.length,
    ids,
    async load(index) {
      const id = ids[index];
      if (id === undefined) throw new RangeError(`sample ${index} of ${ids.length}`);
      const image = await decodeImage(photoPath(root, id));
      const instances = await loadInstances(instancePath(root, id), image);
      const kept = split === 'train' ? instances.filter(instance => !isBroken(instance)) : instances;
      return { id, image, objects: kept.map(({ target }) => target) };
    },
  };
}

const photoPath = (root: string, id: string) => join(root, 'img', `${id}.jpg`);
const instancePath = (root: string, id: string) => join(root, 'inst', `${id}.mat`);

async function loadInstances(path: string, { width, height }: RgbImage): Promise<Instance[]> {
  const segmentation = matField(await readMatVariable(path, 'GTinst'), 'Segmentation');
  const { dims } = segmentation;
  if (dims.length !== 2 || dims[0] !== height || dims[1] !== width) {
    throw new UserError(
      `GTinst.Segmentation of ${path} is ${dims.join('x')} (rows x columns), its photo is ${height}x${width}; ` +
        'expected the same size. Get both files from the same copy of the dataset',
    );
  }
  const labels = matNumbers(segmentation);
  const instances = new Map<number, Instance>();
  for (let x = 0, at = 0; x < width; x++) {
    for (let y = 0; y < height; y++, at++) {
      const label = labels[at];
      if (label === 0) continue;
      let instance = instances.get(label);
      if (!instance) {
        if (!(Number.isInteger(label) && label > 0) || instances.size === maxInstances) throw notLabels(path, label);
        const target = { width, height, data: new Int8Array(width * height) };
        instance = { label, target, area: 0, left: x, right: x, top: y, bottom: y };
        instances.set(label, instance);
      }
      instance.target.data[y * width + x] = 1;
      instance.area++;
      instance.right = x;
      instance.top = Math.min(instance.top, y);
      instance.bottom = Math.max(instance.bottom, y);
    }
  }
  return [...instances.values()].sort((a, b) => a.label - b.label);
}

function isBroken({ area, left, right, top, bottom }: Instance): boolean {
  return area / ((right - left + 1) * (bottom - top + 1)) < brokenBelow;
}

function notLabels(path: string, label: number): UserError {
  return new UserError(
    `GTinst.Segmentation of ${path} is no map of instances: it has ` +
      (Number.isInteger(label) && label > 0 ? `more than ${maxInstances} labels` : `the label ${label}`) +
      ', expected 0 for background and 1, 2, ... for the objects. Get the file again',
  );
}
