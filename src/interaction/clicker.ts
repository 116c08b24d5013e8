import type { Random } from '../base/random.ts';
import type { Mask, Target } from '../base/raster.ts';
import type { Click } from '../clicks/maps.ts';
import { squaredDistances } from './distance.ts';

/**
 * The simulated user's next click: the middle of the larger error. Of the pixels that the prediction misses and of
 * those that it adds (ignored pixels are neither), the one farthest from the region's edge; the picture's border is an
 * edge, and no pixel is clicked twice. Ties: negative before positive, then the first pixel in row-major order. With
 * no error left to click, this rule gives a negative click at (0, 0).
 *
 * The protocol of Xu et al. 2016 (arXiv 1603.04042) as RITM fixed it.
 *
 * @param clicked the clicks made so far
 */
export function nextClick(target: Target, prediction: Mask, clicked: readonly Click[]): Click {
  const { centre, positive } = largerError(target, prediction, clicked);
  return { ...pixel(centre, target.width), positive };
}

/**
 * A click of a less careful user: every pixel of the larger error is as likely. Which error is larger is decided as in
 * `nextClick`, by the greatest distance to an edge; drawn from are then all missed or all added pixels, also those of
 * smaller parts that are not connected with the middle, but none that is ignored or has been clicked. With no error
 * left to click, a negative click at (0, 0).
 *
 * @param clicked the clicks made so far
 * @param random one number is drawn
 */
export function randomClick(target: Target, prediction: Mask, clicked: readonly Click[], random: Random): Click {
  const { region, positive } = largerError(target, prediction, clicked);
  const { width, data } = region;
  for (const { x, y } of clicked) data[y * width + x] = 0;
  let left = 0;
  for (let i = 0; i < data.length; i++) left += data[i];
  if (left === 0) return { x: 0, y: 0, positive: false };
  let index = data.indexOf(1);
  for (let skip = random.integer(0, left - 1); skip > 0; skip--) index = data.indexOf(1, index + 1);
  return { ...pixel(index, width), positive };
}

interface ErrorRegion {
  region: Mask;
  /** Index of the pixel farthest from the edge; 0 where no pixel is left. */
  centre: number;
  /** Missed pixels, not added ones. */
  positive: boolean;
}

function largerError(target: Target, prediction: Mask, clicked: readonly Click[]): ErrorRegion {
  const { width, height } = target;
  if (prediction.width !== width || prediction.height !== height) {
    throw new RangeError(
      `the prediction is ${prediction.width}x${prediction.height}, its target ${width}x${height} (width x height)`,
    );
  }
  const missed = new Uint8Array(width * height);
  const added = new Uint8Array(width * height);
  for (let i = 0; i < missed.length; i++) {
    if (target.data[i] === 1) missed[i] = prediction.data[i] === 0 ? 1 : 0;
    else if (target.data[i] !== -1) added[i] = prediction.data[i] === 0 ? 0 : 1;
  }
  const inMissed = innermost({ width, height, data: missed }, clicked);
  const inAdded = innermost({ width, height, data: added }, clicked);
  const positive = inMissed.distance > inAdded.distance;
  return {
    region: { width, height, data: positive ? missed : added },
    centre: (positive ? inMissed : inAdded).index,
    positive,
  };
}

const pixel = (index: number, width: number) => ({ x: index % width, y: Math.floor(index / width) });

/** The first pixel of the greatest squared distance to the region's edge; pixel 0 at distance 0 where none is left. */
function innermost(region: Mask, clicked: readonly Click[]): { index: number; distance: number } {
  const { width, data } = region;
  const best = { index: 0, distance: 0 };
  if (!data.includes(1)) return best;
  const top = Math.floor(data.indexOf(1) / width);
  const bottom = Math.floor(data.lastIndexOf(1) / width);
  // the rows without a set pixel change nothing
  const band = { width, height: bottom - top + 1, data: data.subarray(top * width, (bottom + 1) * width) };
  const distances = squaredDistances(band).data;
  for (const { x, y } of clicked) if (y >= top && y <= bottom) distances[(y - top) * width + x] = 0;
  for (let i = 0; i < distances.length; i++) {
    if (distances[i] > best.distance) {
      best.distance = distances[i];
      best.index = top * width + i;
    }
  }
  return best;
}
