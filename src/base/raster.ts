/** An 8-bit RGB picture, row-major, channels interleaved: `data[(y * width + x) * 3 + c]`, 0..255. */
export interface RgbImage {
  width: number;
  height: number;
  data: Uint8Array;
}

/** One number per pixel, row-major. `T` says which: labels (Int32Array), a mask (Uint8Array), probabilities (Float32Array). */
export interface Grid<T extends Int8Array | Uint8Array | Int32Array | Float32Array> {
  width: number;
  height: number;
  data: T;
}

/** A binary mask: 1 inside, 0 outside. */
export type Mask = Grid<Uint8Array>;

/** Ground truth of one object: 1 object, 0 background, -1 ignored. */
export type Target = Grid<Int8Array>;

/** Probabilities, 0..1. */
export type ProbabilityMap = Grid<Float32Array>;
