import { reshape } from '../graph/ops/basic.ts';
import { add, div, mul, sqrt, sub } from '../graph/ops/elementwise.ts';
import { mean } from '../graph/ops/reduce.ts';
import { count, nameOf, type Tensor } from '../graph/tensor.ts';
import { ones, zeros } from './initialisers.ts';
import type { Scope } from './scope.ts';

/** What a layer found in its batch, and the full name of the running statistic that follows it. */
export interface BatchStatistic {
  name: string;
  /** [C]; the variance is the unbiased one. */
  value: Tensor;
}

const byBatch = new WeakMap<Scope['parameters'], BatchStatistic[]>();

/**
 * From now on the layers of a scope, and of all below it, normalise by the statistics of their batch (PyTorch's training
 * mode). Their running statistics stay parameters of the scope, but are no inputs of the graph.
 *
 * @returns what layers find, in the order in which they are applied; a layer applied twice finds twice.
 */
export function normaliseByBatch(scope: Scope): BatchStatistic[] {
  const found: BatchStatistic[] = [];
  byBatch.set(scope.parameters, found);
  return found;
}

/**
 * BatchNorm of a map [B,C,H,W] by its running statistics (PyTorch's eval mode), or by those of the batch (see
 * `normaliseByBatch`), as one scale and one shift per channel; `weight`, `bias`, `running_mean`, `running_var`, each [C].
 */
export function batchNorm(x: Tensor, scope: Scope, epsilon = 1e-5): Tensor {
  const size = x.shape[1];
  const running = {
    mean: scope.get('running_mean', [size], zeros),
    variance: scope.get('running_var', [size], ones),
  };
  const found = byBatch.get(scope.parameters);
  const statistics = found ? ofBatch(x) : running;
  if (found) {
    const numbers = count(x.shape) / size;
    const unbiased = mul(statistics.variance, numbers / Math.max(1, numbers - 1));
    found.push({ name: nameOf(running.mean), value: statistics.mean });
    found.push({ name: nameOf(running.variance), value: unbiased });
  }
  const scale = div(scope.get('weight', [size], ones), sqrt(add(statistics.variance, epsilon)));
  const shift = sub(scope.get('bias', [size], zeros), mul(statistics.mean, scale));
  const channels = (values: Tensor) => reshape(values, [1, size, 1, 1]);
  return add(mul(x, channels(scale)), channels(shift));
}

/** Mean and biased variance of every channel, [C] each. */
function ofBatch(x: Tensor): { mean: Tensor; variance: Tensor } {
  const size = x.shape[1];
  const centre = mean(x, [0, 2, 3]);
  const centred = sub(x, centre);
  return { mean: reshape(centre, [size]), variance: reshape(mean(mul(centred, centred), [0, 2, 3]), [size]) };
}
