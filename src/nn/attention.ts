import { reshape } from '../graph/ops/basic.ts';
import { add } from '../graph/ops/elementwise.ts';
import { slice, transpose } from '../graph/ops/layout.ts';
import { matmul } from '../graph/ops/linear.ts';
import { softmax } from '../graph/ops/reduce.ts';
import type { Tensor } from '../graph/tensor.ts';
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

/** Multi-head self-attention over tokens [B,N,C]; parameters `qkv` and `proj`. */
export function selfAttention(x: Tensor, scope: Scope, heads: number): Tensor {
  const size = x.shape.at(-1)!;
  const [q, k, v] = splitHeads(linear(x, scope.at('qkv'), 3 * size), heads);
  return linear(mergeHeads(attend(q, k, v)), scope.at('proj'), size);
}
