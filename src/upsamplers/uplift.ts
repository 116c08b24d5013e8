import { add, relu } from '../graph/ops/elementwise.ts';
import { concat, pad, slice, transpose } from '../graph/ops/layout.ts';
import { resample } from '../graph/ops/linear.ts';
import { softmax } from '../graph/ops/reduce.ts';
import type { Tensor } from '../graph/tensor.ts';
import { batchNorm } from '../nn/batch-norm.ts';
import { conv, doubled } from '../nn/layers.ts';
import { bilinear, nearest } from '../nn/resize.ts';
import type { Scope } from '../nn/scope.ts';
import { resampleInBlocks } from './bands.ts';
import { doublingsUpTo } from './doubling.ts';
import { kernelTiles, spreadTiles, squareTaps, type Tap, type Tiling } from './tiles.ts';
import type { Upsampler } from './types.ts';

/** Channels of the image encoder's blocks; the last two go to the decoder. */
const ENCODER = [16, 32, 64, 128, 128];
const DECODER = 64;
const TILING: Tiling = { cells: 2, reach: 2, factor: [2, 2] };

/** The cells that a pixel attends to: of the 5x5 around its own those next to it and every second one beyond. */
const TAPS: readonly Tap[] = squareTaps(2).filter(
  ([y, x]) => Math.max(Math.abs(y), Math.abs(x)) < 2 || (y % 2 === 0 && x % 2 === 0),
);

/**
 * UPLiFT (Walmer et al. 2026, "UPLiFT: Efficient Pixel-Dense Feature Upsampling with Local Attenders", arXiv 2601.17950):
 * each step doubles the resolution; every pixel is a convex sum of 17 cells around its own, with weights predicted from
 * features and image. Parameters are named as in its repository; BatchNorm by running statistics; the image is encoded
 * once for all steps, as the published models do.
 *
 * Weights over tiles take 36 numbers per pixel of a step, windows 32 MB at a time.
 *
 * @param features [B,C,h,w].
 * @param image [B,3,H,W], ImageNet-normalised.
 * @param patch the backbone's; the image is enlarged from 14 to 16 pixels per cell.
 * @returns [B, C, h*2^steps, w*2^steps].
 */
export function uplift(features: Tensor, image: Tensor, scope: Scope, steps: number, patch: number): Tensor {
  const [height, width] = image.shape.slice(2);
  const half = { alignCorners: false };
  const size = [height, width].map(n => Math.floor((n * 16) / 14));
  const seen = patch === 14 ? resample(image, bilinear(height, size[0], half), bilinear(width, size[1], half)) : image;
  const encoded = encode(seen, scope.at('encoder'));
  let x = features;
  for (let step = 0; step < steps; step++) x = attend(x, decode(x, encoded, scope.at('decoder')), scope.at('attender'));
  return x;
}

/** What the last two blocks of the encoder give, at the image's resolution. */
function encode(image: Tensor, scope: Scope): [Tensor, Tensor] {
  const maps = [image];
  for (const [i, out] of ENCODER.entries()) {
    const x = maps[i];
    const layers = scope.at(`block_${i}.blocks.0.conv`);
    const inner = conv3(x, layers, 0, out);
    maps.push(plusChannels(x, conv(inner, layers.at('3'), { out, kernel: 1 })));
  }
  return [maps[ENCODER.length - 1], maps[ENCODER.length]];
}

/** Guides [B,64,2h,2w] for features [B,C,h,w]. */
function decode(features: Tensor, [before, last]: readonly [Tensor, Tensor], scope: Scope): Tensor {
  const [h, w] = features.shape.slice(2);
  const low = doubleConv(concat([features, sampled(last, h, w)], 1), scope.at('block_0.blocks.0.conv'));
  const raised = doubled(low, scope.at('up_1.up'), DECODER);
  const aligned = { alignCorners: true };
  const high = add(raised, resample(low, bilinear(h, 2 * h, aligned), bilinear(w, 2 * w, aligned)));
  return doubleConv(concat([high, sampled(before, 2 * h, 2 * w)], 1), scope.at('block_1.blocks.0.conv'));
}

const sampled = (map: Tensor, h: number, w: number): Tensor =>
  resample(map, nearest(map.shape[2], h), nearest(map.shape[3], w));

/** The features at the guide's resolution, each pixel a sum over its taps. */
function attend(features: Tensor, guide: Tensor, scope: Scope): Tensor {
  const scores = plusChannels(guide, conv(guide, scope.at('conv1'), { out: TAPS.length, kernel: 1 }));
  const kernels = transpose(softmax(transpose(scores, [0, 2, 3, 1])), [0, 3, 1, 2]);
  return spreadTiles(features, kernelTiles(kernels, TAPS, TILING), TILING, { border: 'nearest' });
}

function doubleConv(x: Tensor, layers: Scope): Tensor {
  const inner = conv3(conv3(x, layers, 0, DECODER), layers, 3, DECODER);
  return plusChannels(x, conv(inner, layers.at('6'), { out: DECODER, kernel: 1 }));
}

/** A 3x3 convolution at `index`, BatchNorm after it, ReLU. */
const conv3 = (x: Tensor, layers: Scope, index: number, out: number): Tensor =>
  relu(
    batchNorm(conv(x, layers.at(`${index}`), { out, kernel: 3, padding: 1, bias: false }), layers.at(`${index + 1}`)),
  );

/** y + x, where x has fewer channels with zeros for the others, where it has more by its first ones. */
function plusChannels(x: Tensor, y: Tensor): Tensor {
  const [have, want] = [x.shape[1], y.shape[1]];
  return add(have < want ? pad(x, [[1, 0, want - have]]) : slice(x, 1, 0, want), y);
}

const hub = (name: string) => ({ file: { hub: `UPLiFT-upsampler/${name}`, name: `${name}.safetensors` } });

/** What it gives beyond the size asked for is brought to it bilinearly, as its authors do (without antialiasing). */
export const upliftUpsampler: Upsampler = {
  name: 'uplift',
  description: 'UPLiFT: pixels attend to 17 cells, x2 at a time, guided by an image encoder',
  source: 'Walmer et al. 2026, arXiv 2601.17950; github.com/mwalmer-umd/UPLiFT',
  licence: 'MIT',
  learned: true,
  linear: false,
  agnostic: false,
  ratio: 'powers of 2',
  trainedAs: 'uplift',
  weights: { 'dinov2-s14': hub('uplift_dinov2-s14'), 'dinov3-s16plus': hub('uplift_dinov3-splus16') },
  upsample(features, image, size, scope) {
    const cells = features.shape.slice(2);
    const patch = Math.round(image.shape[2] / cells[0]);
    const out = uplift(features, image, scope, doublingsUpTo(cells, size), patch);
    const [h, w] = out.shape.slice(2);
    const [height, width] = [Math.min(h, size[0]), Math.min(w, size[1])];
    if (h === height && w === width) return out;
    const half = { alignCorners: false };
    return resampleInBlocks(out, bilinear(h, height, half), bilinear(w, width, half));
  },
};
