import { reshape } from '../graph/ops/basic.ts';
import { type ConvOptions, conv2d, convTranspose2d } from '../graph/ops/conv.ts';
import { add } from '../graph/ops/elementwise.ts';
import { transpose } from '../graph/ops/layout.ts';
import { matmul } from '../graph/ops/linear.ts';
import { layerNorm as normalise } from '../graph/ops/reduce.ts';
import { count, type Tensor } from '../graph/tensor.ts';
import { ones, uniformFanIn, zeros } from './initialisers.ts';
import type { Scope } from './scope.ts';

/** x [..., in] -> [..., out]; `weight` [out,in], `bias` [out]. */
export function linear(x: Tensor, scope: Scope, out: number, { bias = true } = {}): Tensor {
  const size = x.shape.at(-1)!;
  const weight = scope.get('weight', [out, size], uniformFanIn(size));
  const y = matmul(reshape(x, [count(x.shape) / size, size]), weight, { transB: true });
  const biased = bias ? add(y, scope.get('bias', [out], uniformFanIn(size))) : y;
  return reshape(biased, [...x.shape.slice(0, -1), out]);
}

interface ConvLayer extends ConvOptions {
  out: number;
  kernel: number;
  /** Zeros on every side. */
  padding?: number;
  bias?: boolean;
}

/** x [B,C,H,W] -> [B,out,H',W']; `weight` [out,C/groups,k,k], `bias` [out]. */
export function conv(
  x: Tensor,
  scope: Scope,
  { out, kernel, padding = 0, bias = true, ...options }: ConvLayer,
): Tensor {
  const perGroup = x.shape[1] / (options.groups ?? 1);
  const initialise = uniformFanIn(perGroup * kernel * kernel);
  const weight = scope.get('weight', [out, perGroup, kernel, kernel], initialise);
  const pads = [padding, padding, padding, padding] as const;
  return conv2d(x, weight, bias ? scope.get('bias', [out], initialise) : undefined, { pads, ...options });
}

/** A transposed convolution whose kernel and stride are 2: [B,C,h,w] -> [B,out,2h,2w]; `weight` [C,out,2,2], `bias` [out]. */
export function doubled(x: Tensor, scope: Scope, out: number): Tensor {
  const [, c, h, w] = x.shape;
  const initialise = uniformFanIn(4 * out);
  const weight = scope.get('weight', [c, out, 2, 2], initialise);
  const y = convTranspose2d(x, weight, { stride: 2, size: [2 * h, 2 * w] });
  return add(y, reshape(scope.get('bias', [out], initialise), [1, out, 1, 1]));
}

/** LayerNorm over the last axis, with `weight` and `bias`. */
export function layerNorm(x: Tensor, scope: Scope, epsilon: number): Tensor {
  const size = x.shape.at(-1)!;
  return normalise(x, scope.get('weight', [size], ones), scope.get('bias', [size], zeros), epsilon);
}

/** LayerNorm over the channels of a map [B,C,H,W]. */
export const channelNorm = (x: Tensor, scope: Scope, epsilon: number): Tensor =>
  transpose(layerNorm(transpose(x, [0, 2, 3, 1]), scope, epsilon), [0, 3, 1, 2]);

/** Map [B,C,h,w] -> tokens [B,h*w,C], row-major. */
export const toTokens = (map: Tensor): Tensor => {
  const [b, c, h, w] = map.shape;
  return transpose(reshape(map, [b, c, h * w]), [0, 2, 1]);
};

/** Tokens [B,h*w,C] -> map [B,C,h,w]. */
export const toMap = (tokens: Tensor, height: number, width: number): Tensor => {
  const [b, , c] = tokens.shape;
  return reshape(transpose(tokens, [0, 2, 1]), [b, c, height, width]);
};

/**
 * A convolution whose kernel is its stride, as one matrix product over patches: [B,C,H,W] -> [B,out,H/patch,W/patch].
 * `weight` [out,C,patch,patch], `bias` [out] where asked for.
 */
export function patchEmbed(x: Tensor, scope: Scope, patch: number, out: number, { bias = true } = {}): Tensor {
  const [b, c, height, width] = x.shape;
  const [h, w] = [Math.floor(height / patch), Math.floor(width / patch)];
  const size = c * patch * patch;
  const initialise = uniformFanIn(size);
  const weight = reshape(scope.get('weight', [out, c, patch, patch], initialise), [out, size]);
  const cells = transpose(reshape(x, [b, c, h, patch, w, patch]), [0, 2, 4, 1, 3, 5]);
  const y = matmul(reshape(cells, [b * h * w, size]), weight, { transB: true });
  const biased = bias ? add(y, scope.get('bias', [out], initialise)) : y;
  return toMap(reshape(biased, [b, h * w, out]), h, w);
}
