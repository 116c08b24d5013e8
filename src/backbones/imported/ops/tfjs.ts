import { reshape, sum } from '../../../graph/ops/basic.ts';
import { conv2d, type Pads } from '../../../graph/ops/conv.ts';
import { add, clamp, div, mul, relu, sigmoid, sqrt, sub } from '../../../graph/ops/elementwise.ts';
import { concat, transpose } from '../../../graph/ops/layout.ts';
import { matmul, resample } from '../../../graph/ops/linear.ts';
import { mean } from '../../../graph/ops/reduce.ts';
import type { Tensor } from '../../../graph/tensor.ts';
import type { ImportedNode, Importer, ImportTable, NodeProto } from '../node.ts';
import { tensorOf } from '../value.ts';
import { activations } from './activations.ts';
import { arithmetic } from './arithmetic.ts';
import { layout } from './layout.ts';
import { padAxis, samePads, type Windows } from './padding.ts';
import { averagePooled, maxPooled } from './pooling.ts';
import { largest } from './reduction.ts';
import { resizeMatrix } from './resize.ts';

/** [B,H,W,C] -> [B,C,H,W] and back. */
const channelsFirst = (x: Tensor): Tensor => transpose(x, [0, 3, 1, 2]);
const channelsLast = (x: Tensor): Tensor => transpose(x, [0, 2, 3, 1]);

/** How a kernel moves over a map [B,C,H,W], from attributes that count all four axes. */
function windowsOf(node: ImportedNode, x: Tensor, kernel: readonly number[]): Windows {
  node.choice('data_format', ['NHWC']);
  const inner = (name: string) => node.ints(name)?.slice(1, 3) ?? [1, 1];
  const [strides, dilations] = [inner('strides'), inner('dilations')];
  const padding = node.choice('padding', ['VALID', 'SAME', 'EXPLICIT']);
  const explicit = node.ints('explicit_paddings');
  const windows = { kernel, strides, dilations };
  if (padding === 'SAME') return { ...windows, pads: samePads(x.shape.slice(2), windows, true) };
  if (padding === 'VALID' || !explicit) return { ...windows, pads: [0, 0, 0, 0] };
  return { ...windows, pads: [explicit[2], explicit[4], explicit[3], explicit[5]] };
}

/** Kernels are [h,w,in,out], of depthwise convolutions [h,w,channels,of each]. */
function convolution(node: ImportedNode, depthwise: boolean): Tensor {
  const x = channelsFirst(node.tensor(0));
  const kernel = node.tensor(1);
  node.flag('use_cudnn_on_gpu');
  const [h, w, c, each] = kernel.shape;
  const { strides, dilations, pads } = windowsOf(node, x, [h, w]);
  if (strides[0] !== strides[1] || dilations[0] !== dilations[1]) {
    node.refuse(`has the strides ${strides} and dilations ${dilations}; only equal ones are supported`);
  }
  const weight = depthwise
    ? reshape(transpose(kernel, [2, 3, 0, 1]), [c * each, 1, h, w])
    : transpose(kernel, [3, 2, 0, 1]);
  const groups = depthwise ? c : 1;
  const options = { stride: strides[0], dilation: dilations[0], groups, pads: pads as unknown as Pads };
  return channelsLast(conv2d(x, weight, undefined, options));
}

/** What was merged into a convolution or product behind it, in the order in which it is computed. */
function fused(node: ImportedNode, y: Tensor): Tensor {
  node.int('num_args', 0);
  node.float('epsilon', 0);
  const alpha = node.float('leakyrelu_alpha', 0.2);
  let next = 2;
  return (node.attribute('fused_ops', 'strings') ?? []).reduce((x, op) => {
    if (op === 'BiasAdd') return add(x, node.tensor(next++));
    if (op === 'Relu') return relu(x);
    if (op === 'Relu6') return clamp(x, 0, 6);
    if (op === 'Sigmoid') return sigmoid(x);
    if (op === 'LeakyRelu') return sub(relu(x), mul(relu(mul(x, -1)), alpha));
    if (op === 'Prelu') return sub(relu(x), mul(relu(mul(x, -1)), node.tensor(next++)));
    return node.refuse(`has ${op} merged into it; supported are BiasAdd, Relu, Relu6, Sigmoid, LeakyRelu, Prelu`);
  }, y);
}

const product = (node: ImportedNode): Tensor =>
  matmul(node.tensor(0), node.tensor(1), { transA: node.flag('transpose_a'), transB: node.flag('transpose_b') });

const batchNorm: Importer = node => {
  const [x, weight, bias, average, variance] = [0, 1, 2, 3, 4].map(index => node.tensor(index));
  node.choice('data_format', ['NHWC']);
  node.float('exponential_avg_factor', 1);
  if (node.flag('is_training', true)) node.refuse('normalises by the batch. Convert the model for inference');
  const scale = div(weight, sqrt(add(variance, node.float('epsilon', 1e-3))));
  return add(mul(x, scale), sub(bias, mul(average, scale)));
};

const pool =
  (pooled: (x: Tensor, windows: Windows) => Tensor): Importer =>
  node => {
    const x = channelsFirst(node.tensor(0));
    const kernel = node.ints('ksize') ?? node.refuse('has no ksize');
    return channelsLast(pooled(x, windowsOf(node, x, kernel.slice(1, 3))));
  };

const reduction =
  (reduce: (x: Tensor, axes: readonly number[]) => Tensor): Importer =>
  node => {
    const x = node.tensor(0);
    const axes = node.numbers(1, 'axes').map(axis => node.axis(axis, x.shape.length));
    const y = reduce(x, axes);
    if (node.flag('keep_dims')) return y;
    return reshape(
      y,
      y.shape.filter((_, axis) => !axes.includes(axis)),
    );
  };

const resize =
  (mode: 'linear' | 'nearest'): Importer =>
  node => {
    const x = channelsFirst(node.tensor(0));
    const sizes = node.numbers(1, 'sizes');
    const [aligned, centred] = [node.flag('align_corners'), node.flag('half_pixel_centers')];
    const centres = mode === 'linear' ? 'half_pixel' : 'tf_half_pixel_for_nn';
    const [vertical, horizontal] = [0, 1].map(i => {
      const size = x.shape[2 + i];
      return resizeMatrix(
        { size, out: sizes[i], scale: sizes[i] / size },
        {
          mode,
          coordinates: aligned ? 'align_corners' : centred ? centres : 'asymmetric',
          rounding: aligned ? 'round_prefer_ceil' : 'floor',
          cubic: 0,
          excludeOutside: false,
          antialias: false,
        },
      );
    });
    return channelsLast(resample(x, vertical, horizontal));
  };

const padded =
  (mode: 'constant' | 'reflect'): Importer =>
  node => {
    if (mode === 'reflect') node.choice('mode', ['REFLECT']);
    const amounts = node.numbers(1, 'paddings');
    const value = node.optionalNumbers(2, 'value')?.[0] ?? 0;
    return node
      .tensor(0)
      .shape.reduce(
        (x, _, axis) => padAxis(x, axis, amounts[2 * axis], amounts[2 * axis + 1], mode, value),
        node.tensor(0),
      );
  };

const joined: Importer = node => {
  const all = node.values();
  const parts = all.slice(0, -1).map(tensorOf);
  const [axis] = node.numbers(all.length - 1, 'axis');
  node.int('N', parts.length);
  return concat(parts, node.axis(axis, parts[0].shape.length));
};

/** Every op of TensorFlow.js graph models that can be imported; maps are [B,H,W,C]. */
export const tfjsTable: ImportTable = {
  Add: arithmetic.Add,
  AddV2: arithmetic.Add,
  AddN(node) {
    node.int('N', 0);
    return arithmetic.Sum(node);
  },
  Sub: arithmetic.Sub,
  Mul: arithmetic.Mul,
  RealDiv: arithmetic.Div,
  Maximum: arithmetic.Max,
  Minimum: arithmetic.Min,
  Neg: arithmetic.Neg,
  Exp: arithmetic.Exp,
  Sqrt: arithmetic.Sqrt,
  Rsqrt: node => div(1, sqrt(node.tensor(0))),
  Square: node => mul(node.tensor(0), node.tensor(0)),
  Sigmoid: arithmetic.Sigmoid,
  Tanh: arithmetic.Tanh,
  Relu: activations.Relu,
  Relu6: node => clamp(node.tensor(0), 0, 6),
  Elu: activations.Elu,
  Softmax: activations.Softmax,
  Identity: layout.Identity,
  Reshape: layout.Reshape,
  Transpose: node => transpose(node.tensor(0), node.numbers(1, 'permutation')),
  ConcatV2: joined,
  Pad: padded('constant'),
  PadV2: padded('constant'),
  MirrorPad: padded('reflect'),
  BiasAdd(node) {
    node.choice('data_format', ['NHWC']);
    return add(node.tensor(0), node.tensor(1));
  },
  Conv2D: node => convolution(node, false),
  _FusedConv2D: node => fused(node, convolution(node, false)),
  DepthwiseConv2dNative: node => convolution(node, true),
  FusedDepthwiseConv2dNative: node => fused(node, convolution(node, true)),
  MatMul: product,
  _FusedMatMul: node => fused(node, product(node)),
  FusedBatchNorm: batchNorm,
  FusedBatchNormV2: batchNorm,
  FusedBatchNormV3: batchNorm,
  MaxPool: pool(maxPooled),
  AvgPool: pool(averagePooled),
  Mean: reduction(mean),
  Sum: reduction(sum),
  Max: reduction(largest),
  ResizeBilinear: resize('linear'),
  ResizeNearestNeighbor: resize('nearest'),
};

const SIZED = new Set(['Reshape', 'ResizeBilinear', 'ResizeNearestNeighbor']);

/** Whether a node may hold a size of the image that the model was made for. */
export const isSizedTfjs = ({ opType }: NodeProto): boolean => SIZED.has(opType);
