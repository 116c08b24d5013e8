/**
 * What an upsampler of one's own may import from `clickprobe`: the ops of the graph, layers with parameters, and types.
 * Maps are [B,C,H,W]; every size is known while a graph is built. docs/upsamplers.md shows how a file uses it.
 *
 * @module clickprobe
 */
export { UserError } from './base/errors.ts';
export { expand, reshape, sum } from './graph/ops/basic.ts';
export { conv2d, convTranspose2d } from './graph/ops/conv.ts';
export {
  abs,
  add,
  clamp,
  cos,
  detach,
  div,
  erf,
  exp,
  gelu,
  log,
  maximum,
  minimum,
  mul,
  neg,
  relu,
  sigmoid,
  silu,
  sin,
  sqrt,
  sub,
  tanh,
  wherePositive,
} from './graph/ops/elementwise.ts';
export { concat, pad, reverse, slice, transpose } from './graph/ops/layout.ts';
export { matmul, resample } from './graph/ops/linear.ts';
export { mean, softmax } from './graph/ops/reduce.ts';
export { constant, GraphError, type Matrix, type Shape, scalar, type Tensor } from './graph/tensor.ts';
export { attend, mergeHeads, selfAttention, splitHeads } from './nn/attention.ts';
export { batchNorm } from './nn/batch-norm.ts';
export { IMAGENET } from './nn/imagenet.ts';
export { channelNorm, conv, doubled, layerNorm, linear, patchEmbed, toMap, toTokens } from './nn/layers.ts';
export { groupNorm, rmsNorm, unitLength } from './nn/norms.ts';
export { adaptiveMax } from './nn/pooling.ts';
export { adaptiveAverage, bicubic, bilinear, boxMean, nearest, reflectPad, replicatePad } from './nn/resize.ts';
export type { Scope } from './nn/scope.ts';
export { sizeOf, toSize } from './nn/to-size.ts';
export type { Upsample, UpsamplerModule as Upsampler } from './upsamplers/own/types.ts';
