import type { Backbone } from '../backbones/types.ts';
import { UserError } from '../base/errors.ts';
import type { ClickEncoder } from '../clicks/encoders.ts';
import type { Granularity } from '../granularity/granularity.ts';
import { granularityTokens } from '../granularity/table.ts';
import { add, div, mul, sub } from '../graph/ops/elementwise.ts';
import { constant, GraphError, input, type Tensor } from '../graph/tensor.ts';
import type { Head } from '../heads/types.ts';
import type { Neck } from '../necks/types.ts';
import { IMAGENET } from '../nn/imagenet.ts';
import { adapted } from '../nn/lora.ts';
import { type Parameter, Scope } from '../nn/scope.ts';
import { sizeOf, toSize } from '../nn/to-size.ts';
import { none } from '../upsamplers/interpolation.ts';
import { enlarged } from '../upsamplers/large-image.ts';
import type { UpsampleOptions, Upsampler } from '../upsamplers/types.ts';

/**
 * Where the click tokens are added: `early` inside the backbone, `late` to its low-res features before the upsampler
 * (as the released code does), `late-upsampled` to what the upsampler gives (as the paper's text has it), brought to
 * that size bilinearly, corners aligned.
 */
export const injections = ['early', 'late', 'late-upsampled'] as const;
export type Injection = (typeof injections)[number];

/** A frozen backbone and upsampler, with a head, a click encoder and perhaps a neck to be trained. */
export interface Probe {
  backbone: Backbone;
  upsampler: Upsampler;
  head: Head;
  /** Channels between the layers of the head. */
  headWidth: number;
  clickEncoder: ClickEncoder;
  injection: Injection;
  /** A neck that gives the head several maps, with the channels of the finest one. */
  multiScale?: { neck: Neck; width: number };
  /** Takes a granularity; head and click encoder then come trained and stay as they are. */
  granularity?: Granularity;
  /** Bytes that intermediate values may take, see `UpsampleOptions`. */
  memory?: number;
}

export interface ProbeGraph {
  /** Source `image` [B,3,H,W]: RGB, 0..1. */
  image: Tensor;
  /** Source `clicks` [B,3,H,W]: previous mask's probability, positive disks, negative disks. */
  clicks: Tensor;
  /** Source `granularity` [B], where the probe takes one: see `granularityRow`. */
  granularity?: Tensor;
  /** What the backbone gives, [B,C,h,w]: finer where the upsampler enlarges the image. */
  features: Tensor;
  /** What the head sees; of the maps of a neck the finest. */
  upsampled: Tensor;
  /** [B,1,H,W] */
  logits: Tensor;
  frozen: Map<string, Parameter>;
  /** Where the probe takes a granularity: head and click encoder, which an earlier training has trained. */
  start: Map<string, Parameter>;
  trained: Map<string, Parameter>;
}

/**
 * The probe as a graph (paper, section 3): image -> backbone -> upsampler -> head -> one logit per pixel, the encoded
 * clicks added at the injection point.
 *
 * @throws GraphError where the backbone's stride does not divide the size; UserError for a granularity without anything
 *   to train.
 */
export function buildProbe(probe: Probe, batch: number, size: readonly [number, number]): ProbeGraph {
  const [height, width] = size;
  const { backbone, upsampler, head, headWidth, clickEncoder, injection, multiScale, granularity, memory } = probe;
  const image = imageSource(backbone, batch, height, width);
  const clicks = input('clicks', [batch, 3, height, width], 'clicks');
  const frozen = Scope.frozen('frozen');
  const own = granularity ? Scope.frozen('probe') : Scope.trained('probe');
  const trained = granularity ? Scope.trained('granular') : own;
  const rows = granularity && input('granularity', [batch], 'clicks');

  const { imageFactor = 1 } = upsampler;
  const normalised = enlarged(normalise(image, backbone.normalisation), imageFactor);
  const early = injection === 'early';
  const target = early ? backbone.early : { channels: backbone.channels, stride: backbone.stride };
  const maps = enlarged(early ? mul(clicks, clickGain(backbone.early.gain)) : clicks, imageFactor);
  const tokens = clickEncoder.encode(maps, own.at('clicks'), target);
  const row = (place: Granularity['place'], channels: number) =>
    rows && granularity.place === place
      ? granularityTokens(rows, trained.at('table'), channels, granularity.tableStart)
      : undefined;
  const adaptable = frozen.at('backbone');
  const scope = granularity ? adapted(adaptable, trained.at('backbone'), granularity.lora, backbone.qkv) : adaptable;
  const inside = total(early ? tokens : undefined, row('early', backbone.early.channels));
  const plain = mul(backbone.features(normalised, scope, inside), backbone.featureScale);
  const features = total(plain, injection === 'late' ? tokens : undefined, row('late', backbone.channels))!;

  const upsamplerScope = (granularity?.trainUpsampler ? trained : frozen).at('upsampler');
  const guidance = normalise(image, IMAGENET);
  const onTop = injection === 'late-upsampled';
  const grid = onTop ? add(features, tokens) : features;
  const options = { ...(memory !== undefined && { memory }), look: looking(backbone, normalised, scope) };
  const upsampledTo = (size: readonly [number, number]): Tensor => {
    const given = upsampler.upsample(features, guidance, size, upsamplerScope, options);
    const brought = upsampler === none ? given : toSize(given, size);
    return onTop ? add(brought, toSize(tokens, sizeOf(brought))) : brought;
  };
  const [upsampled, ...coarser] = multiScale
    ? multiScale.neck.maps({ grid, upsampled: upsampledTo, size }, own.at('neck'), multiScale.width)
    : [upsampledTo(size)];
  const logits = toSize(head.logits(upsampled, own.at('head'), headWidth, { grid, coarser }), size);
  if (granularity) requireTrainable(probe, trained.parameters);
  return {
    image,
    clicks,
    ...(rows && { granularity: rows }),
    features,
    upsampled,
    logits,
    frozen: frozen.parameters,
    start: granularity ? own.parameters : new Map(),
    trained: trained.parameters,
  };
}

export interface FeatureGraph {
  /** Source `image` [1,3,H,W]: RGB, 0..1. */
  image: Tensor;
  /** The backbone's features as a probe has them before any click, [1,C,h,w], and after the upsampler. */
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
  const seen = enlarged(normalise(image, backbone.normalisation), upsampler.imageFactor ?? 1);
  const look = looking(backbone, seen, frozen.at('backbone'));
  const features = look(image => image);
  const guidance = normalise(image, IMAGENET);
  const upsampled = upsampler.upsample(features, guidance, [height, width], frozen.at('upsampler'), { look });
  return { image, features, upsampled, frozen: frozen.parameters };
}

/** The backbone without clicks, scaled, on what is made of the image. */
const looking =
  (backbone: Backbone, image: Tensor, scope: Scope): NonNullable<UpsampleOptions['look']> =>
  move =>
    mul(backbone.features(move(image), scope), backbone.featureScale);

function imageSource(backbone: Backbone, batch: number, height: number, width: number): Tensor {
  if (height % backbone.stride !== 0 || width % backbone.stride !== 0) {
    throw new GraphError(
      `${backbone.name}: ${height} x ${width} px is not a multiple of its stride ${backbone.stride}`,
    );
  }
  return input('image', [batch, 3, height, width], 'image');
}

/** @throws UserError where the backbone has nothing to adapt, or the upsampler nothing to train */
function requireTrainable({ backbone, upsampler, granularity }: Probe, trained: ReadonlyMap<string, Parameter>): void {
  const has = (pattern: RegExp) => [...trained.keys()].some(name => pattern.test(name));
  if (!has(/\.lora_A$/)) {
    throw new UserError(`${backbone.name} has no attention to adapt by LoRA. Choose a transformer as backbone`);
  }
  if (granularity!.trainUpsampler && !has(/^granular\.upsampler\./)) {
    throw new UserError(
      `${upsampler.name} has no parameters that could be trained with the backbone. Choose a learned upsampler, or ` +
        'leave it frozen (without --joint)',
    );
  }
}

/** The sum of what there is. */
function total(...parts: readonly (Tensor | undefined)[]): Tensor | undefined {
  const found = parts.filter(part => part !== undefined);
  return found.length === 0 ? undefined : found.reduce((sum, part) => add(sum, part));
}

/** The previous mask is dense and stays as it is: enlarged, it would drown the image. */
const clickGain = (gain: number): Tensor => constant(Float32Array.of(1, gain, gain), [1, 3, 1, 1]);

const normalise = (image: Tensor, { mean, std }: Backbone['normalisation']): Tensor =>
  div(sub(image, constant(Float32Array.from(mean), [1, 3, 1, 1])), constant(Float32Array.from(std), [1, 3, 1, 1]));
