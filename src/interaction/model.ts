import type { PointTensor } from './points.ts';

/** A trained probe as the simulated user sees it. B = 2 with flip (the picture, then its mirror image), else 1. */
export interface ClickModel {
  /** A new crop: image Float32Array [B,3,H,W], 0..1 RGB, not normalised. What depends on the image alone runs once here. */
  setImage(image: Float32Array, shape: readonly [number, number, number, number]): Promise<void>;
  /**
   * Logits [B,1,H,W] (flat) for input [B,3,H,W]: previous probability, positive disks, negative disks, all at the
   * crop's size. The clicks come as points of the crop as well, for networks that take these.
   */
  predict(input: Float32Array, points: PointTensor): Promise<Float32Array>;
}
