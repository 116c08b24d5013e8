import { type DinoV2Config, dinoV2, positionEmbedding } from '../../../src/backbones/dinov2.ts';
import { add } from '../../../src/graph/ops/elementwise.ts';
import { heads } from '../../../src/heads/heads.ts';
import { patchEmbed, toMap, toTokens } from '../../../src/nn/layers.ts';
import { guidedFilter } from '../../../src/upsamplers/guided-filter.ts';
import {
  bicubicInterpolation,
  bilinearInterpolation,
  nearestNeighbour,
} from '../../../src/upsamplers/interpolation.ts';
import { jointBilateral } from '../../../src/upsamplers/joint-bilateral.ts';
import type { Builder, Sources } from './check.ts';

/** DINOv2; clicks are tokens [B,h*w,C], added before or after the blocks. */
export function dinoV2Case({ config, input, has, weights }: Sources) {
  const {
    patch,
    pos_grid: positions,
    dim,
    depth,
    heads: count,
    image: size,
  } = config as Record<string, number> & {
    image: [number, number];
  };
  const scope = weights.at('model');
  const shape: DinoV2Config = { patch, dim, depth, heads: count, positions };
  const [h, w] = size.map(pixels => pixels / patch);
  const clicks = has('clicks') ? toMap(input('clicks'), h, w) : undefined;
  const late = config.feats_injection_mode === 'after_backbone';
  const features = dinoV2(input('image', 'image'), scope, shape, late ? undefined : clicks);
  return {
    features: late && clicks ? add(features, clicks) : features,
    pos_embed_interpolated: positionEmbedding(scope, shape, h, w),
  };
}

export const patchEmbedCase: Builder = ({ config, input, weights }) => ({
  tokens: toTokens(patchEmbed(input('x'), weights.at('proj'), config.patch as number, config.dim as number)),
});

const ourNames: Record<string, string> = { linear: 'linear', simple_conv: 'simple-conv', convhead: 'conv' };

export const headCase: Builder = ({ config, input, weights }) => {
  const head = heads.find(({ name }) => name === ourNames[config.head as string]);
  if (!head) throw new Error(`no head "${config.head}"`);
  return { y: head.logits(input('x'), weights, config.in_channels as number) };
};

const interpolations = [nearestNeighbour, bilinearInterpolation, bicubicInterpolation];

export const interpolationCase: Builder = ({ config, input, weights }) => {
  const upsampler = interpolations.find(({ name }) => name === config.upsampler);
  if (!upsampler) throw new Error(`no interpolation "${config.upsampler}"`);
  const source = input('source');
  // interpolation does not look at the image
  return { y: upsampler.upsample(source, source, config.out as [number, number], weights) };
};

/** With a guidance of as many channels as the features. */
export const guidedFilterCase: Builder = ({ config, input }) => {
  const { radius, eps, scale } = config as { radius: number; eps: number; scale: number };
  return { q: guidedFilter(input('I'), input('p'), { radius, eps, scale }) };
};

/** Its working grid has four pixels per cell of the features. */
export const jointBilateralCase: Builder = ({ config, input }) => {
  const { kernel_size, sigma_color, sigma_spatial } = config as Record<string, number>;
  const options = { kernelSize: kernel_size, sigmaColor: sigma_color, sigmaSpatial: sigma_spatial, factor: 4 };
  return { y: jointBilateral(input('features'), input('guidance'), config.out as [number, number], options) };
};
