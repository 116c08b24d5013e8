import type { Matrix } from '../graph/tensor.ts';

// One axis of a resize as a matrix [out, in]: row i says how output i is made of the inputs. Rows sum to 1.

type Weights = (position: number) => [index: number, weight: number][];

function build(size: number, out: number, weights: Weights): Matrix {
  const data = new Float32Array(out * size);
  for (let i = 0; i < out; i++) {
    for (const [index, weight] of weights(i)) data[i * size + Math.min(Math.max(index, 0), size - 1)] += weight;
  }
  return { rows: out, cols: size, data };
}

/** Linear interpolation between pixel centres; borders clamped. */
export function bilinear(size: number, out: number, { alignCorners }: { alignCorners: boolean }): Matrix {
  const scale = alignCorners ? (out > 1 ? (size - 1) / (out - 1) : 0) : size / out;
  return build(size, out, i => {
    const at = alignCorners ? i * scale : Math.max(0, (i + 0.5) * scale - 0.5);
    const low = Math.min(Math.floor(at), size - 1);
    return [
      [low, 1 - (at - low)],
      [low + 1, at - low],
    ];
  });
}

/**
 * Cubic convolution with A = -.75 (PyTorch's), align_corners=false, borders clamped.
 *
 * @param scale outputs per input; `out / size` by default. ViT position embeddings use another.
 */
export function bicubic(size: number, out: number, scale = out / size): Matrix {
  const A = -0.75;
  const near = (t: number) => ((A + 2) * t - (A + 3)) * t * t + 1;
  const far = (t: number) => ((A * t - 5 * A) * t + 8 * A) * t - 4 * A;
  return build(size, out, i => {
    const at = (i + 0.5) / scale - 0.5;
    const low = Math.floor(at);
    const t = at - low;
    return [
      [low - 1, far(t + 1)],
      [low, near(t)],
      [low + 1, near(1 - t)],
      [low + 2, far(2 - t)],
    ];
  });
}

/**
 * Cubic convolution with A = -.5, stretched over the inputs that an output covers where the axis shrinks, and scaled to
 * sum 1 at borders: PyTorch's `antialias=True`, align_corners=false.
 */
export function bicubicAntialias(size: number, out: number): Matrix {
  const scale = size / out;
  const stretch = Math.max(scale, 1);
  const kernel = (t: number) => (t < 1 ? (1.5 * t - 2.5) * t * t + 1 : t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0);
  return build(size, out, i => {
    const centre = (i + 0.5) * scale;
    const from = Math.max(Math.trunc(centre - 2 * stretch + 0.5), 0);
    const to = Math.min(Math.trunc(centre + 2 * stretch + 0.5), size);
    const taps = Array.from({ length: to - from }, (_, j) => kernel(Math.abs((from + j + 0.5 - centre) / stretch)));
    const total = taps.reduce((sum, tap) => sum + tap, 0);
    return taps.map((tap, j) => [from + j, tap / total]);
  });
}

/** The input at floor(i * in / out), computed in float32 as PyTorch does: 2 -> 82 takes output 41 from input 0. */
export const nearest = (size: number, out: number): Matrix =>
  build(size, out, i => [[Math.floor(Math.fround(i * Math.fround(size / out))), 1]]);

/** Adaptive average pooling: output i is the mean of inputs floor(i in/out) .. ceil((i+1) in/out) - 1. May enlarge. */
export const adaptiveAverage = (size: number, out: number): Matrix =>
  build(size, out, i => {
    const from = Math.floor((i * size) / out);
    const to = Math.ceil(((i + 1) * size) / out);
    return Array.from({ length: to - from }, (_, j) => [from + j, 1 / (to - from)]);
  });

/** Padding by mirror images about the border pixels (PyTorch's `reflect`). */
export const reflectPad = (size: number, pad: number): Matrix =>
  build(size, size + 2 * pad, i => {
    const at = Math.abs(i - pad);
    return [[at < size ? at : 2 * (size - 1) - at, 1]];
  });

/** The mean over a window of `radius` to each side; at the border over what there is of it. */
export const boxMean = (size: number, radius: number): Matrix =>
  build(size, size, i => {
    const from = Math.max(0, i - radius);
    const to = Math.min(size, i + radius + 1);
    return Array.from({ length: to - from }, (_, j) => [from + j, 1 / (to - from)]);
  });

/** Padding by repetition of the border pixels (PyTorch's `replicate`). */
export const replicatePad = (size: number, before: number, after: number): Matrix =>
  build(size, size + before + after, i => [[i - before, 1]]);
