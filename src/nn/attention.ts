import { reshape } from '../graph/ops/basic.ts';
import { add } from '../graph/ops/elementwise.ts';
import { concat, slice, transpose } from '../graph/ops/layout.ts';
import { matmul } from '../graph/ops/linear.ts';
import { softmax } from '../graph/ops/reduce.ts';
import { constant, type Tensor } from '../graph/tensor.ts';
import { linear } from './layers.ts';
import type { Scope } from './scope.ts';

/** Splits a joint projection [B,N,3*heads*d] (q, k, v, each head-major) into three of [B,heads,N,d]. */
export function splitHeads(qkv: Tensor, heads: number): [Tensor, Tensor, Tensor] {
  const [b, n, size] = qkv.shape;
  const d = size / (3 * heads);
  const parts = transpose(reshape(qkv, [b, n, 3, heads, d]), [2, 0, 3, 1, 4]);
  const part = (i: number) => reshape(slice(parts, 0, i, 1), [b, heads, n, d]);
  return [part(0), part(1), part(2)];
}

/** [B,heads,N,d] -> [B,N,heads*d]. */
export function mergeHeads(x: Tensor): Tensor {
  const [b, heads, n, d] = x.shape;
  return reshape(transpose(x, [0, 2, 1, 3]), [b, n, heads * d]);
}

/** softmax(q k^T / sqrt(d) + bias) v for q, k, v [B,heads,N,d]; the bias broadcasts to [B,heads,N,N]. */
export function attend(q: Tensor, k: Tensor, v: Tensor, bias?: Tensor): Tensor {
  const scores = matmul(q, k, { transB: true, alpha: 1 / Math.sqrt(q.shape.at(-1)!) });
  return matmul(softmax(bias ? add(scores, bias) : scores), v);
}

interface AttentionOptions {
  /** What q and k [B,heads,N,d] go through before they meet. */
  rotate?: (x: Tensor) => Tensor;
  /** False where keys have no bias, though `qkv.bias` holds one for them. */
  keyBias?: boolean;
}

/** Multi-head self-attention over tokens [B,N,C]; parameters `qkv` and `proj`. */
export function selfAttention(
  x: Tensor,
  scope: Scope,
  heads: number,
  { rotate = y => y, keyBias = true }: AttentionOptions = {},
): Tensor {
  const size = x.shape.at(-1)!;
  const [q, k, v] = splitHeads(projectQkv(x, scope.at('qkv'), keyBias), heads);
  return linear(mergeHeads(attend(rotate(q), rotate(k), v)), scope.at('proj'), size);
}

/** q, k and v of tokens [B,N,C] side by side: [B,N,3*C]. */
function projectQkv(x: Tensor, scope: Scope, keyBias: boolean): Tensor {
  const size = x.shape.at(-1)!;
  if (keyBias) return linear(x, scope, 3 * size);
  const bias = scope.get('bias', [3 * size]);
  const masked = [slice(bias, 0, 0, size), constant(new Float32Array(size), [size]), slice(bias, 0, 2 * size, size)];
  return add(linear(x, scope, 3 * size, { bias: false }), concat(masked, 0));
}

/** One of q, k (1) and v (2) of tokens [B,N,C], all heads side by side: [B,N,C]. */
export function projectOne(x: Tensor, scope: Scope, part: 0 | 1 | 2, { bias = true } = {}): Tensor {
  const [b, n, size] = x.shape;
  const weight = slice(scope.get('weight', [3 * size, size]), 0, part * size, size);
  const y = reshape(matmul(reshape(x, [b * n, size]), weight, { transB: true }), x.shape);
  return bias ? add(y, slice(scope.get('bias', [3 * size]), 0, part * size, size)) : y;
}
