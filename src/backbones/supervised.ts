import { vitEntry } from './entry.ts';
import { offsetBicubic } from './positions.ts';
import type { BackboneFamily } from './types.ts';
import { vitLayouts } from './vit-names.ts';

const HALF = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const;

const sizes = [
  { name: 'vit-s16', model: 'ViT-S/16', hub: 'vit_small_patch16_224', patch: 16, dim: 384, depth: 12, heads: 6 },
  { name: 'vit-b16', model: 'ViT-B/16', hub: 'vit_base_patch16_224', patch: 16, dim: 768, depth: 12, heads: 12 },
  { name: 'vit-b8', model: 'ViT-B/8', hub: 'vit_base_patch8_224', patch: 8, dim: 768, depth: 12, heads: 12 },
  { name: 'vit-l16', model: 'ViT-L/16', hub: 'vit_large_patch16_224', patch: 16, dim: 1024, depth: 24, heads: 16 },
];

export const supervisedFamily: BackboneFamily = {
  title: 'ViT, supervised',
  notes: `Plain ViTs, trained to classify ImageNet-21k and fine-tuned on ImageNet-1k ("augreg"). \`@key\` gives the keys of the
last block. The published network is for 224 px alone; positions are resized as DINO does it, bicubically with the scale
(n+.1)/n of the trained grid, which is what the benchmark does with this backbone. It normalises to -1..1.`,
  backbones: sizes.map(({ name, model, hub, patch, dim, depth, heads }) =>
    vitEntry({
      name,
      description: `${model}, supervised on ImageNet-21k, then ImageNet-1k.`,
      paper:
        'Steiner et al. 2022, "How to train your ViT? Data, Augmentation, and Regularization in Vision Transformers", arXiv 2106.10270',
      licence: 'Apache-2.0',
      hub: `timm/${hub}.augreg_in21k_ft_in1k`,
      normalisation: HALF,
      config: { patch, dim, depth, heads, epsilon: 1e-6, positions: { grid: 224 / patch, resize: offsetBicubic } },
      layouts: vitLayouts,
    }),
  ),
};
