import { evenParts, inTurn } from '../in-turn.ts';
import { add, mul } from '../ops/elementwise.ts';
import { concat, recomputed, slice } from '../ops/layout.ts';
import { matmul } from '../ops/linear.ts';
import { softmax } from '../ops/reduce.ts';
import { count, type Tensor } from '../tensor.ts';
import { rewrite } from './rewrite.ts';

/** softmax(alpha q k^T + bias) v, its parts as they stand in a graph. */
export interface Attention {
  /** q k^T or its transposed form. */
  product: Tensor;
  bias: Tensor | undefined;
  /** The product with the values. */
  node: Tensor;
}

/**
 * Attention whose matrix of scores takes more than `bytes` in chunks of queries, one after the other. A gradient gets
 * each chunk's weights by making them again.
 */
export function chunkAttention(outputs: readonly Tensor[], bytes: number): Tensor[] {
  return rewrite(outputs, node => {
    const found = attentionAt(node);
    if (!found) return null;
    const { shape } = found.product;
    const rows = shape.at(-2)!;
    const most = Math.max(1, Math.floor((bytes * rows) / (4 * count(shape))));
    return rows > most ? inChunks(found, Math.ceil(rows / most)) : null;
  });
}

export function attentionAt(node: Tensor): Attention | null {
  const [weights] = node.inputs;
  if (node.op !== 'matmul' || node.attributes.transA || weights.op !== 'softmax') return null;
  const [logits] = weights.inputs;
  const isProduct = (x: Tensor) => x.op === 'matmul' && !x.attributes.transA;
  if (isProduct(logits)) return { product: logits, bias: undefined, node };
  if (logits.op !== 'add') return null;
  const [product, bias] = isProduct(logits.inputs[0]) ? logits.inputs : [...logits.inputs].reverse();
  return isProduct(product) && product.shape.length === logits.shape.length ? { product, bias, node } : null;
}

function inChunks({ product, bias, node }: Attention, chunks: number): Tensor {
  const [queries, keys] = product.inputs;
  const { alpha, ...transposed } = product.attributes as { alpha: number; transB: boolean };
  const axis = product.shape.length - 2;
  const rows = product.shape[axis];
  let last: Tensor | undefined;
  const parts = evenParts(rows, chunks).map(({ start, length }) => {
    const [query] = inTurn([slice(queries, axis, start, length)], last);
    // scaled before, not by the product: so keys are the only factor that chunks share, and their gradients are summed first
    const scores = recomputed(matmul(mul(query, alpha), keys, transposed), query);
    const weights = softmax(bias ? add(scores, biasRows(bias, product, start, length)) : scores);
    last = matmul(recomputed(weights, query), node.inputs[1], node.attributes);
    return last;
  });
  return concat(parts, axis);
}

function biasRows(bias: Tensor, product: Tensor, start: number, length: number): Tensor {
  const axis = bias.shape.length - 2;
  return bias.shape[axis] === product.shape.at(-2) && bias.shape[axis] > 1 ? slice(bias, axis, start, length) : bias;
}
