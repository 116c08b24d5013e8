import { add } from '../graph/ops/elementwise.ts';
import { jafar } from '../upsamplers/jafar.ts';
import { resized } from './cut.ts';
import { cosineAndRangedLoss } from './losses.ts';
import type { Method, Setting } from './method.ts';

/** Sides of the image behind the low-res features, as shares of the image behind the target. The paper draws from .25 to .6. */
const SHARES = [0.25, 0.375, 0.5];

/** Whole cells, each side once. */
const lowSides = ({ size, backbone: { stride } }: Setting): number[] => [
  ...new Set(SHARES.map(share => Math.max(1, Math.round((2 * size * share) / stride)) * stride)),
];

/**
 * JAFAR (Couairon et al. 2025, section 3.3): features of a smaller image become those of the image at their own grid, low
 * ratios being enough. The upsampler sees the image at half the size of the target's.
 */
export const jafarTraining: Method = {
  upsampler: 'jafar',
  stage: 1,
  objective: 'features at 2 to 4 times the size; cosine + min-max MSE',
  optimiser: { rate: 2e-4, weightDecay: 0.01 },
  defaults: { size: 224, batch: 2 },
  cut: size => 2 * size,
  variants: setting => lowSides(setting).length,
  draw: ({ image }, _, setting, variant) => ({
    images: {
      seen: resized(image, setting.size),
      low: resized(image, lowSides(setting)[variant]),
      high: image,
    },
  }),
  loss(given, variant) {
    const { size, own } = given;
    const target = given.features('high', 2 * size);
    const [height, width] = target.shape.slice(2);
    const low = given.features('low', lowSides(given)[variant]);
    const map = jafar(low, given.image('seen', size), [height, width], own);
    const parts = cosineAndRangedLoss(map, target);
    return { total: add(parts.cosine, parts.ranged), parts };
  },
};
