import { quickGelu } from '../graph/ops/elementwise.ts';
import { layout, unchanged } from '../weights/layout.ts';
import { vitEntry } from './entry.ts';
import { offsetBicubic } from './positions.ts';
import type { BackboneFamily } from './types.ts';
import type { VitConfig } from './vit.ts';
import { vitNames } from './vit-names.ts';

const NORMALISATION = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
} as const;

const originalBlock = 'transformer.resblocks.#';
const huggingFaceBlock = 'vision_model.encoder.layers.#';

/** Layouts of CLIP's visual tower. */
export const clipLayouts = [
  layout('timm', { ...vitNames, ...unchanged('norm_pre.*'), proj: { names: ['head.weight'], transposed: true } }),
  layout('original', {
    cls_token: 'class_embedding',
    pos_embed: 'positional_embedding',
    'patch_embed.proj.*': 'conv1.*',
    'norm_pre.*': 'ln_pre.*',
    'blocks.#.norm1.*': `${originalBlock}.ln_1.*`,
    'blocks.#.attn.qkv.weight': `${originalBlock}.attn.in_proj_weight`,
    'blocks.#.attn.qkv.bias': `${originalBlock}.attn.in_proj_bias`,
    'blocks.#.attn.proj.*': `${originalBlock}.attn.out_proj.*`,
    'blocks.#.norm2.*': `${originalBlock}.ln_2.*`,
    'blocks.#.mlp.fc1.*': `${originalBlock}.mlp.c_fc.*`,
    'blocks.#.mlp.fc2.*': `${originalBlock}.mlp.c_proj.*`,
    'norm.*': 'ln_post.*',
    proj: 'proj',
  }),
  layout('Hugging Face', {
    cls_token: 'vision_model.embeddings.class_embedding',
    pos_embed: 'vision_model.embeddings.position_embedding.weight',
    'patch_embed.proj.*': 'vision_model.embeddings.patch_embedding.*',
    'norm_pre.*': 'vision_model.pre_layrnorm.*',
    'blocks.#.norm1.*': `${huggingFaceBlock}.layer_norm1.*`,
    'blocks.#.attn.qkv.*': ['q', 'k', 'v'].map(part => `${huggingFaceBlock}.self_attn.${part}_proj.*`),
    'blocks.#.attn.proj.*': `${huggingFaceBlock}.self_attn.out_proj.*`,
    'blocks.#.norm2.*': `${huggingFaceBlock}.layer_norm2.*`,
    'blocks.#.mlp.fc1.*': `${huggingFaceBlock}.mlp.fc1.*`,
    'blocks.#.mlp.fc2.*': `${huggingFaceBlock}.mlp.fc2.*`,
    'norm.*': 'vision_model.post_layernorm.*',
    proj: { names: ['visual_projection.weight'], transposed: true },
  }),
];

/** CLIP's visual tower (Radford et al. 2021) of a size. */
export const clipConfig = (
  sizes: Pick<VitConfig, 'patch' | 'dim' | 'depth' | 'heads' | 'projection'> & { grid: number },
): VitConfig => {
  const { grid, ...rest } = sizes;
  return {
    ...rest,
    positions: { grid, resize: offsetBicubic },
    epsilon: 1e-5,
    preNorm: true,
    activation: quickGelu,
  };
};

const base = { dim: 768, depth: 12, heads: 12, projection: 512 };
const large = { dim: 1024, depth: 24, heads: 16, projection: 768 };

const sizes = [
  { size: 'b32', model: 'ViT-B/32', hub: 'vit_base_patch32_clip_224', patch: 32, grid: 7, ...base },
  { size: 'b16', model: 'ViT-B/16', hub: 'vit_base_patch16_clip_224', patch: 16, grid: 14, ...base },
  { size: 'l14', model: 'ViT-L/14', hub: 'vit_large_patch14_clip_224', patch: 14, grid: 16, ...large },
  { size: 'l14-336', model: 'ViT-L/14, 336 px', hub: 'vit_large_patch14_clip_336', patch: 14, grid: 24, ...large },
];

const common = {
  licence: 'MIT',
  file: 'open_clip_model.safetensors',
  normalisation: NORMALISATION,
  layouts: clipLayouts,
};

export const clipFamily: BackboneFamily = {
  title: 'CLIP',
  notes: `The visual tower of OpenAI's CLIP: a norm in front of the blocks, QuickGELU, no bias in the patch embedding. Features are
the patch tokens after the last norm, without the projection to the space of texts. The published network is for one
size; positions are resized as MaskCLIP does it, bicubically with the scale (n+.1)/n of the trained grid.`,
  backbones: sizes.map(({ size, model, hub, ...config }) =>
    vitEntry({
      ...common,
      name: `clip-${size}`,
      description: `CLIP's visual tower, ${model}.`,
      paper:
        'Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision", arXiv 2103.00020',
      hub: `timm/${hub}.openai`,
      config: clipConfig(config),
    }),
  ),
};

export const maskClipFamily: BackboneFamily = {
  title: 'MaskCLIP',
  notes: `CLIP's visual tower (the same files), its last block reduced to the value path: norm, values, output projection; no
attention, no residual, no MLP. Then the last norm and the projection to the space of texts. With early clicks on an image
that is not square, the benchmark's code takes height for width in resizing positions; here it is not so.`,
  backbones: sizes.map(({ size, model, hub, ...config }) =>
    vitEntry({
      ...common,
      name: `maskclip-${size}`,
      description: `MaskCLIP: dense features of CLIP ${model} in the space of texts.`,
      paper: 'Zhou et al. 2022, "Extract Free Dense Labels from CLIP", arXiv 2112.01071',
      hub: `timm/${hub}.openai`,
      config: clipConfig(config),
      kind: 'value',
    }),
  ),
};
