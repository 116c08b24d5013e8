import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import { loadTargets, readCocoAnnotations } from './coco-annotations.ts';
import { contents, listFolder, requireFiles, requireFolder } from './folders.ts';
import { photoDataset } from './photos.ts';
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
 * its annotations; crowd regions are ignored (see `loadTargets`). An image may have no object. A region too
 * small to cover a pixel centre is left out of the sample, though `objectCount`, which counts annotations, has it.
 *
 * @throws UserError where the layout or the JSON is wrong or a photo is missing; `load` where a photo
 *   is damaged or of another size than annotated, or a segmentation is malformed
 */
export function cocoDataset(root: string, { part, limit }: CocoOptions): Dataset {
  return annotatedDataset({
    name: `COCO ${part}`,
    root,
    annotationFile: `instances_${part}.json`,
    photoFolder: part,
    layout: cocoLayout,
    otherParts: 'coco:DIR#PART, e.g. coco:DIR#val2017',
    limit,
  });
}

interface AnnotatedOptions {
  name: string;
  root: string;
  /** In `annotations`. */
  annotationFile: string;
  photoFolder: string;
  layout: string;
  /** How to choose another annotation file, for the message. */
  otherParts: string;
  limit?: number;
}

/** Photos of one folder with annotations in COCO's format in the folder `annotations`; otherwise as `cocoDataset`. */
export function annotatedDataset(options: AnnotatedOptions): Dataset {
  const { name, root, annotationFile, photoFolder, layout, otherParts, limit } = options;
  const annotations = join(root, 'annotations', annotationFile);
  if (!listFolder(root, 'annotations', layout).includes(annotationFile)) {
    throw new UserError(
      `${annotations} does not exist; found ${contents(join(root, 'annotations'))}. ` +
        `Choose an existing part with ${otherParts}`,
    );
  }
  requireFolder(root, photoFolder, layout);
  const images = readCocoAnnotations(annotations, { limit });
  requireFiles(
    root,
    images.map(({ file }) => join(photoFolder, file)),
    `${annotations} lists it`,
  );
  return photoDataset({
    name,
    entries: images.map(image => ({ id: image.file, photo: join(root, photoFolder, image.file), image })),
    objectCount: images.reduce((sum, { objects }) => sum + objects.length, 0),
    loadObjects: ({ photo, image }, decoded) => loadTargets(annotations, image, photo, decoded),
  });
}
