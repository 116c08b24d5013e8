import { sum } from '../graph/ops/basic.ts';
import { add, div, mul, sub } from '../graph/ops/elementwise.ts';
import { slice } from '../graph/ops/layout.ts';
import { matmul } from '../graph/ops/linear.ts';
import { constant, type Tensor } from '../graph/tensor.ts';

/**
 * X of (A + ridge m I) X = B for a symmetric matrix A [n,n] without negative eigenvalues, m being the mean of its diagonal,
 * and B [n,columns]. By the inverse, and once more for what that leaves over.
 */
export function ridgeSolve(matrix: Tensor, ridge: number, right: Tensor): Tensor {
  const [n] = matrix.shape;
  const identity = diagonal(n, 1);
  const trace = sum(mul(matrix, identity), [0, 1]);
  const regular = add(matrix, mul(identity, mul(trace, ridge / n)));
  const inverse = inverseOf(regular);
  const first = matmul(inverse, right);
  return add(first, matmul(inverse, sub(right, matmul(regular, first))));
}

/**
 * The inverse of a symmetric matrix [n,n] with positive eigenvalues, by sweeps (Goodnight 1979, "A Tutorial on the SWEEP
 * Operator"): every row in turn is taken out of all others, and what is left of the matrix is its inverse, negative, with
 * 2 added on the diagonal.
 */
function inverseOf(matrix: Tensor): Tensor {
  const [n] = matrix.shape;
  let left = matrix;
  for (let k = 0; k < n; k++) {
    const row = slice(left, 0, k, 1);
    const pivot = slice(row, 1, k, 1);
    const unit = new Float32Array(n);
    unit[k] = 1;
    const less = sub(row, constant(unit, [1, n]));
    left = sub(left, matmul(less, div(less, pivot), { transA: true }));
  }
  return sub(diagonal(n, 2), left);
}

const diagonal = (n: number, value: number): Tensor =>
  constant(
    Float32Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? value : 0)),
    [n, n],
  );
