import { inTurn } from '../graph/in-turn.ts';
import { reshape, sum } from '../graph/ops/basic.ts';
import { add, mul } from '../graph/ops/elementwise.ts';
import { concat, recomputed, slice, transpose } from '../graph/ops/layout.ts';
import { matmul } from '../graph/ops/linear.ts';
import { softmax } from '../graph/ops/reduce.ts';
import { GraphError, type Tensor } from '../graph/tensor.ts';
import type { Scope } from '../nn/scope.ts';
import type { UpsampleOptions } from './types.ts';

/**
 * Of the memory, attention matrices may take all. They are made chunk by chunk in any case; where all chunks together
 * take more than that, none is kept for the gradient or for the next click, but made again.
 */
export type AttentionOptions = UpsampleOptions;

/** What is taken for the memory where nothing is said. */
export const MEMORY = 2e9;

/** Scores of a chunk: what caches hold. Measured from 1 to 16 MB, differences are small. */
const CHUNK_BYTES = 4e6;

/** Every chunk is a piece of graph: many of them take long to compile. */
const MOST_CHUNKS = 48;

/** Matrices like the scores that a chunk holds at once at most, going back. */
const MATRICES = 6;

interface Chunks {
  /** First item and number of items of every chunk. */
  ranges: { start: number; length: number }[];
  /** All matrices fit: they are held. */
  keep: boolean;
}

/**
 * Cuts queries into chunks.
 *
 * @param bytes of what one query's attention holds: a weight for each cell, of all heads, layers and images
 * @param most queries in a chunk, for other reasons than memory
 * @param width queries in a row of pixels: where a chunk takes more, it is made of whole rows, which passes can make
 *   without the rest of the map
 * @throws GraphError where not even one query fits into the memory.
 */
export function chunks(
  count: number,
  bytes: number,
  { memory = MEMORY }: AttentionOptions,
  { most = count, width = 1 }: { most?: number; width?: number } = {},
): Chunks {
  const fit = Math.floor(memory / (MATRICES * bytes));
  if (fit < 1) {
    throw new GraphError(
      `attention: ${memory} bytes of memory are too few, one query takes ${MATRICES * bytes}; give more or a smaller image`,
    );
  }
  const rows = Math.min(fit, most, Math.max(1, Math.floor(CHUNK_BYTES / bytes), Math.ceil(count / MOST_CHUNKS)));
  const unit = rows < width ? 1 : width;
  const n = Math.ceil(count / unit / Math.floor(rows / unit));
  const start = (i: number) => unit * Math.floor((i * count) / unit / n);
  return {
    ranges: Array.from({ length: n }, (_, i) => ({ start: start(i), length: start(i + 1) - start(i) })),
    keep: count * bytes <= memory,
  };
}

/** A projection of tokens [B,N,C] by PyTorch's multi-head attention: 0 for queries, 1 for keys, 2 for values. */
export function inProjection(x: Tensor, scope: Scope, part: 0 | 1 | 2, out: number, { joint = true } = {}): Tensor {
  const size = x.shape[2];
  const weight = joint
    ? slice(scope.get('in_proj_weight', [3 * out, size]), 0, part * out, out)
    : scope.get(`${['q', 'k', 'v'][part]}_proj_weight`, [out, size]);
  const bias = slice(scope.get('in_proj_bias', [3 * out]), 0, part * out, out);
  return add(matmul(x, weight, { transB: true }), bias);
}

/** Tokens [B,N,heads*d] -> [B,heads,N,d]. */
export function toHeads(x: Tensor, heads: number): Tensor {
  const [b, n, c] = x.shape;
  return transpose(reshape(x, [b, n, heads, c / heads]), [0, 2, 1, 3]);
}

/**
 * Every query as the average of the values, weighted by attention averaged over the heads.
 *
 * @param queries [B,heads,N,d].
 * @param keys [B,heads,K,d].
 * @param values [B,C,K].
 * @param width queries in a row of pixels, see `chunks`
 * @returns [B,C,N].
 */
export function averagedAttention(
  queries: Tensor,
  keys: Tensor,
  values: Tensor,
  { width, ...options }: AttentionOptions & { width?: number },
): Tensor {
  const [b, heads, n] = queries.shape;
  const cells = keys.shape[2];
  const { ranges, keep } = chunks(n, 4 * b * (heads + 1) * cells, options, { width });
  let last: Tensor | undefined;
  const parts = ranges.map(({ start, length }) => {
    const [query] = inTurn([slice(queries, 2, start, length)], last);
    const held = holding(query, keep);
    const weights = held(reshape(sum(softmax(held(scores(query, keys))), [1]), [b, length, cells]));
    last = matmul(values, weights, { transB: true, alpha: 1 / heads });
    return last;
  });
  return concat(parts, 2);
}

/** q k^T / sqrt(d) of queries [B,heads,N,d] and keys [B,heads,K,d]. */
export const scores = (queries: Tensor, keys: Tensor): Tensor =>
  // scaled before, not by the product: so keys are its only factor that others share, and `gradient` sums theirs first
  matmul(mul(queries, 1 / Math.sqrt(queries.shape[3])), keys, { transB: true });

/** Marks what is made from `base` as not to be held for the gradient, unless it is kept. */
export const holding =
  (base: Tensor, keep: boolean) =>
  (x: Tensor): Tensor =>
    keep ? x : recomputed(x, base);
