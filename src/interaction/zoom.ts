import type { ProbabilityMap } from '../base/raster.ts';
import type { Click } from '../clicks/maps.ts';

/** A rectangle of pixels; all four borders are inside it. */
export interface Box {
  top: number;
  bottom: number;
  left: number;
  right: number;
}

/** Height and width in pixels. */
export type Size = readonly [height: number, width: number];

/** How the session looks closer at the object it has found so far. */
export interface ZoomIn {
  /** Height and width of a crop, or its longer side (the other follows, the aspect is kept). */
  targetSize: Size | number;
  /** So many first clicks look at the whole picture at its own size; -1: already the first is resized to the target. */
  skipClicks: number;
  /** The object's box grows by this factor, */
  expansion: number;
  /** to at least this many pixels a side, */
  minCrop: number;
  /** and replaces the box in use when their IoU is below this. */
  recomputeIou: number;
  /** What counts as object: a probability above this, 0..1. */
  threshold: number;
}

/** The reference's settings for a crop size (RITM's zoom-in, arXiv 2102.06583, with the first click resized too). */
export function zoomIn(targetSize: Size | number, changes: Partial<ZoomIn> = {}): ZoomIn {
  return { skipClicks: -1, expansion: 1.4, minCrop: 200, recomputeIou: 0.5, threshold: 0.5, ...changes, targetSize };
}

/**
 * The box to look at for the newest click, or null for the whole picture at its own size.
 *
 * @param clicks all clicks, the newest included
 * @param probability the map before the newest click
 * @param kept the box in use, null before the first
 */
export function chooseBox(
  clicks: readonly Click[],
  probability: ProbabilityMap,
  kept: Box | null,
  zoom: ZoomIn,
): Box | null {
  if (clicks.length <= zoom.skipClicks) return null;
  const found = objectBox(clicks, probability, zoom);
  if (found === null && zoom.skipClicks >= 0) return null;
  const wanted = found ?? wholeBox(probability.height, probability.width);
  const keep = kept !== null && holdsPositives(kept, clicks) && boxIou(wanted, kept) >= zoom.recomputeIou;
  return keep ? kept : wanted;
}

export function wholeBox(height: number, width: number): Box {
  return { top: 0, bottom: height - 1, left: 0, right: width - 1 };
}

/** The box of the object found so far and of the positive clicks, grown; null where nothing has been found. */
export function objectBox(
  clicks: readonly Click[],
  { width, height, data }: ProbabilityMap,
  zoom: Pick<ZoomIn, 'threshold' | 'expansion' | 'minCrop'>,
): Box | null {
  const box = { top: height, bottom: -1, left: width, right: -1 };
  const include = (y: number, x: number) => {
    if (y < box.top) box.top = y;
    if (y > box.bottom) box.bottom = y;
    if (x < box.left) box.left = x;
    if (x > box.right) box.right = x;
  };
  for (let y = 0; y < height; y++) {
    const row = y * width;
    let first = 0;
    while (first < width && !(data[row + first] > zoom.threshold)) first++;
    if (first === width) continue;
    let last = width - 1;
    while (!(data[row + last] > zoom.threshold)) last--;
    include(y, first);
    include(y, last);
  }
  if (box.bottom < 0) return null;
  for (const click of clicks) if (click.positive) include(click.y, click.x);
  return clampBox(expandBox(box, zoom.expansion, zoom.minCrop), height, width);
}

/** Grows a box around its centre by a factor and to at least `minCrop` pixels; borders round half to even. */
export function expandBox(box: Box, expansion: number, minCrop: number): Box {
  const y = 0.5 * (box.bottom + box.top);
  const x = 0.5 * (box.right + box.left);
  const height = Math.max(expansion * (box.bottom - box.top + 1), minCrop);
  const width = Math.max(expansion * (box.right - box.left + 1), minCrop);
  return {
    top: roundHalfToEven(y - 0.5 * height),
    bottom: roundHalfToEven(y + 0.5 * height),
    left: roundHalfToEven(x - 0.5 * width),
    right: roundHalfToEven(x + 0.5 * width),
  };
}

export function clampBox(box: Box, height: number, width: number): Box {
  return {
    top: Math.max(0, box.top),
    bottom: Math.min(height - 1, box.bottom),
    left: Math.max(0, box.left),
    right: Math.min(width - 1, box.right),
  };
}

/** The product of the IoUs of the two sides, each over the hull of its segments: what the reference calls a box's IoU. */
export function boxIou(a: Box, b: Box): number {
  return segmentIou(a.top, a.bottom, b.top, b.bottom) * segmentIou(a.left, a.right, b.left, b.right);
}

function segmentIou(a: number, b: number, c: number, d: number): number {
  const intersection = Math.max(0, Math.min(b, d) - Math.max(a, c) + 1);
  return intersection / Math.max(1e-6, Math.max(b, d) - Math.min(a, c) + 1);
}

/** Whether every positive click lies in the box; the last row and column count as outside. */
export function holdsPositives(box: Box, clicks: readonly Click[]): boolean {
  return clicks.every(
    ({ x, y, positive }) => !positive || (y >= box.top && y < box.bottom && x >= box.left && x < box.right),
  );
}

/** The size of a crop: the target itself, or the longer side brought to it. No side gets shorter than one pixel. */
export function fitSize([height, width]: Size, target: Size | number): Size {
  if (typeof target !== 'number') return target;
  const scale = target / Math.max(height, width);
  return [Math.max(1, roundHalfToEven(height * scale)), Math.max(1, roundHalfToEven(width * scale))];
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
