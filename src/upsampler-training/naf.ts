import { naf } from '../upsamplers/naf.ts';
import { resized } from './cut.ts';
import { squaredLoss } from './losses.ts';
import type { Method, Setting } from './method.ts';

/** Pixels that the upsampler sees for every cell of the target, along a side; no more than `MOST_SEEN` in all. */
const PER_CELL = 4;
const MOST_SEEN = 224;

const seenSide = ({ size, backbone: { stride } }: Setting): number =>
  Math.min(MOST_SEEN, PER_CELL * ((2 * size) / stride));

/** NAF (Chambon et al. 2025, section 3.3; its released code): features of the image at half its size become those at its size. */
export const nafTraining: Method = {
  upsampler: 'naf',
  stage: 1,
  objective: 'the features of the image at twice the size; MSE',
  optimiser: { rate: 2e-4, weightDecay: 0.01 },
  defaults: { size: 224, batch: 2 },
  fixed: /(^|\.)rope\.periods$/,
  cut: size => 2 * size,
  draw: ({ image }, _, setting) => ({
    images: { seen: resized(image, seenSide(setting)), low: resized(image, setting.size), high: image },
  }),
  loss(given) {
    const { size, own } = given;
    const target = given.features('high', 2 * size);
    const [height, width] = target.shape.slice(2);
    const map = naf(given.features('low', size), given.image('seen', seenSide(given)), [height, width], own);
    const squared = squaredLoss(map, target);
    return { total: squared, parts: { squared } };
  },
};
