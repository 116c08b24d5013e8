import { reshape } from '../graph/ops/basic.ts';
import { abs, relu, sub } from '../graph/ops/elementwise.ts';
import { matmul } from '../graph/ops/linear.ts';
import { constant, type Tensor } from '../graph/tensor.ts';
import { normal, zeros } from '../nn/initialisers.ts';
import type { Scope } from '../nn/scope.ts';

/** Rows of the table. */
const STEPS = 10;

/** The granularities that have a row of their own, from the smallest part to the whole object. */
export const granularities: readonly number[] = Array.from({ length: STEPS }, (_, i) => (i + 1) / STEPS);

/**
 * The row of the table for a granularity, 0 .. 9: clamp(10 g - 1, 0, 9), cut off, in float32 as GraCo's code does
 * (Zhao et al. 2024, arXiv 2405.00587). A granularity between two steps has the row of the lower one.
 */
export function granularityRow(granularity: number): number {
  const place = Math.fround(Math.fround(Math.fround(granularity) * STEPS) - 1);
  return Math.trunc(Math.min(Math.max(place, 0), STEPS - 1));
}

/** How the rows of a table start; see `granularityTokens`. */
export const tableStarts = ['normal', 'zero'] as const;
export type TableStart = (typeof tableStarts)[number];

/**
 * What is added to every token for a granularity, [B,channels,1,1]; parameter `weight` [10,channels].
 *
 * @param rows [B], see `granularityRow`; between two rows they are mixed
 * @param start `normal`: N(0,1), as PyTorch's embeddings and so GraCo's; `zero`: at first the granularity does nothing
 */
export function granularityTokens(rows: Tensor, scope: Scope, channels: number, start: TableStart = 'normal'): Tensor {
  const table = scope.get('weight', [STEPS, channels], start === 'normal' ? normal : zeros);
  const steps = constant(
    Float32Array.from({ length: STEPS }, (_, i) => i),
    [1, STEPS],
  );
  const [batch] = rows.shape;
  // 1 for the row itself, 0 from the next ones on
  const shares = relu(sub(1, abs(sub(reshape(rows, [batch, 1]), steps))));
  return reshape(matmul(shares, table), [batch, channels, 1, 1]);
}
