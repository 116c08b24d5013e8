import { reshape, sum } from '../graph/ops/basic.ts';
import { add, div, maximum, mul, neg, sub } from '../graph/ops/elementwise.ts';
import { slice } from '../graph/ops/layout.ts';
import { matmul } from '../graph/ops/linear.ts';
import { mean } from '../graph/ops/reduce.ts';
import { GraphError, sameShape, show, type Tensor } from '../graph/tensor.ts';
import { unitLength } from '../nn/norms.ts';

// Losses between maps of features [B,C,H,W], as scalars [].

/** 1 - cosine of the vectors at every place, averaged: 0..2. */
export function cosineLoss(map: Tensor, target: Tensor): Tensor {
  same(map, target);
  const cosines = sum(mul(unitLength(map, 1), unitLength(target, 1)), [1]);
  return sub(1, average(cosines));
}

/** The mean squared difference. */
export function squaredLoss(map: Tensor, target: Tensor): Tensor {
  same(map, target);
  const difference = sub(map, target);
  return average(mul(difference, difference));
}

/**
 * JAFAR's and AnyUp's loss: the cosine loss, and the mean squared difference after both vectors were moved and scaled so
 * that the channels of the target's are in 0..1.
 */
export function cosineAndRangedLoss(map: Tensor, target: Tensor): { cosine: Tensor; ranged: Tensor } {
  same(map, target);
  const range = add(sub(largestChannel(target), neg(largestChannel(neg(target)))), 1e-6);
  const difference = div(sub(map, target), range);
  return { cosine: cosineLoss(map, target), ranged: average(mul(difference, difference)) };
}

/**
 * LoftUp's affinity loss: the mean squared difference between the cosines of all pairs of places, a border of `margin` of
 * the sides left out.
 */
export function affinityLoss(map: Tensor, target: Tensor, margin: number): Tensor {
  same(map, target);
  const difference = sub(affinity(map, margin), affinity(target, margin));
  return average(mul(difference, difference));
}

/** [B,P,P]: the cosines of all pairs of places. */
function affinity(map: Tensor, margin: number): Tensor {
  const inner = [2, 3].reduce((x, axis) => {
    const size = x.shape[axis];
    const from = Math.floor(margin * size);
    return slice(x, axis, from, Math.floor((1 - margin) * size) - from);
  }, map);
  const [b, c, h, w] = inner.shape;
  const vectors = reshape(unitLength(inner, 1), [b, c, h * w]);
  return matmul(vectors, vectors, { transA: true });
}

/** The mean of all numbers as a scalar. */
export const average = (x: Tensor): Tensor =>
  reshape(
    mean(
      x,
      x.shape.map((_, axis) => axis),
    ),
    [],
  );

/** The largest of the channels, [B,1,H,W]: halves compared, then halves of these. */
function largestChannel(map: Tensor): Tensor {
  const n = map.shape[1];
  if (n === 1) return map;
  const half = Math.ceil(n / 2);
  return largestChannel(maximum(slice(map, 1, 0, half), slice(map, 1, n - half, half)));
}

function same(map: Tensor, target: Tensor): void {
  if (!sameShape(map.shape, target.shape)) {
    throw new GraphError(`features of ${show(map.shape)} cannot be compared with ${show(target.shape)}`);
  }
}
