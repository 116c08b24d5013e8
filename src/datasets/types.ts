import type { RgbImage, Target } from '../base/raster.ts';

/** A photo and the ground truth of its objects. */
export interface Sample {
  id: string;
  image: RgbImage;
  /** One per object, as large as the image: 1 object, 0 background, -1 ignored. */
  objects: Target[];
  /** In sets made for multi-granular training, one per object. */
  parts?: readonly Part[];
}

/** How an object of a sample is trained on where each has a granularity. */
export interface Part {
  /** From the smallest part, above 0, to a whole object, 1. */
  granularity: number;
  /** How often it is drawn among the parts of its photo. */
  weight: number;
}

/** A list of samples, read from disk (or drawn) one at a time. */
export interface Dataset {
  name: string;
  size: number;
  /** One per sample, in order. */
  ids: readonly string[];
  /** Number of objects, where known without decoding. */
  objectCount?: number;
  /** Reads sample `index`, 0 .. size-1. @throws UserError naming the file that is missing or damaged. */
  load(index: number): Promise<Sample>;
}
