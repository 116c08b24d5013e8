import type { Random } from '../base/random.ts';
import type { RgbImage } from '../base/raster.ts';
import { add, detach, mul } from '../graph/ops/elementwise.ts';
import { resample } from '../graph/ops/linear.ts';
import type { Tensor } from '../graph/tensor.ts';
import { adaptiveAverage } from '../nn/resize.ts';
import { anyUp } from '../upsamplers/anyup.ts';
import { part, resized } from './cut.ts';
import { cosineAndRangedLoss } from './losses.ts';
import type { Method } from './method.ts';
import { taken, viewed } from './view.ts';

const CROPS = 4;
const REGULARISER = 0.1;

/**
 * AnyUp (Wimmer et al. 2025, section 3.3; its released code): of the image at half its size the features are upsampled to
 * the grid of the image, and compared with the features of crops of it. Two regularisers: a changed image must not change
 * what comes out, and made smaller it must be what went in.
 */
export const anyUpTraining: Method = {
  upsampler: 'anyup',
  stage: 1,
  objective: 'the features of local crops; cosine + min-max MSE, consistency in image and features',
  optimiser: { rate: 2e-4, weightDecay: 0.01 },
  defaults: { size: 224, batch: 2 },
  cut: size => 2 * size,
  draw({ image }, random, { size, backbone: { stride } }) {
    const [cells, all] = [size / stride, (2 * size) / stride];
    const low = resized(image, size);
    const images: Record<string, RgbImage> = { low, changed: changedColours(low, random) };
    const arrays: Record<string, Float32Array> = {};
    for (let i = 0; i < CROPS; i++) {
      const [row, column] = [random.integer(0, all - cells), random.integer(0, all - cells)];
      images[`crop${i}`] = part(image, column * stride, row * stride, size);
      arrays[`down${i}`] = taken(all, row, cells);
      arrays[`across${i}`] = taken(all, column, cells);
    }
    return { images, arrays };
  },
  loss(given) {
    const { size, own, backbone } = given;
    const [cells, all] = [size / backbone.stride, (2 * size) / backbone.stride];
    const features = given.features('low', size);
    const image = given.image('low', size);
    const map = anyUp(features, image, [all, all], own);
    const crops = Array.from({ length: CROPS }, (_, i) =>
      joint(
        viewed(map, given.array(`down${i}`, [cells, all]), given.array(`across${i}`, [cells, all])),
        given.features(`crop${i}`, size),
      ),
    );
    const fine = [size / 2, size / 2] as const;
    const unchanged = detach(anyUp(features, image, fine, own));
    const parts = {
      crops: mul(
        crops.reduce((total, crop) => add(total, crop)),
        1 / CROPS,
      ),
      image: joint(anyUp(features, given.image('changed', size), fine, own), unchanged),
      features: joint(resample(map, adaptiveAverage(all, cells), adaptiveAverage(all, cells)), features),
    };
    return { total: add(parts.crops, mul(add(parts.image, parts.features), REGULARISER)), parts };
  },
};

function joint(map: Tensor, target: Tensor): Tensor {
  const { cosine, ranged } = cosineAndRangedLoss(map, target);
  return add(cosine, ranged);
}

/** Another contrast and brightness of every channel, and a little noise. */
function changedColours({ width, height, data }: RgbImage, random: Random): RgbImage {
  const contrast = random.uniform(0.6, 1.4);
  const brightness = [0, 1, 2].map(() => random.uniform(-40, 40));
  const noise = random.uniform(0, 10);
  const out = Uint8Array.from(data, (value, i) => {
    const level = 128 + (value - 128) * contrast + brightness[i % 3] + random.uniform(-noise, noise);
    return Math.min(255, Math.max(0, Math.round(level)));
  });
  return { width, height, data: out };
}
