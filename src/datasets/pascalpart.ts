import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import type { RgbImage, Target } from '../base/raster.ts';
import { requireFiles, requireFolder } from './folders.ts';
import { type MatArray, matField, matNumbers, matText, readMatVariable } from './mat.ts';
import { readNames } from './names.ts';
import { photoDataset } from './photos.ts';
import type { Dataset } from './types.ts';

export const pascalPartLayout =
  'JPEGImages/<name>.jpg, Annotations_Part/<name>.mat and ImageSets/Main/<list>.txt (part_val, part_train, val ..)';

interface PascalPartOptions {
  /** Names the list: "val" takes part_val.txt where there is one, else val.txt. */
  list: string;
  /** Only parts of objects of this class, such as "car". */
  className?: string;
  /** Only parts of this name, such as "wheel"; numbered ones (wheel_1, wheel_2) count. */
  partName?: string;
  /** Take the first so many photos. */
  limit?: number;
}

/**
 * Pascal-Part (Chen et al., 2014) on the photos of Pascal VOC 2010: every part of every object is an object, in the
 * order of the annotation. A photo may have none. The root is the folder VOC2010 of VOCdevkit with Annotations_Part in it.
 *
 * @throws UserError where the layout is wrong or a listed file is missing; `load` where a file is damaged or a mask is
 *   not as large as the photo
 */
export function pascalPartDataset(root: string, { list, className, partName, limit }: PascalPartOptions): Dataset {
  for (const folder of ['JPEGImages', 'Annotations_Part']) requireFolder(root, folder, pascalPartLayout);
  const path = listPath(root, list);
  const names = readNames(root, path, pascalPartLayout).slice(0, limit);
  const entries = names.map(id => ({ id, photo: `JPEGImages/${id}.jpg`, mat: `Annotations_Part/${id}.mat` }));
  requireFiles(
    root,
    entries.flatMap(({ photo, mat }) => [photo, mat]),
    `${join(root, path)} lists it`,
  );
  const wanted = (of: string, part: string) =>
    (className === undefined || of === className) && (partName === undefined || bare(part) === partName);
  return photoDataset({
    name: ['PascalPart', list, className, partName].filter(word => word !== undefined).join(' '),
    entries: entries.map(({ id, photo, mat }) => ({ id, photo: join(root, photo), mat: join(root, mat) })),
    loadObjects: ({ photo, mat }, image) => loadParts(mat, photo, image, wanted),
  });
}

/** `LIST`, `LIST/CLASS` or `LIST/CLASS/PART`; a class of `*` is any. @throws UserError for more words */
export function parsePascalPart(text: string): Pick<PascalPartOptions, 'list' | 'className' | 'partName'> {
  const [list, className, partName, ...more] = text.split('/');
  if (list === '' || more.length > 0) {
    throw new UserError(
      `pascalpart:DIR#${text}: expected #LIST, #LIST/CLASS or #LIST/CLASS/PART, such as #val/car/wheel or #val/*/head`,
    );
  }
  return { list, ...(className && className !== '*' && { className }), ...(partName && { partName }) };
}

/** "wheel_2" is a wheel. */
const bare = (part: string): string => part.split('_')[0];

function listPath(root: string, list: string): string {
  const paths = [`part_${list}`, list].map(name => join('ImageSets', 'Main', `${name}.txt`));
  return paths.find(path => existsSync(join(root, path))) ?? paths[0];
}

async function loadParts(
  path: string,
  photo: string,
  { width, height }: RgbImage,
  wanted: (className: string, part: string) => boolean,
): Promise<Target[]> {
  const objects = matField(await readMatVariable(path, 'anno'), 'objects');
  const targets: Target[] = [];
  for (let i = 0; i < count(objects); i++) {
    const className = matText(matField(objects, 'class', i));
    const parts = matField(objects, 'parts', i);
    for (let j = 0; j < count(parts); j++) {
      if (!wanted(className, matText(matField(parts, 'part_name', j)))) continue;
      const mask = matField(parts, 'mask', j);
      if (mask.dims[0] !== height || mask.dims[1] !== width) {
        throw new UserError(
          `a part's mask in ${path} is ${mask.dims.join('x')} (rows x columns), its photo ${photo} ${height}x${width}; ` +
            'expected the same size. Get both files from the same copy of the dataset',
        );
      }
      targets.push(byRows(matNumbers(mask), width, height));
    }
  }
  return targets;
}

const count = ({ dims }: MatArray): number => dims.reduce((product, size) => product * size, 1);

function byRows(columns: ArrayLike<number>, width: number, height: number): Target {
  const data = new Int8Array(width * height);
  for (let x = 0, at = 0; x < width; x++) for (let y = 0; y < height; y++) data[y * width + x] = +(columns[at++] !== 0);
  return { width, height, data };
}
