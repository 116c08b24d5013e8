import { reshape, sum } from '../../../graph/ops/basic.ts';
import { abs, add, div, maximum, mul, sqrt, sub } from '../../../graph/ops/elementwise.ts';
import { groupNormalise, layerNorm, mean } from '../../../graph/ops/reduce.ts';
import { constant, count, type Tensor } from '../../../graph/tensor.ts';
import type { ImportedNode, Importer, ImportTable } from '../node.ts';

/** One number a channel, for a map of the rank of x. */
const channels = (x: Tensor, values: Tensor): Tensor =>
  reshape(
    values,
    x.shape.map((_, axis) => (axis === 1 ? count(values.shape) : 1)),
  );

const batchNorm: Importer = node => {
  const [x, weight, bias, average, variance] = [0, 1, 2, 3, 4].map(index => node.tensor(index));
  node.float('momentum', 0.9);
  if (node.flag('training_mode') || node.int('spatial', 1) !== 1) {
    node.refuse('normalises by the batch. Export the model in evaluation mode');
  }
  const scale = div(weight, sqrt(add(variance, node.float('epsilon', 1e-5))));
  const shift = sub(bias, mul(average, scale));
  return add(mul(x, channels(x, scale)), channels(x, shift));
};

function groupNorm(node: ImportedNode, groups: number): Tensor {
  const [x, weight, bias] = [0, 1, 2].map(index => node.tensor(index));
  const normal = groupNormalise(x, groups, node.float('epsilon', 1e-5));
  const c = x.shape[1];
  // one number a group before opset 21, one a channel since
  const spread = (values: Tensor) => {
    if (count(values.shape) === c) return channels(x, values);
    const each = add(reshape(values, [groups, 1]), constant(new Float32Array(c), [groups, c / groups]));
    return channels(x, reshape(each, [c]));
  };
  return add(mul(normal, spread(weight)), spread(bias));
}

/** x as rows of all that is normalised together, and how to undo it. */
function rows(node: ImportedNode, x: Tensor): { flat: Tensor; size: number; back: (y: Tensor) => Tensor } {
  const axis = node.axis(node.int('axis', -1), x.shape.length);
  const size = count(x.shape.slice(axis));
  const flat = reshape(x, [...x.shape.slice(0, axis), size]);
  return { flat, size, back: y => reshape(y, x.shape) };
}

function normalisedRows(
  node: ImportedNode,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  epsilon = 1e-5,
): Tensor {
  const { flat, size, back } = rows(node, x);
  const shift = bias ? reshape(bias, [size]) : constant(new Float32Array(size), [size]);
  return back(layerNorm(flat, reshape(weight, [size]), shift, node.float('epsilon', epsilon)));
}

const onlyFirst = (node: ImportedNode): void => {
  node.int('stash_type', 1);
};

const rmsNorm: Importer = node => {
  onlyFirst(node);
  const [x, weight] = [node.tensor(0), node.tensor(1)];
  const { flat, size, back } = rows(node, x);
  const deviation = sqrt(add(mean(mul(flat, flat), [flat.shape.length - 1]), node.float('epsilon', 1e-5)));
  return back(mul(div(flat, deviation), reshape(weight, [size])));
};

/** A residual added in front of the norm; its sum is the fourth output. */
const skipLayerNorm: Importer = node => {
  const [x, skip, weight, bias, before] = [
    node.tensor(0),
    node.tensor(1),
    node.tensor(2),
    node.optionalTensor(3),
    node.optionalTensor(4),
  ];
  const both = add(x, skip);
  const residual = before ? add(both, before) : both;
  const y = normalisedRows(node, residual, weight, bias, 1e-12);
  const value = (tensor: Tensor) => ({ kind: 'float' as const, shape: tensor.shape, tensor });
  // mean and deviation are for training; nobody asks for them
  return [value(y), value(y), value(y), value(residual)];
};

const lpNorm: Importer = node => {
  const x = node.tensor(0);
  const axis = node.axis(node.int('axis', -1), x.shape.length);
  const p = node.int('p', 2);
  if (p !== 1 && p !== 2) node.refuse(`has p=${p}; supported is 1, 2`);
  const length = p === 1 ? sum(abs(x), [axis]) : sqrt(sum(mul(x, x), [axis]));
  return div(x, maximum(length, 1e-38));
};

/** Norms, as they are in evaluation. */
export const norms: ImportTable = {
  BatchNormalization: batchNorm,
  InstanceNormalization: node => groupNorm(node, node.tensor(0).shape[1]),
  GroupNormalization(node) {
    onlyFirst(node);
    return groupNorm(node, node.int('num_groups', 1));
  },
  LayerNormalization(node) {
    onlyFirst(node);
    return normalisedRows(node, node.tensor(0), node.tensor(1), node.optionalTensor(2));
  },
  RMSNormalization: rmsNorm,
  SimplifiedLayerNormalization: rmsNorm,
  LpNormalization: lpNorm,
  'com.microsoft.SkipLayerNormalization': skipLayerNorm,
};
