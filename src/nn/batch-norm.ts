import { reshape } from '../graph/ops/basic.ts';
import { add, div, mul, sqrt, sub } from '../graph/ops/elementwise.ts';
import type { Tensor } from '../graph/tensor.ts';
import { ones, zeros } from './initialisers.ts';
import type { Scope } from './scope.ts';

/**
 * BatchNorm of a map [B,C,H,W] by its running statistics (PyTorch's eval mode), as one scale and one shift per channel;
 * `weight`, `bias`, `running_mean`, `running_var`, each [C].
 */
export function batchNorm(x: Tensor, scope: Scope, epsilon = 1e-5): Tensor {
  const size = x.shape[1];
  const variance = scope.get('running_var', [size], ones);
  const scale = div(scope.get('weight', [size], ones), sqrt(add(variance, epsilon)));
  const shift = sub(scope.get('bias', [size], zeros), mul(scope.get('running_mean', [size], zeros), scale));
  const channels = (values: Tensor) => reshape(values, [1, size, 1, 1]);
  return add(mul(x, channels(scale)), channels(shift));
}
