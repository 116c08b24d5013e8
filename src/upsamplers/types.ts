import type { Tensor } from '../graph/tensor.ts';
import type { Scope } from '../nn/scope.ts';

/**
 * A file of weights: in a repository on huggingface.co, at an address of its own, or behind a page where a person has to
 * fetch it.
 */
export type PublishedFile = { hub: string; name: string } | { url: string } | { page: string; name: string };

/** Official weights for one backbone. */
export interface PublishedWeights {
  file: PublishedFile;
  /** What holds for this file alone. */
  note?: string;
}

/** What an upsampler's files may lack or hold beyond its parameters, and still be its files. */
interface CheckpointRules {
  /** Parameters that files may leave out, all together: they keep their initial values. */
  optional?: RegExp;
  /** Tensors of its own that a file may hold without need: what finer grids than the backbone's ask for. */
  spare?: RegExp;
  /** Tensors of another method, with which the file is not one of this. */
  foreign?: RegExp;
  /** Other methods whose trained files it takes. */
  alsoReads?: readonly string[];
}

export interface UpsampleOptions {
  /** Bytes that intermediate values may take; 2e9 where not given. Methods cut their work into pieces that fit. */
  memory?: number;
  /**
   * The backbone's features [B,C,h,w] of the picture seen otherwise, without clicks, scaled as the features that are
   * upsampled: of what `move` makes of the image [B,3,H,W], sizes kept. Not there where features come without a backbone.
   */
  look?: (move: (image: Tensor) => Tensor) => Tensor;
}

/** Brings features to a finer grid, guided by the image or not. */
export interface Upsampler {
  name: string;
  description: string;
  /** Paper or code it follows. */
  source: string;
  /** Of the official weights. */
  licence: string;
  /** Has parameters of its own. */
  learned: boolean;
  /** Linear in the features, with one spatial kernel for all channels. */
  linear: boolean;
  /** Serves any backbone without training. */
  agnostic: boolean;
  /** Output pixels per cell that it makes by itself: any, whole numbers, powers of 2, or one number. */
  ratio: 'any' | 'whole' | 'powers of 2' | number;
  /** By the backbone's name; under `any` those that serve every backbone. Not there where none are published. */
  weights?: Readonly<Record<string, PublishedWeights>>;
  checkpoint?: CheckpointRules;
  /** The upsampler whose training (`clickprobe upsampler train`) makes its weights; not there where none does. */
  trainedAs?: string;
  /** How many times as large the backbone sees the image, and click encoders their maps; once by default. */
  imageFactor?: number;
  /**
   * Features [B,C,h,w] -> [B,C,h',w'] with (h',w') at most `size`; the probe brings what is smaller to `size` bilinearly.
   *
   * @param image [B,3,H,W], ImageNet-normalised.
   * @param size [H',W'] asked for.
   */
  upsample(
    features: Tensor,
    image: Tensor,
    size: readonly [number, number],
    scope: Scope,
    options?: UpsampleOptions,
  ): Tensor;
}
