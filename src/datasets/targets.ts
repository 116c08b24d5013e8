import { UserError } from '../base/errors.ts';
import type { Grid, RgbImage, Target } from '../base/raster.ts';
import { decodeImage, decodeMask } from './decode.ts';

/** Width and height of an image or mask. */
type Size = Pick<RgbImage, 'width' | 'height'>;

/**
 * Reads a label map, as large as its photo; see `decodeMask`.
 *
 * @throws UserError where the file is missing, damaged, or of another size
 */
export async function loadLabels(path: string, photoPath: string, image: Size): Promise<Grid<Uint8Array>> {
  const labels = await decodeMask(path);
  requireSize(path, labels, photoPath, image);
  return labels;
}

/**
 * Reads one channel (0 red, 1 green, 2 blue) of a mask that holds more than labels, as large as its photo.
 *
 * @throws UserError as `loadLabels`
 */
export async function loadChannel(
  path: string,
  channel: 0 | 1 | 2,
  photoPath: string,
  image: Size,
): Promise<Grid<Uint8Array>> {
  const { width, height, data } = await decodeImage(path);
  requireSize(path, { width, height }, photoPath, image);
  return { width, height, data: Uint8Array.from({ length: width * height }, (_, i) => data[3 * i + channel]) };
}

/** Throws a UserError where a mask is not as large as its photo. */
export function requireSize(path: string, mask: Size, photoPath: string, image: Size): void {
  if (mask.width === image.width && mask.height === image.height) return;
  throw new UserError(
    `mask ${path} is ${mask.width}x${mask.height}, its photo ${photoPath} ${image.width}x${image.height}; ` +
      'expected the same size. Get both files from the same copy of the dataset',
  );
}

/**
 * One target per label of a map, in ascending order of the labels; 0 is background.
 *
 * @param ignored the label whose pixels are ignored (-1) in every target
 */
export function indexedTargets({ width, height, data }: Grid<Uint8Array>, ignored?: number): Target[] {
  const blank = new Int8Array(width * height);
  const present = new Uint8Array(256);
  for (let i = 0; i < data.length; i++) {
    present[data[i]] = 1;
    if (data[i] === ignored) blank[i] = -1;
  }
  const targets = new Map<number, Int8Array>();
  for (let label = 1; label < 256; label++) {
    if (present[label] && label !== ignored) targets.set(label, blank.slice());
  }
  const byLabel = Array.from({ length: 256 }, (_, label) => targets.get(label));
  for (let i = 0; i < data.length; i++) {
    const target = byLabel[data[i]];
    if (target) target[i] = 1;
  }
  return [...targets.values()].map(target => ({ width, height, data: target }));
}

/** The pixels of a label map above a threshold are the object. */
export function thresholdTarget({ width, height, data }: Grid<Uint8Array>, threshold: number): Target {
  return { width, height, data: Int8Array.from(data, value => +(value > threshold)) };
}
