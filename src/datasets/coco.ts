import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import type { Target } from '../base/raster.ts';
import { readCocoAnnotations } from './coco-annotations.ts';
import { paintSegmentation } from './coco-mask.ts';
import { decodeImage } from './decode.ts';
import { contents, listFolder } from './folders.ts';
import type { Dataset } from './types.ts';

export const cocoLayout =
  'annotations/instances_<part>.json and <part>/<file_name> (photos), e.g. train2017 and val2017';

interface CocoOptions {
  /** Names the annotation file and the folder of photos, e.g. "val2017". */
  part: string;
  /** Take the first so many images. */
  limit?: number;
}

/**
 * COCO instances (Lin et al., 2014): images in the order of the annotation file, objects in the order of
 * its annotations. A crowd region (iscrowd) is no object: it is ignored (-1) in every object of its
 * image, except where it overlaps that object. An image may have no object. A region too small to
 * cover a pixel centre is left out of the sample, though `objectCount`, which counts annotations, has it.
 *
 * @throws UserError where the layout or the JSON is wrong or a photo is missing; `load` where a photo
 *   is damaged or of another size than annotated, or a segmentation is malformed
 */
export function cocoDataset(root: string, { part, limit }: CocoOptions): Dataset {
  const annotationFile = `instances_${part}.json`;
  const annotationPath = join(root, 'annotations', annotationFile);
  if (!listFolder(root, 'annotations', cocoLayout).includes(annotationFile)) {
    throw new UserError(
      `${annotationPath} does not exist; found ${contents(join(root, 'annotations'))}. ` +
        'Choose an existing part with coco:DIR#PART, e.g. coco:DIR#val2017',
    );
  }
  const photos = new Set(listFolder(root, part, cocoLayout));
  const images = readCocoAnnotations(annotationPath, limit);
  if (images.length === 0) throw new UserError(`${annotationPath} lists no images; expected at least one`);
  const path = (file: string) => join(root, part, file);
  const missing = images.filter(({ file }) => !photos.has(file) && !existsSync(path(file)));
  if (missing.length > 0) {
    throw new UserError(
      `${path(missing[0].file)} does not exist, but ${annotationPath} lists it ` +
        `(${missing.length} of ${images.length} photos are missing). Get the photos, or an annotation file without them`,
    );
  }

  return {
    name: `COCO ${part}`,
    size: images.length,
    ids: images.map(({ file }) => file),
    objectCount: images.reduce((sum, { objects }) => sum + objects.length, 0),
    async load(index) {
      if (images[index] === undefined) throw new RangeError(`sample ${index} of ${images.length}`);
      const { file, width, height, objects, crowds } = images[index];
      const image = await decodeImage(path(file));
      if (image.width !== width || image.height !== height) {
        throw new UserError(
          `${path(file)} is ${image.width}x${image.height}, but ${annotationPath} says ${width}x${height}. ` +
            'Get the photo again: it was resized or rotated',
        );
      }
      const where = (id: number) => `annotation ${id} of ${annotationPath}`;
      const ignored: Target = { width, height, data: new Int8Array(width * height) };
      for (const { id, segmentation } of crowds) paintSegmentation(segmentation, ignored, -1, where(id));
      const targets = objects.map(({ id, segmentation }) => {
        const target: Target = { width, height, data: ignored.data.slice() };
        paintSegmentation(segmentation, target, 1, where(id));
        return target;
      });
      return { id: file, image, objects: targets.filter(({ data }) => data.includes(1)) };
    },
  };
}
