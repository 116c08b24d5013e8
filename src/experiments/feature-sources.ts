import { readdirSync, statSync } from 'node:fs';
import { join, parse } from 'node:path';
import { UserError } from '../base/errors.ts';
import type { RgbImage } from '../base/raster.ts';
import { decodeImage } from '../datasets/decode.ts';
import { syntheticDataset } from '../datasets/synthetic/dataset.ts';

export interface PictureSource {
  /** As the user named it, or its path in the folder that was named. */
  name: string;
  /** Different for every picture; a file name of its own. */
  id: string;
  /** @throws UserError where the file is no image or damaged */
  load(): Promise<RgbImage>;
}

const EXTENSIONS = ['.jpg', '.jpeg', '.png', '.webp', '.bmp'];
const SCENE = { width: 640, height: 480 };
const EXPECTED = 'a JPEG, PNG, WebP or BMP file, a folder of them, or synthetic:SEED';

/**
 * The pictures that a user names: files, folders (the images in them, in the order of their names), and drawn scenes
 * of 640 x 480 px as `synthetic:SEED`.
 *
 * @throws UserError where there is no such file, a folder has no image, or a seed is no whole number
 */
export function pictureSources(names: readonly string[]): PictureSource[] {
  const taken = new Set<string>();
  return names.flatMap(expand).map(({ name, stem, load }) => {
    let id = stem;
    for (let i = 2; taken.has(id.toLowerCase()); i++) id = `${stem}-${i}`;
    taken.add(id.toLowerCase());
    return { name, id, load };
  });
}

type Found = Pick<PictureSource, 'name' | 'load'> & { stem: string };

function expand(name: string): Found[] {
  if (name.startsWith('synthetic:')) return [scene(name)];
  const stats = statSync(name, { throwIfNoEntry: false });
  if (!stats) throw new UserError(`there is no file or folder ${name}: expected ${EXPECTED}`);
  if (!stats.isDirectory()) return [file(name)];
  const images = readdirSync(name)
    .filter(entry => EXTENSIONS.includes(parse(entry).ext.toLowerCase()))
    .sort();
  if (images.length === 0) {
    throw new UserError(`${name} has no image in it: expected names that end in ${EXTENSIONS.join(', ')}`);
  }
  return images.map(entry => file(join(name, entry)));
}

const file = (path: string): Found => ({ name: path, stem: parse(path).name, load: () => decodeImage(path) });

function scene(name: string): Found {
  const text = name.slice('synthetic:'.length);
  const seed = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(seed)) {
    throw new UserError(`"${name}" names no drawn scene: expected synthetic:SEED, a whole number, such as synthetic:7`);
  }
  return {
    name,
    stem: `synthetic-${text}`,
    load: async () => (await syntheticDataset({ seed, split: 'val', count: 1, ...SCENE }).load(0)).image,
  };
}
