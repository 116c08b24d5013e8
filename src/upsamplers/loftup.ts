import { inTurn } from '../graph/in-turn.ts';
import { expand, reshape } from '../graph/ops/basic.ts';
import { add, cos, div, gelu, maximum, mul, neg, relu, sin, sub } from '../graph/ops/elementwise.ts';
import { after, concat, slice, transpose } from '../graph/ops/layout.ts';
import { matmul, resample } from '../graph/ops/linear.ts';
import { softmax } from '../graph/ops/reduce.ts';
import { constant, count, type Tensor } from '../graph/tensor.ts';
import { mergeHeads } from '../nn/attention.ts';
import { batchNorm } from '../nn/batch-norm.ts';
import { channelNorm, conv, layerNorm, linear, toTokens } from '../nn/layers.ts';
import { bicubic } from '../nn/resize.ts';
import type { Scope } from '../nn/scope.ts';
import { type AttentionOptions, chunks, holding, inProjection, scores, toHeads } from './attention.ts';
import { pooled } from './encoder.ts';
import { linspace } from './positions.ts';
import type { Upsampler } from './types.ts';

interface LoftUpOptions extends AttentionOptions {
  /** Positions of the cells: waves beside the features, or a learned 16x16 grid added to them. */
  positions?: 'sine' | 'learnable';
  /**
   * Colours are scaled to the range of all images of the batch, as the original does, not of each image. With it, what
   * an image gives depends on the others.
   */
  batchRange?: boolean;
}

const HEADS = 4;
const LAYERS = 2;
const WAVES = 20;
const LOW_WAVES = 5;
const LEARNED_SIDE = 16;

/**
 * LoftUp (Huang et al. 2025, "LoftUp: Learning a Coordinate-Based Feature Upsampler for Vision Foundation Models", arXiv
 * 2504.14032): pixels, told by waves of place and colour, attend to all cells twice. Parameters are named as in the
 * official checkpoints: `upsampler.first_conv.1.weight`, `channelnorm.norm.weight` ...
 *
 * @param features [B,C,h,w].
 * @param image [B,3,any,any], ImageNet-normalised; brought to the output's size by averaging.
 * @param size [H,W] of the output.
 * @returns [B,C,H,W].
 */
export function loftUp(
  features: Tensor,
  image: Tensor,
  size: readonly [number, number],
  scope: Scope,
  { positions = 'sine', batchRange = false, ...options }: LoftUpOptions = {},
): Tensor {
  const [b, c] = features.shape;
  const own = scope.at('upsampler');
  const sine = positions === 'sine';
  const width = sine ? c + 4 * LOW_WAVES : c;
  const layers = Array.from({ length: LAYERS }, (_, i) => own.at(`ca_transformer.layers.${i}`));

  const pixels = toTokens(pixelQueries(scaledColours(pooled(image, size), batchRange), own, width));
  const projected = (x: Tensor, layer: Scope, norm: string, part: 0 | 1 | 2) => {
    const normal = layerNorm(x, layer.at(norm), 1e-5);
    return toHeads(inProjection(normal, layer.at('attention'), part, width), HEADS);
  };
  const firstQueries = projected(pixels, layers[0].at('0'), 'norm_q', 0);

  const cells = toTokens(withPositions(channelNorm(features, scope.at('channelnorm.norm'), 1e-5), own, positions));
  const sides = layers.map(layer => ({
    keys: projected(cells, layer.at('0'), 'norm_kv', 1),
    values: projected(cells, layer.at('0'), 'norm_kv', 2),
  }));

  const { ranges, keep } = chunks(count(size), 4 * b * LAYERS * HEADS * cells.shape[1], options, { width: size[1] });
  let last: Tensor | undefined;
  const parts = ranges.map(({ start, length }) => {
    let [x] = inTurn([slice(pixels, 1, start, length)], last);
    let queries = slice(firstQueries, 2, start, length);
    // the gradient to these comes last of a chunk's: no other chunk before it
    if (last) queries = after(queries, last);
    layers.forEach((layer, i) => {
      if (i > 0) queries = projected(x, layer.at('0'), 'norm_q', 0);
      const attended = mergeHeads(attention(queries, sides[i].keys, sides[i].values, keep));
      x = add(x, linear(attended, layer.at('0.attention.out_proj'), width));
      x = add(x, feedForward(x, layer.at('1.net'), c));
    });
    const y = finished(layerNorm(x, own.at('ca_transformer.norm'), 1e-5), own, c, sine);
    last = transpose(y, [0, 2, 1]);
    return last;
  });
  return reshape(concat(parts, 2), [b, c, ...size]);
}

function attention(queries: Tensor, keys: Tensor, values: Tensor, keep: boolean): Tensor {
  const held = holding(queries, keep);
  return matmul(held(softmax(held(scores(queries, keys)))), values);
}

function feedForward(x: Tensor, scope: Scope, inner: number): Tensor {
  const hidden = gelu(linear(layerNorm(x, scope.at('0'), 1e-5), scope.at('1'), inner));
  return linear(hidden, scope.at('4'), x.shape[2]);
}

/** The last layers, token by token: [B,N,width] -> [B,N,C]. */
function finished(x: Tensor, scope: Scope, c: number, sine: boolean): Tensor {
  if (!sine) return layerNorm(x, scope.at('final_conv'), 1e-6);
  const own = scope.at('final_conv');
  const [b, n, width] = x.shape;
  const weight = reshape(own.at('0').get('weight', [c, width, 1, 1]), [c, width]);
  const mixed = reshape(matmul(reshape(x, [b * n, width]), weight, { transB: true }), [b, n, c]);
  return layerNorm(add(mixed, own.at('0').get('bias', [c])), own.at('1'), 1e-6);
}

/** What pixels attend with: [B,3,H,W], scaled -> [B,width,H,W]. */
function pixelQueries(colours: Tensor, scope: Scope, width: number): Tensor {
  const own = scope.at('first_conv');
  const seen = channelNorm(pixelWaves(colours, scope), own.at('0.norm'), 1e-5);
  const layer = (x: Tensor, i: number) =>
    relu(batchNorm(conv(x, own.at(String(i)), { out: width, kernel: 3, padding: 1 }), own.at(String(i + 1))));
  return layer(layer(seen, 1), 4);
}

/** Every channel's range brought to -.5 .. .5, [B,3,H,W]. */
export function scaledColours(image: Tensor, batchRange: boolean): Tensor {
  const [b, c, h, w] = image.shape;
  const groups = batchRange ? [1, b] : [b, 1];
  const flat = transpose(reshape(image, [...groups, c, h * w]), [0, 2, 1, 3]);
  const values = reshape(flat, [groups[0], c, groups[1] * h * w]);
  const high = reshape(largest(values), [groups[0], c, 1, 1]);
  const low = neg(reshape(largest(neg(values)), [groups[0], c, 1, 1]));
  return sub(div(sub(image, low), maximum(sub(high, low), 1e-4)), 0.5);
}

/** The largest number along the last axis, which becomes 1: halves compared, then halves of these. */
function largest(x: Tensor): Tensor {
  const axis = x.shape.length - 1;
  const n = x.shape[axis];
  if (n === 1) return x;
  const half = Math.ceil(n / 2);
  return largest(maximum(slice(x, axis, 0, half), slice(x, axis, n - half, half)));
}

/** [B,203,H,W]: sines and cosines of row, column, red, green and blue at 20 frequencies, and the colours. */
export function pixelWaves(colours: Tensor, scope: Scope): Tensor {
  const phases = scope.at('fourier_feat.1').get('biases', [2, 5, WAVES]);
  return concat([...waves(colours.shape, WAVES, phases, colours), colours], 1);
}

/** [B,20,h,w]: sines and cosines of row and column at 5 frequencies. */
export const cellWaves = (shape: readonly number[], scope: Scope): Tensor =>
  concat(waves(shape, LOW_WAVES, scope.at('lr_pe').get('biases', [2, 2, LOW_WAVES])), 1);

export interface WaveOptions {
  /** Logarithm of the highest frequency, in radians per unit; 10 by default. */
  highest?: number;
  /** -1 and 1 are the borders of the map, not the centres of its outermost pixels: grids of several sizes agree. */
  borders?: boolean;
}

/**
 * Sines and cosines [B,n*D,H,W], frequency by frequency, of D coordinates: row and column in -1..1, then colours.
 *
 * @param phases [2,D,n], taken in the order of memory as [2,n,D], as the original does.
 */
export function waves(
  [b, , h, w]: readonly number[],
  n: number,
  phases: Tensor,
  colours?: Tensor,
  { highest = 10, borders = false }: WaveOptions = {},
): [Tensor, Tensor] {
  const d = phases.shape[1];
  const frequencies = linspace(-2, highest, n).map(Math.exp);
  const places = (size: number, shape: readonly number[]) => {
    const end = borders ? 1 - 1 / size : 1;
    const grid = linspace(-end, end, size);
    const data = Float32Array.from({ length: n * size }, (_, i) => frequencies[Math.floor(i / size)] * grid[i % size]);
    return constant(data, shape);
  };
  const wave = (i: 0 | 1, f: typeof sin) => {
    const phase = reshape(slice(phases, 0, i, 1), [1, n, d, 1, 1]);
    const along = (x: Tensor, coordinate: number) => expand(f(add(x, slice(phase, 2, coordinate, 1))), [b, n, 1, h, w]);
    const parts = [along(places(h, [1, n, 1, h, 1]), 0), along(places(w, [1, n, 1, 1, w]), 1)];
    if (colours) {
      const scaled = mul(reshape(colours, [b, 1, 3, h, w]), constant(frequencies, [1, n, 1, 1, 1]));
      parts.push(f(add(scaled, slice(phase, 2, 2, 3))));
    }
    return reshape(concat(parts, 2), [b, n * d, h, w]);
  };
  return [wave(0, sin), wave(1, cos)];
}

function withPositions(features: Tensor, scope: Scope, positions: 'sine' | 'learnable'): Tensor {
  const [, c, h, w] = features.shape;
  if (positions === 'sine') return concat([features, cellWaves(features.shape, scope)], 1);
  const side = LEARNED_SIDE;
  const learned = reshape(transpose(scope.get('lr_pe', [1, side * side, c]), [0, 2, 1]), [1, c, side, side]);
  const sized = h === side && w === side ? learned : resample(learned, bicubic(side, h), bicubic(side, w));
  return add(features, sized);
}

const hub = (name: string) => ({ file: { hub: `haiwen/loftup-${name}`, name: 'pytorch_model.bin' } });

export const loftUpUpsampler: Upsampler = {
  name: 'loftup',
  description: 'LoftUp: pixels, told by place and colour, attend to all cells twice',
  source: 'Huang et al. 2025, arXiv 2504.14032; github.com/andrehuang/loftup',
  licence: 'MIT',
  learned: true,
  linear: false,
  agnostic: false,
  ratio: 'any',
  trainedAs: 'loftup',
  weights: {
    'dinov2-s14': hub('dinov2s'),
    'dinov2-b14': hub('dinov2b'),
    'dinov2-s14-reg': hub('dinov2s_reg'),
    'dinov2-b14-reg': hub('dinov2b_reg'),
    'clip-b16': hub('clip'),
    'siglip2-b16': hub('siglip2'),
  },
  upsample: (features, image, size, scope, options) => loftUp(features, image, size, scope, options),
};
