import type { Mask, Target } from '../base/raster.ts';

/**
 * Intersection over union, 0..1, of a prediction and the object. Ignored pixels do not count. Where neither has a
 * pixel the union is empty and the two agree: 1.
 *
 * @param empty the value for an empty union; NaN is what the original computes
 */
export function iou(target: Target, prediction: Mask, empty = 1): number {
  if (prediction.width !== target.width || prediction.height !== target.height) {
    throw new RangeError(
      `the prediction is ${prediction.width}x${prediction.height}, its target ${target.width}x${target.height}`,
    );
  }
  let intersection = 0;
  let union = 0;
  for (let i = 0; i < target.data.length; i++) {
    const label = target.data[i];
    if (label === -1) continue;
    const isObject = label === 1;
    const isPredicted = prediction.data[i] !== 0;
    if (isObject && isPredicted) intersection++;
    if (isObject || isPredicted) union++;
  }
  return union === 0 ? empty : intersection / union;
}
