import { reshape, sum } from '../graph/ops/basic.ts';
import { add, detach, div, maximum, mul, sub } from '../graph/ops/elementwise.ts';
import { matmul, resample } from '../graph/ops/linear.ts';
import { GraphError, type Tensor } from '../graph/tensor.ts';
import { adaptiveAverage, bicubic } from '../nn/resize.ts';
import { nearestTaps } from '../training/resize.ts';
import { loftUp } from '../upsamplers/loftup.ts';
import { type Cut, MOST_OBJECTS, part, resized } from './cut.ts';
import { affinityLoss, squaredLoss } from './losses.ts';
import type { Method } from './method.ts';
import { taken, viewed } from './view.ts';

/** Pixels of the image along a side for one of the output, while training. */
const COARSER = 2;

/** How far the target's features are moved towards the mean of their object. */
const MASK_SHARE = 0.8;

/**
 * LoftUp's first stage (Huang et al. 2025, section 3.3): bicubic features, moved towards their means inside the masks of
 * objects, are the target.
 */
export const loftUpTraining: Method = {
  upsampler: 'loftup',
  stage: 1,
  objective: 'bicubic features moved towards their means inside masks of objects; MSE',
  optimiser: { rate: 1e-4, weightDecay: 0.01 },
  defaults: { size: 224, batch: 2 },
  masks: true,
  cut: size => size,
  draw: (cut, _, { size }) => ({ images: { seen: cut.image }, arrays: { masks: masks(cut, size / COARSER) } }),
  loss(given) {
    const { size, own } = given;
    const out = size / COARSER;
    const features = given.features('seen', size);
    const map = loftUp(features, given.image('seen', size), [out, out], own);
    const [h, w] = features.shape.slice(2);
    const smooth = resample(features, bicubic(h, out), bicubic(w, out));
    const squared = squaredLoss(map, refined(smooth, given.array('masks', [MOST_OBJECTS, out * out])));
    return { total: squared, parts: { squared } };
  },
};

/** [objects, side*side]: 1 where a pixel is the object's. */
function masks({ image, labels }: Cut, side: number): Float32Array {
  const data = new Float32Array(MOST_OBJECTS * side * side);
  if (labels.length === 0) return data;
  const taps = nearestTaps(image.width, side);
  for (let i = 0, at = 0; i < side; i++) {
    for (let j = 0; j < side; j++, at++) {
      const label = labels[taps[i] * image.width + taps[j]];
      if (label > 0) data[(label - 1) * side * side + at] = 1;
    }
  }
  return data;
}

/**
 * Features moved towards the means of their objects.
 *
 * @param map [B,C,H,W].
 * @param objects [B,N,H*W], disjoint.
 */
export function refined(map: Tensor, objects: Tensor): Tensor {
  const [b, c, h, w] = map.shape;
  const flat = reshape(map, [b, c, h * w]);
  const areas = maximum(sum(objects, [2]), 1);
  const means = div(matmul(objects, flat, { transB: true }), areas);
  const spread = matmul(means, objects, { transA: true });
  const inside = sum(objects, [1]);
  return reshape(add(flat, mul(sub(spread, mul(flat, inside)), MASK_SHARE)), map.shape);
}

/** How much larger than what the student sees the crops are of which the teacher makes the target. */
const ZOOM = 4;
const AFFINITY = 0.5;
const MARGIN = 0.1;

/**
 * LoftUp's second stage (section 3.4): the student sees the whole image, small; the teacher, a mean of the student's past
 * parameters, a crop of it at full size. Where the crop is they must agree, and so must the cosines of all pairs of pixels.
 */
export const loftUpDistillation: Method = {
  upsampler: 'loftup',
  stage: 2,
  objective: 'what a mean of its own past makes of crops at 4 times the size; MSE + affinity',
  optimiser: { rate: 1e-3, weightDecay: 0.01 },
  defaults: { size: 224, batch: 2 },
  // the paper's .99 at every tenth step
  teacher: { decay: 0.999 },
  cut: size => ZOOM * size,
  draw({ image }, random, { size }) {
    const { out, region } = studentSides(size);
    const [row, column] = [random.integer(0, out - region), random.integer(0, out - region)];
    const pixels = ZOOM * COARSER;
    return {
      images: { seen: resized(image, size), crop: part(image, column * pixels, row * pixels, size) },
      arrays: { down: taken(out, row, region), across: taken(out, column, region) },
    };
  },
  loss(given) {
    const { size, own, teacher } = given;
    const { out, region } = studentSides(size);
    const map = loftUp(given.features('seen', size), given.image('seen', size), [out, out], own);
    const student = viewed(map, given.array('down', [region, out]), given.array('across', [region, out]));
    const fine = loftUp(given.features('crop', size), given.image('crop', size), [out / 2, out / 2], teacher);
    const target = detach(resample(fine, adaptiveAverage(out / 2, region), adaptiveAverage(out / 2, region)));
    const parts = { squared: squaredLoss(student, target), affinity: affinityLoss(student, target, MARGIN) };
    return { total: add(parts.squared, mul(parts.affinity, AFFINITY)), parts };
  },
};

/** Side of what the student makes, and of the part that the crop covers. @throws GraphError where crops would not fit. */
function studentSides(size: number): { out: number; region: number } {
  if (size % (ZOOM * COARSER) !== 0) {
    throw new GraphError(`loftup: crops need a size that ${ZOOM * COARSER} divides, given ${size}`);
  }
  return { out: size / COARSER, region: size / COARSER / ZOOM };
}
