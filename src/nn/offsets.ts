import { expand, reshape } from '../graph/ops/basic.ts';
import { reverse, slice } from '../graph/ops/layout.ts';
import type { Tensor } from '../graph/tensor.ts';

/**
 * A table of offsets spread over pairs: y[a,i,j,c] = x[a,i-j+n-1,c], from [a,2n-1,c] to [a,n,n,c].
 *
 * With the mirrored table as one period of 2n-1 items, repeated and then cut into lines of 2n-2, each line begins one
 * item earlier. No gather and no index matrix, so a model file holds the table only and the runtime folds the rest.
 */
export function byOffset(x: Tensor): Tensor {
  const [a, period, c] = x.shape;
  const n = (period + 1) / 2;
  if (n === 1) return reshape(x, [a, 1, 1, c]);
  const mirrored = reverse(x, 1);
  const repeated = reshape(expand(reshape(mirrored, [a, 1, period, c]), [a, n, period, c]), [a, n * period, c]);
  const lines = reshape(slice(repeated, 1, n - 1, n * (period - 1)), [a, n, period - 1, c]);
  return slice(lines, 2, 0, n);
}
