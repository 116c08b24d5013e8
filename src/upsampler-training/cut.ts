import type { Random } from '../base/random.ts';
import type { RgbImage, Target } from '../base/raster.ts';
import { flipColumns, orient, upright } from '../training/orientation.ts';
import { nearestTaps, resizeLinear } from '../training/resize.ts';

/** A square part of a photo, and whose each of its pixels is. */
export interface Cut {
  image: RgbImage;
  /** Row-major; 0 for none, else 1 + the number of the object. Empty where nobody asked for it. */
  labels: Uint8Array;
}

/** How many objects a cut tells apart: the largest. */
export const MOST_OBJECTS = 32;

/** Photos are enlarged up to this; of smaller ones nothing can be learned that is finer than they are. */
export const MOST_ENLARGED = 2;

interface Place {
  /** Photo's pixels after resizing. */
  width: number;
  height: number;
  x: number;
  y: number;
  flip: boolean;
}

/** Whether a photo is large enough for a cut of that side. */
export const largeEnough = ({ width, height }: Pick<RgbImage, 'width' | 'height'>, side: number): boolean =>
  Math.min(width, height) * MOST_ENLARGED >= side;

/** A part drawn at random: a scale of which the cut is at least half of the photo's shorter side, a place, a mirroring. */
export function drawCut(photo: RgbImage, objects: readonly Target[], side: number, random: Random): Cut {
  const shorter = Math.min(photo.width, photo.height);
  const scaled = Math.round(random.uniform(side, Math.max(side, Math.min(shorter, 2 * side))));
  const { width, height } = scaledTo(photo, scaled);
  const x = random.integer(0, width - side);
  const y = random.integer(0, height - side);
  return cutAt(photo, objects, side, { width, height, x, y, flip: random.chance(0.5) });
}

/** The middle of a photo, whose shorter side becomes the cut's. */
export function middleCut(photo: RgbImage, side: number): Cut {
  const { width, height } = scaledTo(photo, side);
  const place = { x: Math.floor((width - side) / 2), y: Math.floor((height - side) / 2), flip: false };
  return cutAt(photo, [], side, { width, height, ...place });
}

function scaledTo({ width, height }: RgbImage, shorter: number): { width: number; height: number } {
  const factor = shorter / Math.min(width, height);
  return {
    width: Math.max(shorter, Math.round(width * factor)),
    height: Math.max(shorter, Math.round(height * factor)),
  };
}

function cutAt(photo: RgbImage, objects: readonly Target[], side: number, place: Place): Cut {
  const { width, height, x, y, flip } = place;
  const whole = reduced(photo, 2 * Math.min(width, height) - 1);
  const plain = resizeLinear(whole, { width, height }, { x, y, width: side, height: side });
  const labels = objects.length === 0 ? new Uint8Array(0) : cutLabels(photo, objects, side, place);
  return { image: flip ? mirrored(plain) : plain, labels };
}

function cutLabels(photo: RgbImage, objects: readonly Target[], side: number, place: Place): Uint8Array {
  const { width, height, x, y, flip } = place;
  const area = ({ data }: Target) => data.reduce((sum, value) => sum + Number(value === 1), 0);
  const largest = objects
    .map(object => ({ object, area: area(object) }))
    .sort((a, b) => b.area - a.area)
    .slice(0, MOST_OBJECTS);
  const columns = nearestTaps(photo.width, width).subarray(x, x + side);
  const rows = nearestTaps(photo.height, height).subarray(y, y + side);
  const labels = new Uint8Array(side * side);
  // smaller ones last: they are parts of larger ones, or in front of them
  largest.forEach(({ object: { data } }, number) => {
    for (let i = 0, at = 0; i < side; i++) {
      for (let j = 0; j < side; j++, at++) {
        if (data[rows[i] * photo.width + columns[flip ? side - 1 - j : j]] === 1) labels[at] = number + 1;
      }
    }
  });
  return labels;
}

/** A square picture at another size: halved by averaging as long as that is not too small, then bilinear. */
export function resized(image: RgbImage, side: number): RgbImage {
  const near = reduced(image, 2 * side - 1);
  return near.width === side && near.height === side ? near : resizeLinear(near, { width: side, height: side });
}

/** Halved until its shorter side is at most `most`. */
function reduced(image: RgbImage, most: number): RgbImage {
  let out = image;
  while (Math.min(out.width, out.height) > most) out = halved(out);
  return out;
}

/** Every pixel the mean of four; an odd row or column at the end is left out. */
function halved({ width: from, height: rows, data }: RgbImage): RgbImage {
  const [width, height] = [Math.floor(from / 2), Math.floor(rows / 2)];
  const out = new Uint8Array(width * height * 3);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const first = (2 * y * from + 2 * x) * 3;
      for (let c = 0; c < 3; c++, at++) {
        const i = first + c;
        out[at] = (data[i] + data[i + 3] + data[i + 3 * from] + data[i + 3 * from + 3] + 2) >> 2;
      }
    }
  }
  return { width, height, data: out };
}

/** A part of a picture as it is. */
export function part(image: RgbImage, x: number, y: number, side: number): RgbImage {
  const data = new Uint8Array(side * side * 3);
  for (let row = 0; row < side; row++) {
    const from = ((y + row) * image.width + x) * 3;
    data.set(image.data.subarray(from, from + side * 3), row * side * 3);
  }
  return { width: side, height: side, data };
}

const mirrored = (image: RgbImage): RgbImage =>
  orient(image, flipColumns(upright(image)), { x: 0, y: 0, ...sizeOf(image) });
const sizeOf = ({ width, height }: RgbImage) => ({ width, height });

/** Planes [3,H,W] of 0..1. */
export function planes({ width, height, data }: RgbImage): Float32Array {
  const area = width * height;
  const out = new Float32Array(3 * area);
  for (let i = 0, from = 0; i < area; i++) {
    for (let c = 0; c < 3; c++, from++) out[c * area + i] = data[from] / 255;
  }
  return out;
}
