import { reshape, sum } from '../graph/ops/basic.ts';
import { add, div, maximum, mul, sqrt } from '../graph/ops/elementwise.ts';
import { groupNormalise, mean } from '../graph/ops/reduce.ts';
import type { Tensor } from '../graph/tensor.ts';
import { ones, zeros } from './initialisers.ts';
import type { Scope } from './scope.ts';

/** GroupNorm of a map [B,C,H,W] with `weight` and `bias` of every channel. */
export function groupNorm(x: Tensor, scope: Scope, groups: number, epsilon = 1e-5): Tensor {
  const c = x.shape[1];
  const channels = (name: string, initialise: typeof ones) => reshape(scope.get(name, [c], initialise), [1, c, 1, 1]);
  return add(mul(groupNormalise(x, groups, epsilon), channels('weight', ones)), channels('bias', zeros));
}

/** What PyTorch takes where no epsilon is given: the distance from 1 to the next float32. */
const FLOAT_EPSILON = 2 ** -23;

/** RMSNorm (Zhang & Sennrich 2019) over an axis, the last one by default, with `weight`. */
export function rmsNorm(
  x: Tensor,
  scope: Scope,
  { axis = x.shape.length - 1, epsilon = FLOAT_EPSILON }: { axis?: number; epsilon?: number } = {},
): Tensor {
  const size = x.shape[axis];
  const square = mean(mul(x, x), [axis]);
  const weight = reshape(scope.get('weight', [size], ones), [size, ...x.shape.slice(axis + 1).map(() => 1)]);
  return mul(div(x, sqrt(add(square, epsilon))), weight);
}

/** The vectors along an axis brought to length 1; those shorter than 1e-12 are divided by that. */
export function unitLength(x: Tensor, axis: number): Tensor {
  return div(x, sqrt(maximum(sum(mul(x, x), [axis]), 1e-24)));
}
