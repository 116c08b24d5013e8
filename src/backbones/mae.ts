import { IMAGENET } from '../nn/imagenet.ts';
import { vitEntry } from './entry.ts';
import { plainBicubic } from './positions.ts';
import type { BackboneFamily } from './types.ts';
import { vitLayouts } from './vit-names.ts';

const sizes = [
  { name: 'mae-b16', model: 'ViT-B/16', hub: 'vit_base_patch16_224', patch: 16, dim: 768, depth: 12, heads: 12 },
  { name: 'mae-l16', model: 'ViT-L/16', hub: 'vit_large_patch16_224', patch: 16, dim: 1024, depth: 24, heads: 16 },
  { name: 'mae-h14', model: 'ViT-H/14', hub: 'vit_huge_patch14_224', patch: 14, dim: 1280, depth: 32, heads: 16 },
];

export const maeFamily: BackboneFamily = {
  title: 'MAE',
  notes: `Masked autoencoders: the encoder, a plain ViT, trained to fill in masked patches of ImageNet-1k; no patch is masked here
and a decoder in the file is left alone. Positions are resized bicubically to the grid asked for, as the original does.`,
  backbones: sizes.map(({ name, model, hub, patch, dim, depth, heads }) =>
    vitEntry({
      name,
      description: `MAE ${model}, self-supervised on ImageNet-1k by reconstruction.`,
      paper: 'He et al. 2022, "Masked Autoencoders Are Scalable Vision Learners", arXiv 2111.06377',
      licence: 'CC-BY-NC-4.0',
      hub: `timm/${hub}.mae`,
      normalisation: IMAGENET,
      config: { patch, dim, depth, heads, epsilon: 1e-6, positions: { grid: 224 / patch, resize: plainBicubic } },
      layouts: vitLayouts,
    }),
  ),
};
