import type { Backbone } from '../../src/backbones/types.ts';
import { Random } from '../../src/base/random.ts';
import { clickEncoders } from '../../src/clicks/encoders.ts';
import { add, gelu } from '../../src/graph/ops/elementwise.ts';
import { heads } from '../../src/heads/heads.ts';
import { IMAGENET } from '../../src/nn/imagenet.ts';
import { linear, patchEmbed, toMap, toTokens } from '../../src/nn/layers.ts';
import type { Parameter } from '../../src/nn/scope.ts';
import type { Probe } from '../../src/probe/probe.ts';
import { bilinearInterpolation } from '../../src/upsamplers/interpolation.ts';

/** A backbone of one patch embedding, one linear layer and GELU; clicks are added before the linear layer. */
export function toyBackbone(stride: number, channels: number, changes: Partial<Backbone> = {}): Backbone {
  return {
    name: 'toy',
    description: 'patch embedding, linear, GELU',
    source: 'for tests',
    licence: 'none needed',
    stride,
    channels,
    featureScale: 1,
    early: { channels, stride, gain: 1 },
    normalisation: IMAGENET,
    features(image, scope, clicks) {
      const patches = patchEmbed(image, scope.at('proj'), stride, channels);
      const tokens = toTokens(clicks ? add(patches, clicks) : patches);
      const [h, w] = patches.shape.slice(2);
      return toMap(gelu(linear(tokens, scope.at('fc'), channels)), h, w);
    },
    weights: async () => new Map(),
    ...changes,
  };
}

export const headNamed = (name: string) => heads.find(head => head.name === name)!;

/** A small probe: stride 4, 8 channels, the conv head on bilinear features, early clicks. */
export function toyProbe(changes: Partial<Probe> = {}): Probe {
  return {
    backbone: toyBackbone(4, 8),
    upsampler: bilinearInterpolation,
    head: headNamed('conv'),
    headWidth: 8,
    clickEncoder: clickEncoders[0],
    injection: 'early',
    ...changes,
  };
}

/** Initial values of parameters, each from a stream of its own. */
export const initialValues = (parameters: ReadonlyMap<string, Parameter>): Map<string, Float32Array> =>
  new Map([...parameters].map(([name, { shape, initialise }]) => [name, initialise(shape, Random.of(5, name))]));
