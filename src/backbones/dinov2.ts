import type { Tensor } from '../graph/tensor.ts';
import { IMAGENET } from '../nn/imagenet.ts';
import type { Scope } from '../nn/scope.ts';
import { layout, unchanged } from '../weights/layout.ts';
import { vitEntry } from './entry.ts';
import { antialiasedBicubic, offsetBicubic } from './positions.ts';
import type { BackboneFamily } from './types.ts';
import { type VitConfig, vit } from './vit.ts';
import { vitNames } from './vit-names.ts';

export interface DinoV2Config {
  patch: number;
  dim: number;
  depth: number;
  heads: number;
  /** Side of the grid that the position embedding was trained on. */
  positions: number;
  /** Register tokens; with them positions are resized with antialiasing and without the offset. */
  registers?: number;
  /** SwiGLU with that many channels inside, in place of the MLP. */
  swiGlu?: number;
}

const whole = ({ positions, registers = 0, swiGlu, ...sizes }: DinoV2Config): VitConfig => ({
  ...sizes,
  positions: { grid: positions, resize: registers > 0 ? antialiasedBicubic : offsetBicubic },
  registers,
  epsilon: 1e-6,
  layerScale: true,
  ...(swiGlu !== undefined && { gated: true, hidden: swiGlu }),
});

/**
 * DINOv2's vision transformer (Oquab et al. 2023; registers: Darcet et al. 2024), parameters named as in its
 * repository: normalised patch tokens [B,dim,H/patch,W/patch] of a normalised image [B,3,H,W].
 *
 * @param clicks [B,dim,H/patch,W/patch], added to the patch tokens before class token and position embedding.
 */
export const dinoV2 = (image: Tensor, scope: Scope, config: DinoV2Config, clicks?: Tensor): Tensor =>
  vit(image, scope, whole(config), clicks);

/** Position embedding [1,1+h*w,dim] of a grid of h x w. */
export function positionEmbedding(scope: Scope, config: DinoV2Config, h: number, w: number): Tensor {
  const { grid, resize } = whole(config).positions!;
  return resize(scope.get('pos_embed', [1, 1 + grid * grid, config.dim]), grid, h, w);
}

const block = 'encoder.layer.#';

const layerScale = unchanged('blocks.#.ls1.gamma', 'blocks.#.ls2.gamma');

const timm = {
  ...vitNames,
  ...layerScale,
  'blocks.#.mlp.w12.*': 'blocks.#.mlp.fc1.*',
  'blocks.#.mlp.w3.*': 'blocks.#.mlp.fc2.*',
  register_tokens: 'reg_token',
};

export const dinoV2Layouts = [
  layout('original', {
    ...vitNames,
    ...layerScale,
    ...unchanged('register_tokens', 'blocks.#.mlp.w12.*', 'blocks.#.mlp.w3.*'),
  }),
  layout('timm', timm),
  // with registers, timm adds the class token's position to the class token
  layout('timm', { ...timm, pos_embed: { names: [null, 'pos_embed'], first: 1 } }),
  layout('Hugging Face', {
    cls_token: 'embeddings.cls_token',
    register_tokens: 'embeddings.register_tokens',
    pos_embed: 'embeddings.position_embeddings',
    'patch_embed.proj.*': 'embeddings.patch_embeddings.projection.*',
    'blocks.#.norm1.*': `${block}.norm1.*`,
    'blocks.#.attn.qkv.*': ['query', 'key', 'value'].map(part => `${block}.attention.attention.${part}.*`),
    'blocks.#.attn.proj.*': `${block}.attention.output.dense.*`,
    'blocks.#.ls1.gamma': `${block}.layer_scale1.lambda1`,
    'blocks.#.norm2.*': `${block}.norm2.*`,
    'blocks.#.mlp.fc1.*': `${block}.mlp.fc1.*`,
    'blocks.#.mlp.fc2.*': `${block}.mlp.fc2.*`,
    'blocks.#.mlp.w12.*': `${block}.mlp.weights_in.*`,
    'blocks.#.mlp.w3.*': `${block}.mlp.weights_out.*`,
    'blocks.#.ls2.gamma': `${block}.layer_scale2.lambda1`,
    'norm.*': 'layernorm.*',
  }),
];

const sizes = {
  s14: { model: 'ViT-S/14', hub: 'small', dim: 384, depth: 12, heads: 6 },
  b14: { model: 'ViT-B/14', hub: 'base', dim: 768, depth: 12, heads: 12 },
  l14: { model: 'ViT-L/14', hub: 'large', dim: 1024, depth: 24, heads: 16 },
  g14: { model: 'ViT-g/14', hub: 'giant', dim: 1536, depth: 40, heads: 24, swiGlu: 4096 },
};

function entry(size: keyof typeof sizes, registers: number) {
  const { model, hub, ...config } = sizes[size];
  return vitEntry({
    name: `dinov2-${size}${registers > 0 ? '-reg' : ''}`,
    description: `DINOv2 ${model}, self-supervised, ${registers > 0 ? `with ${registers} registers` : 'without registers'}.`,
    paper:
      'Oquab et al. 2023, "DINOv2: Learning Robust Visual Features without Supervision", arXiv 2304.07193' +
      (registers > 0 ? '; Darcet et al. 2024, "Vision Transformers Need Registers", arXiv 2309.16588' : ''),
    licence: 'Apache-2.0',
    hub: registers > 0 ? `facebook/dinov2-with-registers-${hub}` : `facebook/dinov2-${hub}`,
    normalisation: IMAGENET,
    config: whole({ patch: 14, positions: 37, registers, ...config }),
    layouts: dinoV2Layouts,
  });
}

const names = Object.keys(sizes) as (keyof typeof sizes)[];

export const dinoV2Family: BackboneFamily = {
  title: 'DINOv2',
  notes: `Self-supervised ViTs with LayerScale; ViT-g has SwiGLU in place of the MLP. The paper's main backbone is \`dinov2-s14\`.

- **Positions** were trained on a grid of 37 x 37 (518 px). Without registers they are resized bicubically with the scale
  (n+.1)/37, with registers by an antialiased bicubic filter to the size asked for, as the original does either.
- **Registers** stand between class token and patches and are dropped from the features.`,
  backbones: [...names.map(size => entry(size, 0)), ...names.map(size => entry(size, 4))],
};
