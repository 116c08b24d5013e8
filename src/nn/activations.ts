import { add, mul, sigmoid } from '../graph/ops/elementwise.ts';
import type { Tensor } from '../graph/tensor.ts';

/** GELU's tanh form, x/2 (1 + tanh(u)) with u = sqrt(2/pi) (x + .044715 x^3), written as x sigmoid(2u). */
export const geluTanh = (x: Tensor): Tensor =>
  mul(x, sigmoid(mul(mul(x, add(mul(mul(x, x), 0.044715), 1)), 2 * Math.sqrt(2 / Math.PI))));
