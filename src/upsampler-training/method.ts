import type { Backbone } from '../backbones/types.ts';
import type { Random } from '../base/random.ts';
import type { RgbImage } from '../base/raster.ts';
import type { Shape, Tensor } from '../graph/tensor.ts';
import type { Scope } from '../nn/scope.ts';
import type { AdamOptions } from '../training/adam.ts';
import type { Cut } from './cut.ts';

/** What decides the graph of a training. */
export interface Setting {
  backbone: Pick<Backbone, 'name' | 'stride' | 'channels'>;
  /** Side of the image that the upsampler sees, pixels. */
  size: number;
  /** Images in a step. */
  batch: number;
}

/** What one image gives for one step, by the names that the loss asks for. */
export interface Draw {
  /** Square pictures, for the upsampler, for the backbone, or for both. */
  images: Readonly<Record<string, RgbImage>>;
  /** Anything else, without the batch's axis. */
  arrays?: Readonly<Record<string, Float32Array>>;
}

/** What a loss is built of. Every value is fed anew at every step. */
export interface Given extends Setting {
  /** A picture of the draw for the upsampler: [B,3,side,side], ImageNet-normalised. */
  image(name: string, side: number): Tensor;
  /** What the frozen backbone gives for a picture of the draw: [B,C,side/stride,side/stride]. */
  features(name: string, side: number): Tensor;
  /** An array of the draw: [B, ...shape]. */
  array(name: string, shape: Shape): Tensor;
  /** Parameters of the upsampler: what the training is for. */
  own: Scope;
  /** Other trained parameters, which nobody needs afterwards. */
  helper: Scope;
  /** A slowly following copy of the upsampler's parameters, by running statistics; only where the method has a `teacher`. */
  teacher: Scope;
}

interface Loss {
  total: Tensor;
  /** Its parts, for the log. */
  parts: Readonly<Record<string, Tensor>>;
}

/** How an upsampler is trained: what is drawn of an image, the loss, the optimiser. One file each. */
export interface Method {
  /** As in the registry of upsamplers. */
  upsampler: string;
  /** Where a method is trained in several, counted from 1. */
  stage: number;
  /** What is learned from what, in a line. */
  objective: string;
  optimiser: Partial<AdamOptions> & {
    /** Learning rate. */
    rate: number;
    /** The gradients' joint length is cut to this in the first steps. */
    clip?: { steps: number; length: number };
  };
  defaults: { size: number; batch: number };
  /** Parameters that keep their initial values, by their names in the file. */
  fixed?: RegExp;
  /** Needs images with masks of objects. */
  masks?: boolean;
  /** Begins with the file of the stage before, and learns from a mean of its own past parameters that decays so fast. */
  teacher?: { decay: number };
  /** Side of the part that is cut out of an image, from the size. */
  cut(size: number): number;
  /** Forms that the loss has; one a step is drawn. 1 by default. */
  variants?(setting: Setting): number;
  draw(cut: Cut, random: Random, setting: Setting, variant: number): Draw;
  loss(given: Given, variant: number): Loss;
}
