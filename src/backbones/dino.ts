import { IMAGENET } from '../nn/imagenet.ts';
import { vitEntry } from './entry.ts';
import { offsetBicubic } from './positions.ts';
import type { BackboneFamily } from './types.ts';
import { vitLayouts } from './vit-names.ts';

const sizes = [
  { name: 'dino-s16', model: 'ViT-S/16', hub: 'vit_small_patch16_224.dino', patch: 16, dim: 384, heads: 6 },
  { name: 'dino-s8', model: 'ViT-S/8', hub: 'vit_small_patch8_224.dino', patch: 8, dim: 384, heads: 6 },
  { name: 'dino-b16', model: 'ViT-B/16', hub: 'vit_base_patch16_224.dino', patch: 16, dim: 768, heads: 12 },
  { name: 'dino-b8', model: 'ViT-B/8', hub: 'vit_base_patch8_224.dino', patch: 8, dim: 768, heads: 12 },
];

export const dinoFamily: BackboneFamily = {
  title: 'DINO',
  notes: `The first DINO: plain ViTs, trained without labels on ImageNet at 224 px. \`@key\` gives the keys of the last block, which
many papers take for dense tasks. Positions are resized bicubically with the scale (n+.1)/n of the trained grid, as the
original does.`,
  backbones: sizes.map(({ name, model, hub, patch, dim, heads }) =>
    vitEntry({
      name,
      description: `DINO ${model}, self-supervised on ImageNet-1k.`,
      paper: 'Caron et al. 2021, "Emerging Properties in Self-Supervised Vision Transformers", arXiv 2104.14294',
      licence: 'Apache-2.0',
      hub: `timm/${hub}`,
      normalisation: IMAGENET,
      config: { patch, dim, depth: 12, heads, epsilon: 1e-6, positions: { grid: 224 / patch, resize: offsetBicubic } },
      layouts: vitLayouts,
    }),
  ),
};
