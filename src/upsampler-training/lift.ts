import { lift } from '../upsamplers/lift.ts';
import { resized } from './cut.ts';
import { cosineLoss } from './losses.ts';
import type { Method } from './method.ts';

/** LiFT (Suri et al. 2024, section 3.2): features of the image at half its size become those at its size. */
export const liftTraining: Method = {
  upsampler: 'lift',
  stage: 1,
  objective: 'the features of the image at twice the size; cosine loss',
  optimiser: { rate: 1e-3 },
  defaults: { size: 224, batch: 4 },
  cut: size => 2 * size,
  draw: ({ image }, _, { size }) => ({ images: { low: resized(image, size), high: image } }),
  loss(given) {
    const { size, own } = given;
    const map = lift(given.features('low', size), given.image('low', size), own);
    const cosine = cosineLoss(map, given.features('high', 2 * size));
    return { total: cosine, parts: { cosine } };
  },
};
