import type { Mask, Target } from '../base/raster.ts';

/**
 * Boundary IoU (Cheng et al., "Boundary IoU", CVPR 2021): intersection over union, 0..1, of the inner boundary bands of
 * prediction and object, where the IoU of a large object hardly sees its edge. A band is the mask without its erosion;
 * the picture's frame is an edge too. Where neither has a band the two agree: 1.
 *
 * Ignored pixels count as background in both masks when bands are made, and not at all in the IoU: a prediction that is
 * right wherever the truth is known has 1.
 *
 * @param ratio width of the band as a part of the picture's diagonal; at least 1 px
 */
export function boundaryIou(target: Target, prediction: Mask, ratio = 0.02): number {
  const { width, height } = target;
  if (prediction.width !== width || prediction.height !== height) {
    throw new RangeError(`the prediction is ${prediction.width}x${prediction.height}, its target ${width}x${height}`);
  }
  const count = width * height;
  const object = new Uint8Array(count);
  const predicted = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const label = target.data[i];
    if (label === -1) continue;
    if (label === 1) object[i] = 1;
    if (prediction.data[i] !== 0) predicted[i] = 1;
  }
  const band = bandWidth(width, height, ratio);
  const objectInside = eroded(object, width, height, band);
  const predictedInside = eroded(predicted, width, height, band);
  let intersection = 0;
  let union = 0;
  for (let i = 0; i < count; i++) {
    const inObjectBand = object[i] & ~objectInside[i];
    const inPredictedBand = predicted[i] & ~predictedInside[i];
    intersection += inObjectBand & inPredictedBand;
    union += inObjectBand | inPredictedBand;
  }
  return union === 0 ? 1 : intersection / union;
}

/** Pixels, rounded with ties to even as the authors' code does. */
function bandWidth(width: number, height: number, ratio: number): number {
  const exact = ratio * Math.sqrt(width ** 2 + height ** 2);
  const down = Math.floor(exact);
  const rounded = exact - down === 0.5 ? down + (down % 2) : Math.round(exact);
  return Math.max(1, rounded);
}

/** Erosion by a (2r+1)-sided square, which is r erosions by 3x3. Outside the frame counts as empty. */
function eroded(data: Uint8Array, width: number, height: number, radius: number): Uint8Array {
  const along = new Uint8Array(data.length);
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) shrinkRuns(data, along, y * width, 1, width, radius);
  for (let x = 0; x < width; x++) shrinkRuns(along, out, x, width, height, radius);
  return out;
}

/** Copies the runs of a line, each without `radius` pixels at both ends. */
function shrinkRuns(from: Uint8Array, to: Uint8Array, start: number, stride: number, count: number, radius: number) {
  let first = 0;
  for (let i = 0; i <= count; i++) {
    if (i < count && from[start + i * stride] !== 0) continue;
    for (let j = first + radius; j < i - radius; j++) to[start + j * stride] = 1;
    first = i + 1;
  }
}
