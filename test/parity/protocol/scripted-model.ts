import type { ClickModel } from '../../../src/interaction/model.ts';
import type { PointTensor } from '../../../src/interaction/points.ts';

/** The constants of a scripted network. */
export interface ScriptedNet {
  /** Area of a click's reach, as a share of the input's. */
  q: number;
  A: number;
  Bp: number;
  G?: number;
  with_prev_mask?: boolean;
}

/**
 * The network of the reference's simulations: a formula of the points, the previous map and the picture's colours,
 * in float64, rounded to float32 (`net_formula` in their file).
 */
export class ScriptedModel implements ClickModel {
  /** How often a picture was shown, and the shape of the last one. */
  shown = 0;
  shape: readonly number[] = [];
  calls = 0;
  /** Of the last call. */
  points: PointTensor | undefined;
  private image: Float32Array = new Float32Array();

  constructor(private readonly net: ScriptedNet) {}

  async setImage(image: Float32Array, shape: readonly [number, number, number, number]): Promise<void> {
    this.image = image;
    this.shape = [...shape];
    this.shown++;
  }

  async predict(input: Float32Array, points: PointTensor): Promise<Float32Array> {
    this.calls++;
    this.points = points;
    const { A, Bp, G, with_prev_mask: usesPrevious = true } = this.net;
    const [batch, , height, width] = this.shape;
    const area = height * width;
    const logits = new Float32Array(batch * area);
    for (let b = 0; b < batch; b++) {
      const s = this.kernelSum(points, b, height, width);
      for (let i = 0; i < area; i++) {
        const at = 3 * b * area + i;
        let logit = A * (s[i] - 0.25);
        if (usesPrevious) logit += Bp * (input[at] - 0.5);
        if (G) logit += G * (this.image[at] + 2 * this.image[at + area] - 3 * this.image[at + 2 * area]);
        logits[b * area + i] = logit;
      }
    }
    return logits;
  }

  private kernelSum({ shape, data }: PointTensor, b: number, height: number, width: number): Float64Array {
    const s2 = this.net.q * height * width;
    const s = new Float64Array(height * width);
    const count = shape[1];
    for (let i = 0; i < count; i++) {
      const at = 3 * (b * count + i);
      const [py, px] = [Math.fround(data[at]), Math.fround(data[at + 1])];
      if (Math.max(py, px) < 0) continue;
      const sign = i < count / 2 ? 1 : -1;
      for (let y = 0; y < height; y++) {
        const dy2 = (y - py) * (y - py);
        if (dy2 > s2) continue;
        const reach = Math.sqrt(s2 - dy2) + 1;
        const right = Math.min(width - 1, Math.ceil(px + reach));
        for (let x = Math.max(0, Math.floor(px - reach)); x <= right; x++) {
          const t = Math.max(0, 1 - (dy2 + (x - px) * (x - px)) / s2);
          s[y * width + x] += sign * t * t;
        }
      }
    }
    return s;
  }
}
