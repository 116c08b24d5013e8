import { reshape } from '../graph/ops/basic.ts';
import { add } from '../graph/ops/elementwise.ts';
import { transpose } from '../graph/ops/layout.ts';
import { matmul, resample } from '../graph/ops/linear.ts';
import type { Tensor } from '../graph/tensor.ts';
import { attend, mergeHeads, splitHeads } from '../nn/attention.ts';
import { transformerBlock } from '../nn/block.ts';
import { IMAGENET } from '../nn/imagenet.ts';
import { linear, patchEmbed } from '../nn/layers.ts';
import { byOffset } from '../nn/offsets.ts';
import { bilinear } from '../nn/resize.ts';
import type { Scope } from '../nn/scope.ts';
import { fromWindows, toWindows } from '../nn/windows.ts';
import { layout, without } from '../weights/layout.ts';
import { backboneEntry } from './entry.ts';
import { antialiasedBicubic } from './positions.ts';
import { samNeck } from './sam-neck.ts';
import type { BackboneFamily, FeatureChoice } from './types.ts';
import { vitNames } from './vit-names.ts';

export interface SamConfig {
  patch: number;
  dim: number;
  depth: number;
  heads: number;
  /** Side of the attention windows, in cells. */
  window: number;
  /** Blocks that attend to the whole grid. */
  global: readonly number[];
  /** Side of the grid that positions were trained on. */
  grid: number;
  neck: number;
}

const EPSILON = 1e-6;

/**
 * SAM's image encoder (Kirillov et al. 2023; ViTDet, Li et al. 2022): a ViT with windowed attention, decomposed
 * relative positions and a neck. Features [B,neck,H/patch,W/patch] of a normalised image [B,3,H,W].
 *
 * @param clicks [B,dim,H/patch,W/patch], added to the patch tokens before the position embedding.
 * @param choice with a block given, features are its output [B,dim,H/patch,W/patch], without the neck.
 */
export function samEncoder(
  image: Tensor,
  scope: Scope,
  config: SamConfig,
  clicks?: Tensor,
  { block }: FeatureChoice = {},
): Tensor {
  const { patch, dim, depth, window, global, grid, neck } = config;
  const patches = patchEmbed(image, scope.at('patch_embed.proj'), patch, dim);
  const [, , h, w] = patches.shape;
  const table = reshape(scope.get('pos_embed', [1, grid, grid, dim]), [1, grid * grid, dim]);
  const positions = reshape(antialiasedBicubic(table, grid, h, w), [1, h, w, dim]);
  let cells = add(transpose(clicks ? add(patches, clicks) : patches, [0, 2, 3, 1]), positions);
  for (let i = 0; i < (block ?? depth); i++) {
    const size = global.includes(i) ? undefined : window;
    cells = transformerBlock(cells, scope.at(`blocks.${i}`), { epsilon: EPSILON }, (x, at) =>
      attention(x, at, config, size),
    );
  }
  const map = transpose(cells, [0, 3, 1, 2]);
  return block === undefined ? samNeck(map, scope.at('neck'), neck) : map;
}

/** Over cells [B,H,W,C]; in windows where their size is given, else over all of them. */
function attention(cells: Tensor, scope: Scope, { heads, grid }: SamConfig, window?: number): Tensor {
  const [b, h, w, dim] = cells.shape;
  const [rows, columns] = window === undefined ? [h, w] : [window, window];
  const tokens = window === undefined ? reshape(cells, [b, h * w, dim]) : toWindows(cells, window);
  const [q, k, v] = splitHeads(linear(tokens, scope.at('qkv'), 3 * dim), heads);
  const stored = 2 * (window ?? grid) - 1;
  const bias = relativeBias(
    q,
    offsets(scope.get('rel_pos_h', [stored, dim / heads]), rows),
    offsets(scope.get('rel_pos_w', [stored, dim / heads]), columns),
  );
  const attended = linear(mergeHeads(attend(q, k, v, bias)), scope.at('proj'), dim);
  return window === undefined ? reshape(attended, cells.shape) : fromWindows(attended, cells.shape);
}

/** Embeddings of offsets [stored,d], spread over the pairs of n positions: [n,n,d]; resized linearly where n is another. */
function offsets(table: Tensor, n: number): Tensor {
  const [stored, d] = table.shape;
  const size = 2 * n - 1;
  const resized = stored === size ? table : resample(table, bilinear(stored, size, { alignCorners: false }), undefined);
  return reshape(byOffset(reshape(resized, [1, size, d])), [n, n, d]);
}

/** q [B,heads,N,d] against the embeddings [h,h,d] and [w,w,d] of its offset in rows and in columns: [B,heads,N,N]. */
function relativeBias(q: Tensor, vertical: Tensor, horizontal: Tensor): Tensor {
  const [b, heads, n, d] = q.shape;
  const [h, w] = [vertical.shape[0], horizontal.shape[0]];
  const queries = reshape(q, [b * heads, h, w, d]);
  const rows = matmul(queries, vertical, { transB: true });
  const columns = transpose(matmul(transpose(queries, [0, 2, 1, 3]), horizontal, { transB: true }), [0, 2, 1, 3]);
  const both = add(reshape(rows, [b * heads, h, w, h, 1]), reshape(columns, [b * heads, h, w, 1, w]));
  return reshape(both, [b, heads, n, n]);
}

const names = {
  ...without(vitNames, 'cls_token', 'norm.*'),
  'blocks.#.attn.rel_pos_h': 'blocks.#.attn.rel_pos_h',
  'blocks.#.attn.rel_pos_w': 'blocks.#.attn.rel_pos_w',
  'neck.#.*': 'neck.#.*',
};

export const samLayouts = [
  layout('timm', names),
  layout('original', {
    ...names,
    'blocks.#.mlp.fc1.*': 'blocks.#.mlp.lin1.*',
    'blocks.#.mlp.fc2.*': 'blocks.#.mlp.lin2.*',
  }),
  layout('Hugging Face', {
    pos_embed: 'pos_embed',
    'patch_embed.proj.*': 'patch_embed.projection.*',
    'blocks.#.norm1.*': 'layers.#.layer_norm1.*',
    'blocks.#.attn.qkv.*': 'layers.#.attn.qkv.*',
    'blocks.#.attn.proj.*': 'layers.#.attn.proj.*',
    'blocks.#.attn.rel_pos_h': 'layers.#.attn.rel_pos_h',
    'blocks.#.attn.rel_pos_w': 'layers.#.attn.rel_pos_w',
    'blocks.#.norm2.*': 'layers.#.layer_norm2.*',
    'blocks.#.mlp.fc1.*': 'layers.#.mlp.lin1.*',
    'blocks.#.mlp.fc2.*': 'layers.#.mlp.lin2.*',
    'neck.0.*': 'neck.conv1.*',
    'neck.1.*': 'neck.layer_norm1.*',
    'neck.2.*': 'neck.conv2.*',
    'neck.3.*': 'neck.layer_norm2.*',
  }),
];

const sizes = [
  { name: 'sam-b', model: 'ViT-B', hub: 'base', dim: 768, depth: 12, heads: 12, global: [2, 5, 8, 11] },
  { name: 'sam-l', model: 'ViT-L', hub: 'large', dim: 1024, depth: 24, heads: 16, global: [5, 11, 17, 23] },
  { name: 'sam-h', model: 'ViT-H', hub: 'huge', dim: 1280, depth: 32, heads: 16, global: [7, 15, 23, 31] },
];

export const samFamily: BackboneFamily = {
  title: 'SAM',
  notes: `The image encoder of Segment Anything: a ViT with attention in windows of 14 x 14 cells, four blocks that attend to the
whole grid, and a neck to 256 channels. Being trained for promptable segmentation, it is not neutral for a click probe.

- **Sizes.** The original takes 1024 px alone. At other sizes the position embedding is resized as timm does it (bicubic,
  antialiased) and the relative positions of the global blocks linearly, as the original's own rule says.
- **Features** are those of the neck; \`@blockN\` gives a block's output, without the neck, in the channels of the ViT.
- **Scale.** MobileSAM was trained to give the features of ViT-H, so the probe multiplies by the same 12; for ViT-B and
  ViT-L that is assumed, not measured.`,
  backbones: sizes.map(({ name, model, hub, ...size }) => {
    const config: SamConfig = { patch: 16, window: 14, grid: 64, neck: 256, ...size };
    return backboneEntry({
      name,
      description: `The image encoder of Segment Anything, ${model}.`,
      paper: 'Kirillov et al. 2023, "Segment Anything", arXiv 2304.02643',
      licence: 'Apache-2.0',
      hub: `facebook/sam-vit-${hub}`,
      layouts: samLayouts,
      normalisation: IMAGENET,
      featureScale: ({ block }) => (block === undefined ? 12 : 1),
      stride: config.patch,
      dim: config.dim,
      channels: ({ block }) => (block === undefined ? config.neck : config.dim),
      blocks: config.depth,
      kinds: [],
      network: (image, scope, clicks, choice) => samEncoder(image, scope, config, clicks, choice),
    });
  }),
};
