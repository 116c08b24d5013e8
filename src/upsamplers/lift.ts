import { relu } from '../graph/ops/elementwise.ts';
import { concat } from '../graph/ops/layout.ts';
import { resample } from '../graph/ops/linear.ts';
import type { Tensor } from '../graph/tensor.ts';
import { batchNorm } from '../nn/batch-norm.ts';
import { conv, doubled } from '../nn/layers.ts';
import { adaptiveMax } from '../nn/pooling.ts';
import { bilinear } from '../nn/resize.ts';
import type { Scope } from '../nn/scope.ts';
import { doublingsWithin } from './doubling.ts';
import type { PublishedWeights, Upsampler } from './types.ts';

/** Channels of the image's branch. */
const IMAGE = 32;

/**
 * LiFT (Suri et al. 2024, "LiFT: A Surprisingly Simple Lightweight Feature Transform for Dense ViT Descriptors", arXiv
 * 2403.14625): a small U-Net that doubles the resolution of features [B,C,h,w] with the help of the image [B,3,H,W],
 * ImageNet-normalised. Parameters are named as in its repository; BatchNorm by running statistics.
 *
 * @returns [B,C,2h,2w].
 */
export function lift(features: Tensor, image: Tensor, scope: Scope): Tensor {
  const [, c, h, w] = features.shape;
  const encoder = scope.at('image_convs_1');
  const half = normalised(image, encoder, 0, 2);
  // nothing to do for a patch of 8, pairs for 16, overlapping ranges for 14
  const fine = adaptiveMax(normalised(half, encoder, 3, 2), [2 * h, 2 * w]);
  const coarse = normalised(fine, scope.at('image_convs_2'), 0, 2);

  const inner = Math.floor((c + IMAGE) / 2);
  const raised = doubled(concat([features, coarse], 1), scope.at('up1.up'), inner);
  const joined = concat([raised, fine], 1);
  const double = scope.at('up1.conv_1.double_conv');
  const options = { out: Math.floor(c / 2), kernel: 3, padding: 1, bias: false };
  const first = relu(batchNorm(conv(joined, double.at('0'), options), double.at('1')));
  const second = relu(batchNorm(conv(first, double.at('3'), options), double.at('4')));
  return conv(second, scope.at('outc'), { out: c, kernel: 1 });
}

/**
 * LiFT again and again on its own output. Each step sees the image enlarged so that it has the same number of pixels
 * per cell as the first.
 */
export function liftRepeated(features: Tensor, image: Tensor, scope: Scope, steps: number): Tensor {
  const [height, width] = image.shape.slice(2);
  const half = { alignCorners: false };
  let x = features;
  for (let scale = 1; scale < 2 ** steps; scale *= 2) {
    const enlarged =
      scale === 1
        ? image
        : resample(image, bilinear(height, scale * height, half), bilinear(width, scale * width, half));
    x = lift(x, enlarged, scope);
  }
  return x;
}

/** A 3x3 convolution at `index`, BatchNorm after it, ReLU. */
function normalised(x: Tensor, scope: Scope, index: number, stride: number): Tensor {
  const y = conv(x, scope.at(`${index}`), { out: IMAGE, kernel: 3, padding: 1, stride });
  return relu(batchNorm(y, scope.at(`${index + 1}`)));
}

const FOLDER = 'https://drive.google.com/drive/folders/12Q8n_vur3njOgAO1iu0P6tDIcszrnadd';

/** A file of the folder that its authors name: nothing there has an address that a program could ask for. */
const drive = (name: string): PublishedWeights => ({
  file: { page: FOLDER, name },
  note: 'for the layer and kind of features that github.com/saksham-s/lift takes',
});

const record = {
  source: 'Suri et al. 2024, arXiv 2403.14625; github.com/saksham-s/lift',
  licence: 'MIT',
  learned: true,
  linear: false,
  agnostic: false,
  trainedAs: 'lift',
  weights: {
    'dino-s8': drive('lift_dino_vits8.pth'),
    'dino-s16': drive('lift_dino_vits16.pth'),
    'dino-b8': drive('lift_dino_vitb8.pth'),
    'dino-b16': drive('lift_dino_vitb16.pth'),
    'dinov2-s14': { file: { page: 'https://github.com/havrylovv/iSegProbe', name: 'LiFT (DINOv2 S/14)' } },
  },
};

/** One step, as published; the rest is bilinear. */
export const liftUpsampler: Upsampler = {
  ...record,
  name: 'lift',
  description: 'LiFT: a small U-Net on features and image, x2, the rest bilinear',
  ratio: 2,
  checkpoint: { alsoReads: ['lift-repeated'] },
  upsample: (features, image, _, scope) => lift(features, image, scope),
};

/** Its own output again, as long as that is no finer than asked for. */
export const liftToSize: Upsampler = {
  ...record,
  name: 'lift-repeated',
  description: 'LiFT again and again, the last step bilinear where the size is no power of 2 times the features',
  ratio: 'powers of 2',
  checkpoint: { alsoReads: ['lift'] },
  upsample(features, image, size, scope) {
    return liftRepeated(features, image, scope, doublingsWithin(features.shape.slice(2), size));
  },
};
