import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { UserError } from '../base/errors.ts';
import type { Grid, RgbImage } from '../base/raster.ts';
import { decodeMask } from './decode.ts';
import { firstExisting, listFolder, requireFiles } from './folders.ts';
import { safeName } from './names.ts';
import { photoDataset } from './photos.ts';
import { requireSize, thresholdTarget } from './targets.ts';
import type { Dataset } from './types.ts';

export const openImagesLayout =
  '<part>/<part>-annotations-object-segmentation.csv, <part>/images/<ImageID>.jpg and <part>/masks/<MaskPath>, with ' +
  'the parts train, validation and test';

interface OpenImagesOptions {
  /** "train", "validation" or "test". */
  part: string;
  /** Take the first so many photos. */
  limit?: number;
}

/**
 * The object masks of Open Images V7 (Benenson et al., 2019): photos and objects in the order of the CSV file. Photos
 * that are not in the folder are left out, since hardly anyone has all; a photo that is there must have all its
 * masks. Masks come smaller or larger than their photos and are resized (nearest neighbour).
 *
 * @throws UserError where the layout or the CSV is wrong or a mask is missing; `load` where a file is damaged or a mask
 *   has not the form of its photo
 */
export async function openImagesDataset(root: string, { part, limit }: OpenImagesOptions): Promise<Dataset> {
  const file = `${part}-annotations-object-segmentation.csv`;
  const csv = join(root, firstExisting(root, [`${part}/${file}`, file], openImagesLayout));
  const photos = new Set(listFolder(root, `${part}/images`, openImagesLayout));
  const masks = await readMaskNames(csv, id => photos.has(`${id}.jpg`));
  if (masks.size === 0) {
    throw new UserError(
      `${join(root, part, 'images')} has no photo that ${csv} lists; expected ${openImagesLayout}. Get photos of this part`,
    );
  }
  const chosen = [...masks].slice(0, limit);
  requireFiles(
    root,
    chosen.flatMap(([, names]) => names.map(name => `${part}/masks/${name}`)),
    `${csv} lists it`,
  );
  return photoDataset({
    name: `Open Images ${part}`,
    entries: chosen.map(([id, names]) => ({
      id,
      photo: join(root, part, 'images', `${id}.jpg`),
      masks: names.map(name => join(root, part, 'masks', name)),
    })),
    objectCount: chosen.reduce((sum, [, names]) => sum + names.length, 0),
    async loadObjects(entry, image) {
      const objects = [];
      for (const path of entry.masks) {
        const mask = resizeLike(await decodeMask(path), image, path, entry.photo);
        objects.push(thresholdTarget(mask, 0));
      }
      return objects;
    },
  });
}

/** The masks of each wanted photo, in the order of the file, which is read line by line. */
async function readMaskNames(csv: string, wanted: (id: string) => boolean): Promise<Map<string, string[]>> {
  const masks = new Map<string, string[]>();
  let columns: { mask: number; image: number } | undefined;
  let row = 0;
  const lines = createInterface({ input: createReadStream(csv, 'utf8'), crlfDelay: Infinity });
  for await (const line of lines) {
    row++;
    const fields = line.split(',');
    if (!columns) {
      columns = { mask: fields.indexOf('MaskPath'), image: fields.indexOf('ImageID') };
      if (columns.mask >= 0 && columns.image >= 0) continue;
      throw new UserError(
        `cannot use ${csv}: its first line is "${line.slice(0, 100)}", expected the columns MaskPath and ImageID. ` +
          'Get the file again',
      );
    }
    if (line === '') continue;
    const { [columns.mask]: mask, [columns.image]: id } = fields;
    if (!mask || !id) throw new UserError(`line ${row} of ${csv} has no MaskPath or ImageID; get the file again`);
    if (!wanted(safeName(id, `line ${row} of ${csv}`))) continue;
    const known = masks.get(id) ?? [];
    masks.set(id, known);
    known.push(safeName(mask, `line ${row} of ${csv}`));
  }
  if (!columns) throw new UserError(`${csv} is empty; get the file again`);
  return masks;
}

/** A mask at the size of its photo. Only rounding to whole pixels may make a difference in form. */
function resizeLike(mask: Grid<Uint8Array>, image: RgbImage, path: string, photo: string): Grid<Uint8Array> {
  const { width, height } = image;
  if (mask.width === width && mask.height === height) return mask;
  const skew = Math.abs(mask.width * height - mask.height * width);
  if (skew > Math.max(mask.width, mask.height, width, height)) requireSize(path, mask, photo, image);
  const data = new Uint8Array(width * height);
  for (let y = 0, at = 0; y < height; y++) {
    const row = Math.floor((y * mask.height) / height) * mask.width;
    for (let x = 0; x < width; x++) data[at++] = mask.data[row + Math.floor((x * mask.width) / width)];
  }
  return { width, height, data };
}
