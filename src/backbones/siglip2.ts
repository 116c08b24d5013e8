import { geluTanh } from '../nn/activations.ts';
import { layout } from '../weights/layout.ts';
import { vitEntry } from './entry.ts';
import { alignedBilinear } from './positions.ts';
import type { BackboneFamily } from './types.ts';
import type { VitConfig } from './vit.ts';
import { vitNames } from './vit-names.ts';

const HALF = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const;

const block = 'encoder.layers.#';

/** Layouts of SigLIP 2's visual tower; its original is published for another framework. */
export const siglip2Layouts = [
  layout('timm', vitNames),
  layout('Hugging Face', {
    cls_token: 'embeddings.class_embedding',
    pos_embed: 'embeddings.position_embedding.weight',
    'patch_embed.proj.*': 'embeddings.patch_embedding.*',
    'blocks.#.norm1.*': `${block}.layer_norm1.*`,
    'blocks.#.attn.qkv.*': ['q', 'k', 'v'].map(part => `${block}.self_attn.${part}_proj.*`),
    'blocks.#.attn.proj.*': `${block}.self_attn.out_proj.*`,
    'blocks.#.norm2.*': `${block}.layer_norm2.*`,
    'blocks.#.mlp.fc1.*': `${block}.mlp.fc1.*`,
    'blocks.#.mlp.fc2.*': `${block}.mlp.fc2.*`,
    'norm.*': 'post_layernorm.*',
  }),
];

/** SigLIP 2's visual tower (Tschannen et al. 2025) of a size, without its pooling head. */
export const siglip2Config = (
  sizes: Pick<VitConfig, 'patch' | 'dim' | 'depth' | 'heads' | 'hidden'> & { grid: number },
): VitConfig => {
  const { grid, ...rest } = sizes;
  return {
    ...rest,
    positions: { grid, resize: alignedBilinear },
    epsilon: 1e-6,
    classToken: false,
    activation: geluTanh,
  };
};

const sizes = [
  {
    name: 'siglip2-b16',
    model: 'ViT-B/16',
    hub: 'vit_base_patch16_siglip_224',
    patch: 16,
    grid: 14,
    dim: 768,
    depth: 12,
    heads: 12,
    hidden: 3072,
  },
  {
    name: 'siglip2-l16',
    model: 'ViT-L/16',
    hub: 'vit_large_patch16_siglip_256',
    patch: 16,
    grid: 16,
    dim: 1024,
    depth: 24,
    heads: 16,
    hidden: 4096,
  },
  {
    name: 'siglip2-so400m14',
    model: 'ViT-So400m/14',
    hub: 'vit_so400m_patch14_siglip_224',
    patch: 14,
    grid: 16,
    dim: 1152,
    depth: 27,
    heads: 16,
    hidden: 4304,
  },
  {
    name: 'siglip2-g16',
    model: 'ViT-g-opt/16',
    hub: 'vit_giantopt_patch16_siglip_256',
    patch: 16,
    grid: 16,
    dim: 1536,
    depth: 40,
    heads: 16,
    hidden: 6144,
  },
];

export const siglip2Family: BackboneFamily = {
  title: 'SigLIP 2',
  notes: `The visual tower of SigLIP 2, fixed-resolution variants: no class token, GELU in its tanh form. Features are the patch
tokens after the last norm; the pooling head in the file is left alone. Positions are resized bilinearly with aligned
corners, as the original does for other resolutions.`,
  backbones: sizes.map(({ name, model, hub, ...config }) =>
    vitEntry({
      name,
      description: `SigLIP 2's visual tower, ${model}.`,
      paper:
        'Tschannen et al. 2025, "SigLIP 2: Multilingual Vision-Language Encoders with Improved Semantic Understanding, Localization, and Dense Features", arXiv 2502.14786',
      licence: 'Apache-2.0',
      hub: `timm/${hub}.v2_webli`,
      normalisation: HALF,
      config: siglip2Config(config),
      layouts: siglip2Layouts,
    }),
  ),
};
