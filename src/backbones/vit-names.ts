import { layout, unchanged } from '../weights/layout.ts';

/** Names of a plain vision transformer's parameters, which are timm's and those of most original repositories. */
export const vitNames = unchanged(
  'cls_token',
  'pos_embed',
  'patch_embed.proj.*',
  'blocks.#.norm1.*',
  'blocks.#.attn.qkv.*',
  'blocks.#.attn.proj.*',
  'blocks.#.norm2.*',
  'blocks.#.mlp.fc1.*',
  'blocks.#.mlp.fc2.*',
  'norm.*',
);

/** What relatives of the plain ViT have beside it. */
const relatives = unchanged(
  'dist_token',
  'reg_token',
  'register_tokens',
  'norm_pre.*',
  'blocks.#.ls1.gamma',
  'blocks.#.ls2.gamma',
);

const block = 'encoder.layer.#';

/** Layouts in which ViT, DeiT, DINO and MAE are published: timm's and the original's names are one. */
export const vitLayouts = [
  layout('timm', { ...vitNames, ...relatives }),
  layout('Hugging Face', {
    cls_token: 'embeddings.cls_token',
    dist_token: 'embeddings.distillation_token',
    pos_embed: 'embeddings.position_embeddings',
    'patch_embed.proj.*': 'embeddings.patch_embeddings.projection.*',
    'blocks.#.norm1.*': `${block}.layernorm_before.*`,
    'blocks.#.attn.qkv.*': ['query', 'key', 'value'].map(part => `${block}.attention.attention.${part}.*`),
    'blocks.#.attn.proj.*': `${block}.attention.output.dense.*`,
    'blocks.#.norm2.*': `${block}.layernorm_after.*`,
    'blocks.#.mlp.fc1.*': `${block}.intermediate.dense.*`,
    'blocks.#.mlp.fc2.*': `${block}.output.dense.*`,
    'norm.*': 'layernorm.*',
  }),
];
