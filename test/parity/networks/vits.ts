import { clipConfig, clipLayouts } from '../../../src/backbones/clip.ts';
import { offsetBicubic, type PositionResize } from '../../../src/backbones/positions.ts';
import type { FeatureKind } from '../../../src/backbones/types.ts';
import { type VitConfig, vit } from '../../../src/backbones/vit.ts';
import { add } from '../../../src/graph/ops/elementwise.ts';
import type { Tensor } from '../../../src/graph/tensor.ts';
import { toMap } from '../../../src/nn/layers.ts';
import type { Check } from '../case.ts';
import { type Builder, checkNetwork, type Sources } from './check.ts';
import { type Golden, renamed } from './golden.ts';

/** DINO and the supervised ViT: keys or tokens; clicks before or after the blocks. */
export const vitCase: Builder = from => {
  const { dim, depth, hd: heads, p: patch, img, layer_norm_eps: epsilon } = from.config as Record<string, number>;
  const positions = { grid: img / patch, resize: offsetBicubic };
  return featuresOf(from, { patch, dim, depth, heads, epsilon, positions }, from.config.feat_type as FeatureKind);
};

/** A fault of the original: where clicks are added early, it takes height for width. */
const swapped: PositionResize = (table, grid, h, w) => offsetBicubic(table, grid, w, h);

const isEarly = ({ config }: Sources) => config.feats_injection_mode === 'before_backbone';

const maskClipCase: Builder = from => {
  const {
    width: dim,
    layers: depth,
    hd: heads,
    out: projection,
    res,
    p: patch,
  } = from.config as Record<string, number>;
  const config = clipConfig({ patch, dim, depth, heads, projection, grid: res / patch });
  const positions = { ...config.positions!, ...(isEarly(from) && { resize: swapped }) };
  return featuresOf(from, { ...config, positions }, 'value');
};

/** CLIP's visual tower with MaskCLIP's last block; weights in the original's names. */
export function checkMaskClip(golden: Golden): Promise<Check[]> {
  const original = clipLayouts.find(({ name }) => name === 'original')!;
  const prefix = 'weight.model.visual.';
  return checkNetwork(
    renamed(golden, name => {
      if (!name.startsWith(prefix)) return name;
      const [parameter] = original.parameters(name.slice(prefix.length));
      if (!parameter) throw new Error(`${golden.name}: the original's names have no ${name}`);
      return `weight.model.${parameter}`;
    }),
    maskClipCase,
  );
}

function featuresOf({ config, input, has, weights }: Sources, vitConfig: VitConfig, kind: FeatureKind) {
  const [h, w] = (config.image as [number, number]).map(pixels => pixels / vitConfig.patch);
  const clicks = has('clicks') ? toMap(input('clicks'), h, w) : undefined;
  const late = config.feats_injection_mode === 'after_backbone';
  const image: Tensor = input('image', 'image');
  const features = vit(image, weights.at('model'), vitConfig, late ? undefined : clicks, { kind });
  return { features: late && clicks ? add(features, clicks) : features };
}
