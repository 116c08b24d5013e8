import { createHash } from 'node:crypto';
import type { Sample } from '../types.ts';
import berkeley from './berkeley.json' with { type: 'json' };
import grabcut from './grabcut.json' with { type: 'json' };
import { thumbnailOf } from './thumbnail.ts';

/** What is told of an image of a set, derived from its decoded pixels. */
export interface ImageFacts {
  /** File name without extension: copies of a set differ in formats. */
  id: string;
  width: number;
  height: number;
  /** SHA-256 (hex) of the mask of each object: its values (1 object, 0 background, -1 ignored) as signed bytes, row-major. */
  masks: string[];
  /** Mean greys (0..255) of a 4x4 grid over the photo. */
  photo: number[];
}

/** The facts of a whole set, as it is published. */
interface SetFacts {
  /** See `digestOf`. */
  digest: string;
  images: ShortFacts[];
}

/** Facts in short: masks by the first 16 hex digits each, joined by spaces; the photo as 16 bytes in hex. */
type ShortFacts = [id: string, width: number, height: number, masks: string, photo: string];

const gridSide = 4;
/** Decoders differ by less in the mean of a sixteenth of a photo, other photos by more in at least one. */
const photoTolerance = 4;

/** Facts are kept for the small sets whose copies are known to differ. */
export const knownFacts: Readonly<Record<string, SetFacts>> = {
  grabcut: grabcut as SetFacts,
  berkeley: berkeley as SetFacts,
};

export function imageFacts({ id, image, objects }: Sample): ImageFacts {
  return {
    id: id.replace(/\.[^.]*$/, ''),
    width: image.width,
    height: image.height,
    masks: objects.map(({ data }) => createHash('sha256').update(data).digest('hex')),
    photo: [...thumbnailOf(image, gridSide)],
  };
}

/** SHA-256 (hex) over a line for each image, in order: id, size, masks. */
export function digestOf(images: readonly ImageFacts[]): string {
  const hash = createHash('sha256');
  for (const { id, width, height, masks } of images) hash.update(`${id} ${width}x${height} ${masks.join(' ')}\n`);
  return hash.digest('hex');
}

export function shortFacts({ id, width, height, masks, photo }: ImageFacts): ShortFacts {
  const short = masks.map(mask => mask.slice(0, 16)).join(' ');
  return [id, width, height, short, Buffer.from(photo.map(Math.round)).toString('hex')];
}

/** Where a set differs from what is known of it, one line for each image; nothing where it is the same. */
export function differencesFrom(facts: SetFacts, images: readonly ImageFacts[]): string[] {
  const found = new Map(images.map(image => [image.id, image]));
  const known = new Map(facts.images.map(short => [short[0], short]));
  const differences = [
    ...[...known.keys()].filter(id => !found.has(id)).map(id => `${id}: missing`),
    ...images.filter(({ id }) => !known.has(id)).map(({ id }) => `${id}: not part of the set`),
    ...images.flatMap(image => {
      const short = known.get(image.id);
      const changes = short ? changesOf(image, short) : [];
      return changes.length > 0 ? [`${image.id}: ${changes.join(', ')}`] : [];
    }),
  ];
  if (differences.length > 0 || digestOf(images) === facts.digest) return differences;
  return ['all images are there, but in another order'];
}

function changesOf(image: ImageFacts, [, width, height, masks, photo]: ShortFacts): string[] {
  if (image.width !== width || image.height !== height) {
    return [`${image.width}x${image.height} px, expected ${width}x${height}`];
  }
  const [found, expected] = [image.masks, masks.split(' ')];
  const changes = [];
  if (found.length !== expected.length) changes.push(`${found.length} objects, expected ${expected.length}`);
  else if (found.some((mask, i) => !mask.startsWith(expected[i]))) changes.push('another mask');
  const greys = Buffer.from(photo, 'hex');
  if (image.photo.some((grey, i) => Math.abs(grey - greys[i]) > photoTolerance)) changes.push('another photo');
  return changes;
}
