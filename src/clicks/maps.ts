import { UserError } from '../base/errors.ts';

/** A click of a user: column `x`, row `y` in pixels, and whether it says "object" or "not the object". */
export interface Click {
  x: number;
  y: number;
  positive: boolean;
}

/** How clicks become pictures: disks of 1 on 0, or tanh(2 d / radius), which grows from 0 at a click towards 1. */
export interface ClickMapOptions {
  form: 'disk' | 'tanh';
  /** In pixels of the network's input. */
  radius: number;
}

/**
 * Draws clicks as two planes [2, height, width], the positive ones and the negative ones, as RITM's distance maps do
 * (Sofiiuk et al. 2021, arXiv 2102.06583). Coordinates may be fractional and may lie outside; a click with both
 * coordinates negative is padding and is left out. Distances are float32, so that a pixel on a disk's edge falls on
 * the same side as in the reference.
 *
 * @param out receives the planes, 2 * height * width numbers
 * @throws UserError for a radius that is not positive
 */
export function drawClickMaps(
  clicks: readonly Click[],
  height: number,
  width: number,
  { form, radius }: ClickMapOptions,
  out: Float32Array,
): void {
  if (!(radius > 0)) throw new UserError(`the click radius is ${radius}; it must be a number above 0, usually 5`);
  if (out.length !== 2 * height * width)
    throw new RangeError(`out has ${out.length} numbers, not 2x${height}x${width}`);
  const shown = clicks.filter(click => Math.max(click.x, click.y) >= 0);
  for (const positive of [true, false]) {
    const plane = out.subarray(positive ? 0 : height * width, (positive ? 1 : 2) * height * width);
    const own = shown.filter(click => click.positive === positive);
    if (form === 'disk') drawDisks(own, height, width, radius, plane);
    else drawTanh(own, height, width, radius, plane);
  }
}

function drawDisks(clicks: readonly Click[], height: number, width: number, radius: number, plane: Float32Array): void {
  plane.fill(0);
  const limit = Math.fround(radius * radius);
  for (const { x, y } of clicks) {
    // one pixel wider than the disk: float32 may round a distance just outside down onto the edge
    const top = Math.max(0, Math.floor(y - radius) - 1);
    const bottom = Math.min(height - 1, Math.ceil(y + radius) + 1);
    const left = Math.max(0, Math.floor(x - radius) - 1);
    const right = Math.min(width - 1, Math.ceil(x + radius) + 1);
    for (let row = top; row <= bottom; row++) {
      const dy2 = square(row - y);
      for (let column = left; column <= right; column++) {
        if (Math.fround(dy2 + square(column - x)) <= limit) plane[row * width + column] = 1;
      }
    }
  }
}

function drawTanh(clicks: readonly Click[], height: number, width: number, radius: number, plane: Float32Array): void {
  plane.fill(1);
  if (clicks.length === 0) return;
  const nearest = new Float32Array(width);
  const divisor = Math.fround(radius);
  for (let row = 0; row < height; row++) {
    nearest.fill(Infinity);
    for (const { x, y } of clicks) {
      const dy2 = square(Math.fround(row - y) / divisor);
      for (let column = 0; column < width; column++) {
        const d2 = Math.fround(dy2 + square(Math.fround(column - x) / divisor));
        if (d2 < nearest[column]) nearest[column] = d2;
      }
    }
    for (let column = 0; column < width; column++) {
      plane[row * width + column] = Math.tanh(2 * Math.fround(Math.sqrt(nearest[column])));
    }
  }
}

function square(value: number): number {
  const rounded = Math.fround(value);
  return Math.fround(rounded * rounded);
}
