import { add } from '../graph/ops/elementwise.ts';
import type { Tensor } from '../graph/tensor.ts';
import { uplift } from '../upsamplers/uplift.ts';
import { resized } from './cut.ts';
import { squaredLoss } from './losses.ts';
import type { Method, Setting } from './method.ts';

const MOST_DOUBLINGS = 3;
/** Fewer cells along a side say nothing about a picture. */
const FEWEST_CELLS = 2;

/** Sides of the image, halved as often as whole cells allow: [2 size, size, size / 2 ...]. */
function sides({ size, backbone: { stride } }: Setting): number[] {
  const out = [2 * size, size];
  while (out.length <= MOST_DOUBLINGS) {
    const next = out[out.length - 1] / 2;
    if (next % stride !== 0 || next / stride < FEWEST_CELLS) break;
    out.push(next);
  }
  return out;
}

/**
 * UPLiFT (Walmer et al. 2026, section 3; its released code): from every size below that of the image the features are
 * doubled up to it, and compared at every size on the way.
 */
export const upliftTraining: Method = {
  upsampler: 'uplift',
  stage: 1,
  objective: 'the features of the image at all larger sizes, step by step; MSE',
  optimiser: { rate: 1e-3 },
  defaults: { size: 224, batch: 2 },
  cut: size => 2 * size,
  draw: ({ image }, _, setting) => ({
    images: Object.fromEntries(sides(setting).map(side => [`x${side}`, resized(image, side)])),
  }),
  loss(given) {
    const all = sides(given);
    const features = all.map(side => given.features(`x${side}`, side));
    const parts: Record<string, Tensor> = {};
    for (let from = 1; from < all.length; from++) {
      let map = features[from];
      const image = given.image(`x${all[from]}`, all[from]);
      for (let to = from - 1; to >= 0; to--) {
        // the encoding of the image is the same at every step, and merged
        map = uplift(map, image, given.own, 1, given.backbone.stride);
        parts[`${all[from]}-${all[to]}`] = squaredLoss(map, features[to]);
      }
    }
    return { total: Object.values(parts).reduce((total, loss) => add(total, loss)), parts };
  },
};
