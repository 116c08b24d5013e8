import { IMAGENET } from '../nn/imagenet.ts';
import { vitEntry } from './entry.ts';
import { plainBicubic } from './positions.ts';
import type { BackboneFamily } from './types.ts';
import { vitLayouts } from './vit-names.ts';

const sizes = [
  { name: 'deit-t16', model: 'DeiT-Ti/16', hub: 'deit_tiny_patch16_224', dim: 192, heads: 3 },
  { name: 'deit-s16', model: 'DeiT-S/16', hub: 'deit_small_patch16_224', dim: 384, heads: 6 },
  { name: 'deit-b16', model: 'DeiT-B/16', hub: 'deit_base_patch16_224', dim: 768, heads: 12 },
];

export const deitFamily: BackboneFamily = {
  title: 'DeiT',
  notes: `Plain ViTs, trained to classify ImageNet-1k alone, without distillation token. Positions are resized bicubically to the
grid asked for, as the original does to fine-tune at other sizes.`,
  backbones: sizes.map(({ name, model, hub, dim, heads }) =>
    vitEntry({
      name,
      description: `${model}, supervised on ImageNet-1k.`,
      paper:
        'Touvron et al. 2021, "Training data-efficient image transformers & distillation through attention", arXiv 2012.12877',
      licence: 'Apache-2.0',
      hub: `timm/${hub}.fb_in1k`,
      normalisation: IMAGENET,
      config: { patch: 16, dim, depth: 12, heads, epsilon: 1e-6, positions: { grid: 14, resize: plainBicubic } },
      layouts: vitLayouts,
    }),
  ),
};
