import { reshape } from '../../../graph/ops/basic.ts';
import {
  abs,
  add,
  clamp,
  div,
  exp,
  gelu,
  log,
  minimum,
  mul,
  neg,
  relu,
  sigmoid,
  sub,
  tanh,
  wherePositive,
} from '../../../graph/ops/elementwise.ts';
import { transpose } from '../../../graph/ops/layout.ts';
import { softmax } from '../../../graph/ops/reduce.ts';
import { count, type Tensor } from '../../../graph/tensor.ts';
import { geluTanh } from '../../../nn/activations.ts';
import type { ImportedNode, Importer, ImportTable } from '../node.ts';
import { logSumExp } from './reduction.ts';

const of =
  (f: (x: Tensor) => Tensor): Importer =>
  node =>
    f(node.tensor(0));

/** x above 0, `slope` times x below. */
const leaky = (x: Tensor, slope: Tensor | number): Tensor => sub(relu(x), mul(relu(neg(x)), slope));

/** alpha (e^(x / scale) - 1) below 0; above it x times `gamma`. */
function exponentialUnit(x: Tensor, alpha: number, gamma = 1, scale = 1): Tensor {
  // never of a positive number, which might overflow
  const low = sub(exp(mul(minimum(x, 0), 1 / scale)), 1);
  return add(mul(relu(x), gamma), mul(low, alpha * gamma));
}

/** log(1 + e^x). */
const softplus = (x: Tensor): Tensor => add(relu(x), log(add(exp(neg(abs(x))), 1)));

const hardSigmoid = (x: Tensor, alpha: number, beta: number): Tensor => clamp(add(mul(x, alpha), beta), 0, 1);

const biased = (node: ImportedNode): Tensor => {
  const [x, bias] = [node.tensor(0), node.optionalTensor(1)];
  return bias ? add(x, bias) : x;
};

/** A function of rows along one axis since opset 13; before, of all axes from that one on. */
const alongAxis =
  (f: (rows: Tensor) => Tensor): Importer =>
  node => {
    const x = node.tensor(0);
    const rank = x.shape.length;
    const axis = node.axis(node.int('axis', node.opset < 13 ? 1 : -1), rank);
    if (node.opset < 13) {
      const rows = reshape(x, [...x.shape.slice(0, axis), count(x.shape.slice(axis))]);
      return reshape(f(rows), x.shape);
    }
    const swapped = x.shape.map((_, i) => (i === axis ? rank - 1 : i === rank - 1 ? axis : i));
    return transpose(f(transpose(x, swapped)), swapped);
  };

/** Nonlinearities. */
export const activations: ImportTable = {
  Relu: of(relu),
  LeakyRelu: node => leaky(node.tensor(0), node.float('alpha', 0.01)),
  PRelu: node => leaky(node.tensor(0), node.tensor(1)),
  ThresholdedRelu: node => wherePositive(sub(node.tensor(0), node.float('alpha', 1)), node.tensor(0)),
  Elu: node => exponentialUnit(node.tensor(0), node.float('alpha', 1)),
  Celu: node => exponentialUnit(node.tensor(0), node.float('alpha', 1), 1, node.float('alpha', 1)),
  Selu: node => exponentialUnit(node.tensor(0), node.float('alpha', 1.6732632), node.float('gamma', 1.0507009)),
  Softplus: of(softplus),
  Softsign: of(x => div(x, add(abs(x), 1))),
  Mish: of(x => mul(x, tanh(softplus(x)))),
  HardSigmoid: node => hardSigmoid(node.tensor(0), node.float('alpha', 0.2), node.float('beta', 0.5)),
  HardSwish: of(x => mul(x, hardSigmoid(x, 1 / 6, 0.5))),
  Gelu: node => (node.choice('approximate', ['none', 'tanh']) === 'tanh' ? geluTanh : gelu)(node.tensor(0)),
  Softmax: alongAxis(softmax),
  LogSoftmax: alongAxis(x => sub(x, logSumExp(x, [x.shape.length - 1]))),
  'com.microsoft.Gelu': of(gelu),
  'com.microsoft.BiasGelu': node => gelu(biased(node)),
  'com.microsoft.FastGelu': node => geluTanh(biased(node)),
  'com.microsoft.QuickGelu': node => mul(node.tensor(0), sigmoid(mul(node.tensor(0), node.float('alpha', 1.702)))),
};
