import type { Tensor } from '../graph/tensor.ts';
import { channelNorm, conv } from '../nn/layers.ts';
import type { Scope } from '../nn/scope.ts';

const EPSILON = 1e-6;

/** SAM's neck (Kirillov et al. 2023): 1x1 and 3x3 convolution, each followed by LayerNorm; [B,C,h,w] -> [B,out,h,w]. */
export function samNeck(x: Tensor, scope: Scope, out: number): Tensor {
  const narrow = channelNorm(conv(x, scope.at('0'), { out, kernel: 1, bias: false }), scope.at('1'), EPSILON);
  return channelNorm(conv(narrow, scope.at('2'), { out, kernel: 3, padding: 1, bias: false }), scope.at('3'), EPSILON);
}
