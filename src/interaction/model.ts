/** A trained probe as the simulated user sees it. B = 2 with flip (the picture, then its mirror image), else 1. */
export interface ClickModel {
  /** A new crop: image Float32Array [B,3,H,W], 0..1 RGB, not normalised. What depends on the image alone runs once here. */
  setImage(image: Float32Array, shape: readonly [number, number, number, number]): Promise<void>;
  /** Logits [B,1,H,W] (flat) for input [B,3,H,W]: previous probability, positive disks, negative disks, all at the crop's size. */
  predict(input: Float32Array): Promise<Float32Array>;
}
