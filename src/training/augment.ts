import type { Random } from '../base/random.ts';
import type { RgbImage } from '../base/raster.ts';
import { brightnessContrastTable, chainTables, type LevelTable, shiftTable } from './colour.ts';
import { clipWindow, roundHalfEven, type Size, type Window } from './geometry.ts';
import { flipColumns, flipRows, type Orientation, orient, quarterTurn, sourceWindow, upright } from './orientation.ts';
import { nearestTaps, resizeLinear } from './resize.ts';
import { type Affine, invertAffine, rotateShift, warpedFrom, warpLinear, warpNearest } from './warp.ts';

/** Every constant of the augmentation. A probability of 0 switches a step off. */
export interface AugmentConfig {
  /** Side of the square crop, pixels. */
  crop: number;
  /** Range of the resize factor, the same for both axes. */
  scale: readonly [number, number];
  /** Probability of a flip: rows, columns or both, a third each. */
  flip: number;
  /** Probability of a turn by 0, 1, 2 or 3 quarters, a fourth each. */
  quarterTurn: number;
  /** Shift as a fraction of each side, and rotation; both uniform in +- the limit. Uncovered pixels are black. */
  shiftRotate: { probability: number; shift: number; degrees: number };
  /** Ranges added to the contrast factor 1 and to the brightness (fraction of the full range). */
  brightnessContrast: {
    probability: number;
    contrast: readonly [number, number];
    brightness: readonly [number, number];
  };
  /** One shift per channel, uniform in +- limit, in levels of 0..255. */
  rgbShift: { probability: number; limit: number };
}

/** The paper's training augmentation (supplementary; released configuration). */
export const TRAIN_AUGMENT: AugmentConfig = {
  crop: 224,
  scale: [0.75, 1.25],
  flip: 0.5,
  quarterTurn: 0.5,
  shiftRotate: { probability: 0.75, shift: 0.03, degrees: 3 },
  brightnessContrast: { probability: 0.75, contrast: [-0.15, 0.4], brightness: [-0.25, 0.25] },
  rgbShift: { probability: 0.75, limit: 10 },
};

/** The paper's validation augmentation: resize, pad and crop only. */
export const VALIDATION_AUGMENT: AugmentConfig = {
  ...TRAIN_AUGMENT,
  flip: 0,
  quarterTurn: 0,
  shiftRotate: { ...TRAIN_AUGMENT.shiftRotate, probability: 0 },
  brightnessContrast: { ...TRAIN_AUGMENT.brightnessContrast, probability: 0 },
  rgbShift: { ...TRAIN_AUGMENT.rgbShift, probability: 0 },
};

/**
 * One drawn augmentation: resize, orient, warp, pad, crop, colour, in this order. It is drawn before any
 * pixel is touched, so that only the pixels that reach the crop are ever computed.
 */
export interface Augmentation {
  source: Size;
  resized: Size;
  /** Of the resized frame. */
  orientation: Orientation;
  /** From warped pixels to pixels of the oriented frame (of the same size), or null for no warp. */
  warp: Affine | null;
  /** The crop in coordinates of the warped frame; what lies outside that frame is padding, black. */
  crop: Window;
  /** Red, green, blue; null for no change. */
  colour: readonly [LevelTable, LevelTable, LevelTable] | null;
}

/** Draws an augmentation for images of one size: parameters in the order and with the odds of the paper's code. */
export function drawAugmentation(source: Size, config: AugmentConfig, random: Random): Augmentation {
  const factor = random.uniform(...config.scale);
  const resized = {
    width: Math.max(1, roundHalfEven(source.width * factor)),
    height: Math.max(1, roundHalfEven(source.height * factor)),
  };
  const orientation = drawOrientation(resized, config, random);
  return {
    source,
    resized,
    orientation,
    warp: drawWarp(orientation, config, random),
    crop: drawCrop(orientation, config.crop, random),
    colour: drawColour(config, random),
  };
}

function drawOrientation(resized: Size, config: AugmentConfig, random: Random): Orientation {
  let orientation = upright(resized);
  if (random.chance(config.flip)) {
    const axis = random.integer(-1, 1);
    if (axis !== 1) orientation = flipRows(orientation);
    if (axis !== 0) orientation = flipColumns(orientation);
  }
  if (random.chance(config.quarterTurn)) {
    for (let turns = random.integer(0, 3); turns > 0; turns--) orientation = quarterTurn(orientation);
  }
  return orientation;
}

function drawWarp(frame: Size, config: AugmentConfig, random: Random): Affine | null {
  const { probability, shift, degrees } = config.shiftRotate;
  if (!random.chance(probability)) return null;
  const angle = random.uniform(-degrees, degrees);
  const x = random.uniform(-shift, shift);
  const y = random.uniform(-shift, shift);
  return invertAffine(rotateShift(frame, angle, { x, y }));
}

function drawCrop(frame: Size, side: number, random: Random): Window {
  const y = cropStart(frame.height, side, random.uniform());
  const x = cropStart(frame.width, side, random.uniform());
  return { x, y, width: side, height: side };
}

/** Where the crop starts along one axis: negative by the padding before a frame that is too small, else by chance. */
export function cropStart(length: number, side: number, at: number): number {
  return length < side ? -Math.trunc((side - length) / 2) : Math.trunc((length - side) * at);
}

function drawColour(config: AugmentConfig, random: Random): Augmentation['colour'] {
  let colour: [LevelTable, LevelTable, LevelTable] | null = null;
  const { brightnessContrast, rgbShift } = config;
  if (random.chance(brightnessContrast.probability)) {
    const contrast = 1 + random.uniform(...brightnessContrast.contrast);
    const table = brightnessContrastTable(contrast, random.uniform(...brightnessContrast.brightness));
    colour = [table, table, table];
  }
  if (random.chance(rgbShift.probability)) {
    const tables = [0, 1, 2].map(channel => {
      const shift = shiftTable(random.uniform(-rgbShift.limit, rgbShift.limit));
      return colour === null ? shift : chainTables(colour[channel], shift);
    });
    colour = [tables[0], tables[1], tables[2]];
  }
  return colour;
}

/**
 * The augmented image. Equal, bit for bit, to running OpenCV's whole-frame operations one after the other;
 * only the windows that reach the crop are computed.
 */
export function augmentImage(image: RgbImage, augmentation: Augmentation): RgbImage {
  const { resized, orientation, warp, crop, colour } = augmentation;
  const out = { width: crop.width, height: crop.height, data: new Uint8Array(crop.width * crop.height * 3) };
  const inside = clipWindow(crop, orientation);
  const needed = warp === null ? inside : warpedFrom(warp, inside, orientation);
  if (needed.width > 0 && needed.height > 0) {
    const part = orient(resizeLinear(image, resized, sourceWindow(orientation, needed)), orientation, needed);
    paste(warp === null ? part : warpLinear(part, needed, warp, inside), out, inside.x - crop.x, inside.y - crop.y);
  }
  if (colour !== null) recolour(out.data, colour);
  return out;
}

function paste(part: RgbImage, into: RgbImage, x: number, y: number): void {
  const length = part.width * 3;
  for (let row = 0; row < part.height; row++) {
    into.data.set(part.data.subarray(row * length, (row + 1) * length), ((y + row) * into.width + x) * 3);
  }
}

function recolour(data: Uint8Array, [red, green, blue]: readonly [LevelTable, LevelTable, LevelTable]): void {
  for (let i = 0; i < data.length; i += 3) {
    data[i] = red[data[i]];
    data[i + 1] = green[data[i + 1]];
    data[i + 2] = blue[data[i + 2]];
  }
}

/**
 * Where each pixel of the crop takes its label from: all nearest-neighbour steps folded into one.
 *
 * @returns [height*width of the crop], the row-major index of a source pixel, or -1 for none (background)
 */
export function sourcePixels(augmentation: Augmentation): Int32Array {
  const { source, resized, orientation, warp, crop } = augmentation;
  const columns = nearestTaps(source.width, resized.width);
  const rows = nearestTaps(source.height, resized.height);
  const { width, height, xx, xy, x0, yx, yy, y0 } = orientation;
  const pixels = new Int32Array(crop.width * crop.height).fill(-1);
  const inside = clipWindow(crop, orientation);
  const warped = warp === null ? null : warpNearest(warp, inside);
  for (let row = 0, i = 0; row < inside.height; row++) {
    let at = (inside.y - crop.y + row) * crop.width + inside.x - crop.x;
    for (let column = 0; column < inside.width; column++, i++, at++) {
      const x = warped === null ? inside.x + column : warped.columns[i];
      const y = warped === null ? inside.y + row : warped.rows[i];
      if (x < 0 || y < 0 || x >= width || y >= height) continue;
      pixels[at] = rows[yx * x + yy * y + y0] * source.width + columns[xx * x + xy * y + x0];
    }
  }
  return pixels;
}
