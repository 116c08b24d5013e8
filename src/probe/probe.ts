import type { Backbone } from '../backbones/types.ts';
import type { ClickEncoder } from '../clicks/encoders.ts';
import { add, div, mul, sub } from '../graph/ops/elementwise.ts';
import { resample } from '../graph/ops/linear.ts';
import { constant, GraphError, input, type Tensor } from '../graph/tensor.ts';
import type { Head } from '../heads/heads.ts';
import { IMAGENET } from '../nn/imagenet.ts';
import { bilinear } from '../nn/resize.ts';
import { type Parameter, Scope } from '../nn/scope.ts';
import { none } from '../upsamplers/interpolation.ts';
import type { Upsampler } from '../upsamplers/types.ts';

/**
 * Where the click tokens are added: `early` inside the backbone, `late` to its low-res features before the upsampler
 * (as the released code does).
 */
export const injections = ['early', 'late'] as const;
export type Injection = (typeof injections)[number];

/** A frozen backbone and upsampler, with a head and a click encoder to be trained. */
export interface Probe {
  backbone: Backbone;
  upsampler: Upsampler;
  head: Head;
  /** Channels between the layers of the head. */
  headWidth: number;
  clickEncoder: ClickEncoder;
  injection: Injection;
}

export interface ProbeGraph {
  /** Source `image` [B,3,H,W]: RGB, 0..1. */
  image: Tensor;
  /** Source `clicks` [B,3,H,W]: previous mask's probability, positive disks, negative disks. */
  clicks: Tensor;
  /** What the backbone gives, [B,C,h,w]. */
  features: Tensor;
  /** What the head sees. */
  upsampled: Tensor;
  /** [B,1,H,W] */
  logits: Tensor;
  frozen: Map<string, Parameter>;
  trained: Map<string, Parameter>;
}

/**
 * The probe as a graph (paper, section 3): image -> backbone -> upsampler -> head -> one logit per pixel, the encoded
 * clicks added at the injection point.
 *
 * @throws GraphError where the backbone's stride does not divide the size.
 */
export function buildProbe(probe: Probe, batch: number, [height, width]: readonly [number, number]): ProbeGraph {
  const { backbone, upsampler, head, headWidth, clickEncoder, injection } = probe;
  const image = imageSource(backbone, batch, height, width);
  const clicks = input('clicks', [batch, 3, height, width], 'clicks');
  const frozen = Scope.frozen('frozen');
  const trained = Scope.trained('probe');

  const normalised = normalise(image, backbone.normalisation);
  const early = injection === 'early';
  const target = early ? backbone.early : { channels: backbone.channels, stride: backbone.stride };
  const maps = early ? mul(clicks, clickGain(backbone.early.gain)) : clicks;
  const tokens = clickEncoder.encode(maps, trained.at('clicks'), target);
  const raw = backbone.features(normalised, frozen.at('backbone'), early ? tokens : undefined);
  const plain = mul(raw, backbone.featureScale);
  const features = injection === 'late' ? add(plain, tokens) : plain;

  const fine = upsampler.upsample(features, normalise(image, IMAGENET), [height, width], frozen.at('upsampler'));
  const upsampled = upsampler === none ? fine : toSize(fine, height, width);
  const logits = toSize(head.logits(upsampled, trained.at('head'), headWidth), height, width);
  return { image, clicks, features, upsampled, logits, frozen: frozen.parameters, trained: trained.parameters };
}

export interface FeatureGraph {
  /** Source `image` [1,3,H,W]: RGB, 0..1. */
  image: Tensor;
  /** The backbone's features without any click, [1,C,h,w], and after the upsampler. */
  features: Tensor;
  upsampled: Tensor;
  frozen: Map<string, Parameter>;
}

/** The frozen part alone, for looking at features. Throws like `buildProbe`. */
export function buildFeatures(
  { backbone, upsampler }: Pick<Probe, 'backbone' | 'upsampler'>,
  [height, width]: readonly [number, number],
): FeatureGraph {
  const image = imageSource(backbone, 1, height, width);
  const frozen = Scope.frozen('frozen');
  const features = backbone.features(normalise(image, backbone.normalisation), frozen.at('backbone'));
  const guidance = normalise(image, IMAGENET);
  const upsampled = upsampler.upsample(features, guidance, [height, width], frozen.at('upsampler'));
  return { image, features, upsampled, frozen: frozen.parameters };
}

function imageSource(backbone: Backbone, batch: number, height: number, width: number): Tensor {
  if (height % backbone.stride !== 0 || width % backbone.stride !== 0) {
    throw new GraphError(
      `${backbone.name}: ${height} x ${width} px is not a multiple of its stride ${backbone.stride}`,
    );
  }
  return input('image', [batch, 3, height, width], 'image');
}

/** The previous mask is dense and stays as it is: enlarged, it would drown the image. */
const clickGain = (gain: number): Tensor => constant(Float32Array.of(1, gain, gain), [1, 3, 1, 1]);

const normalise = (image: Tensor, { mean, std }: Backbone['normalisation']): Tensor =>
  div(sub(image, constant(Float32Array.from(mean), [1, 3, 1, 1])), constant(Float32Array.from(std), [1, 3, 1, 1]));

/** Bilinear, corners aligned (the reference's choice for features and logits alike). */
function toSize(map: Tensor, height: number, width: number): Tensor {
  const [h, w] = map.shape.slice(2);
  const axis = (from: number, to: number) => (from === to ? undefined : bilinear(from, to, { alignCorners: true }));
  return resample(map, axis(h, height), axis(w, width));
}
