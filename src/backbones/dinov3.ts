import { IMAGENET } from '../nn/imagenet.ts';
import { layout, unchanged, without } from '../weights/layout.ts';
import { vitEntry } from './entry.ts';
import type { BackboneFamily } from './types.ts';
import type { VitConfig } from './vit.ts';
import { vitNames } from './vit-names.ts';

const names = without(vitNames, 'pos_embed');

const timm = {
  ...without(names, 'blocks.#.attn.qkv.*'),
  register_tokens: 'reg_token',
  'blocks.#.attn.qkv.weight': 'blocks.#.attn.qkv.weight',
  'blocks.#.ls1.gamma': 'blocks.#.gamma_1',
  'blocks.#.ls2.gamma': 'blocks.#.gamma_2',
  'blocks.#.mlp.w12.*': ['blocks.#.mlp.fc1_g.*', 'blocks.#.mlp.fc1_x.*'],
  'blocks.#.mlp.w3.*': 'blocks.#.mlp.fc2.*',
};

const parts = (...which: (string | null)[]) => which.map(part => part && `layer.#.attention.${part}_proj`);

export const dinoV3Layouts = [
  layout('original', {
    ...names,
    ...unchanged('blocks.#.ls1.gamma', 'blocks.#.ls2.gamma'),
    register_tokens: 'storage_tokens',
    'blocks.#.mlp.w12.*': ['blocks.#.mlp.w1.*', 'blocks.#.mlp.w2.*'],
    'blocks.#.mlp.w3.*': 'blocks.#.mlp.w3.*',
  }),
  // the biases are zeros in most sizes, and left out there
  layout('timm', { ...timm, 'blocks.#.attn.qkv.bias': [null, null, null] }),
  layout('timm', { ...timm, 'blocks.#.attn.qkv.bias': ['blocks.#.attn.q_bias', null, 'blocks.#.attn.v_bias'] }),
  layout('Hugging Face', {
    cls_token: 'embeddings.cls_token',
    register_tokens: 'embeddings.register_tokens',
    'patch_embed.proj.*': 'embeddings.patch_embeddings.*',
    'blocks.#.norm1.*': 'layer.#.norm1.*',
    'blocks.#.attn.qkv.weight': parts('q', 'k', 'v').map(part => `${part}.weight`),
    'blocks.#.attn.qkv.bias': parts('q', null, 'v').map(part => part && `${part}.bias`),
    'blocks.#.attn.proj.*': 'layer.#.attention.o_proj.*',
    'blocks.#.ls1.gamma': 'layer.#.layer_scale1.lambda1',
    'blocks.#.norm2.*': 'layer.#.norm2.*',
    'blocks.#.mlp.fc1.*': 'layer.#.mlp.up_proj.*',
    'blocks.#.mlp.fc2.*': 'layer.#.mlp.down_proj.*',
    'blocks.#.mlp.w12.*': ['layer.#.mlp.gate_proj.*', 'layer.#.mlp.up_proj.*'],
    'blocks.#.mlp.w3.*': 'layer.#.mlp.down_proj.*',
    'blocks.#.ls2.gamma': 'layer.#.layer_scale2.lambda1',
    'norm.*': 'norm.*',
  }),
];

/** DINOv3's vision transformer (Simeoni et al. 2025) of a size: rotary positions, four registers, keys without bias. */
export const dinoV3Config = (
  sizes: Pick<VitConfig, 'patch' | 'dim' | 'depth' | 'heads' | 'gated' | 'hidden'>,
): VitConfig => ({
  ...sizes,
  registers: 4,
  keyBias: false,
  epsilon: 1e-5,
  layerScale: true,
});

const sizes = [
  { name: 'dinov3-s16', model: 'ViT-S/16', hub: 'small', dim: 384, depth: 12, heads: 6 },
  {
    name: 'dinov3-s16plus',
    model: 'ViT-S+/16',
    hub: 'small_plus',
    dim: 384,
    depth: 12,
    heads: 6,
    gated: true,
    hidden: 1536,
  },
  { name: 'dinov3-b16', model: 'ViT-B/16', hub: 'base', dim: 768, depth: 12, heads: 12 },
  { name: 'dinov3-l16', model: 'ViT-L/16', hub: 'large', dim: 1024, depth: 24, heads: 16 },
  {
    name: 'dinov3-h16plus',
    model: 'ViT-H+/16',
    hub: 'huge_plus',
    dim: 1280,
    depth: 32,
    heads: 20,
    gated: true,
    hidden: 5120,
  },
];

export const dinoV3Family: BackboneFamily = {
  title: 'DINOv3',
  notes: `ViTs distilled from a network of 7 billion parameters, with rotary positions in place of a table, so that no size is the
trained one; four registers; SwiGLU in S+ and H+. Trained on web images (LVD-1689M).

- **Rotation** uses exact float32 periods, as timm and transformers do; the original keeps them rounded to bfloat16.
- **Licence.** The DINOv3 licence is no open-source licence: read it before you use or pass on the weights.`,
  backbones: sizes.map(({ name, model, hub, ...config }) =>
    vitEntry({
      name,
      description: `DINOv3 ${model}, self-supervised, distilled from ViT-7B.`,
      paper: 'Simeoni et al. 2025, "DINOv3", arXiv 2508.10104',
      licence: 'DINOv3 License',
      hub: `timm/vit_${hub}_patch16_dinov3.lvd1689m`,
      normalisation: IMAGENET,
      config: dinoV3Config({ patch: 16, ...config }),
      layouts: dinoV3Layouts,
    }),
  ),
};
