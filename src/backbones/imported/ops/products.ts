import { reshape, sum } from '../../../graph/ops/basic.ts';
import { add, mul } from '../../../graph/ops/elementwise.ts';
import { transpose } from '../../../graph/ops/layout.ts';
import { matmul } from '../../../graph/ops/linear.ts';
import { count, type Tensor } from '../../../graph/tensor.ts';
import type { ImportedNode, Importer, ImportTable } from '../node.ts';

/** As numpy has it: a vector is a row on the left, a column on the right. */
function product(a: Tensor, b: Tensor): Tensor {
  const left = a.shape.length === 1 ? reshape(a, [1, ...a.shape]) : a;
  const right = b.shape.length === 1 ? reshape(b, [...b.shape, 1]) : b;
  const y = matmul(left, right);
  const lead = y.shape.slice(0, -2);
  return reshape(y, [
    ...lead,
    ...(a.shape.length === 1 ? [] : [y.shape.at(-2)!]),
    ...(b.shape.length === 1 ? [] : [y.shape.at(-1)!]),
  ]);
}

const gemm: Importer = node => {
  const [a, b, c] = [node.tensor(0), node.tensor(1), node.optionalTensor(2)];
  const options = { transA: node.flag('transA'), transB: node.flag('transB'), alpha: node.float('alpha', 1) };
  const beta = node.float('beta', 1);
  const y = matmul(a, b, options);
  if (!c) return y;
  return add(y, beta === 1 ? c : mul(c, beta));
};

const fusedMatmul: Importer = node => {
  if (node.flag('transBatchA') || node.flag('transBatchB')) node.refuse('swaps axes of the batch');
  const options = { transA: node.flag('transA'), transB: node.flag('transB'), alpha: node.float('alpha', 1) };
  return matmul(node.tensor(0), node.tensor(1), options);
};

/** Of one or two operands, each letter once in an operand, no ellipsis. */
const einsum: Importer = node => {
  const equation = (node.attribute('equation', 'string') ?? '').replaceAll(' ', '');
  const [, left = '', right, given] = /^([A-Za-z]*)(?:,([A-Za-z]*))?(?:->([A-Za-z]*))?$/.exec(equation) ?? [];
  const terms = right === undefined ? [left] : [left, right];
  const repeated = (term: string) => new Set(term).size !== term.length;
  if (left === '' || terms.length !== node.inputs.length || terms.some(repeated)) {
    node.refuse(`has the equation "${equation}"; supported are one or two operands, each letter once in each`);
  }
  const letters = [...terms.join('')];
  const once = [...new Set(letters)].filter(letter => letters.filter(l => l === letter).length === 1);
  const result = [...(given ?? once.sort().join(''))];
  // what only one operand has and the result has not is summed there
  const operands = terms.map((term, i) => {
    const other = terms[1 - i] ?? '';
    return summed(node, node.tensor(i), [...term], letter => result.includes(letter) || other.includes(letter));
  });
  if (operands.length === 1) return inOrder(operands[0].x, operands[0].letters, result);
  const [a, b] = operands;
  const shared = a.letters.filter(letter => b.letters.includes(letter));
  const batch = shared.filter(letter => result.includes(letter));
  const inner = shared.filter(letter => !result.includes(letter));
  const rows = a.letters.filter(letter => !shared.includes(letter));
  const columns = b.letters.filter(letter => !shared.includes(letter));
  const sizes = new Map([
    ...a.letters.map((l, i) => [l, a.x.shape[i]] as const),
    ...b.letters.map((l, i) => [l, b.x.shape[i]] as const),
  ]);
  const shape = (group: readonly string[]) => group.map(letter => sizes.get(letter)!);
  const matrix = (x: Tensor, from: readonly string[], first: readonly string[], second: readonly string[]) =>
    reshape(inOrder(x, from, [...batch, ...first, ...second]), [
      ...shape(batch),
      count(shape(first)),
      count(shape(second)),
    ]);
  const y = matmul(matrix(a.x, a.letters, rows, inner), matrix(b.x, b.letters, inner, columns));
  const named = [...batch, ...rows, ...columns];
  return inOrder(reshape(y, shape(named)), named, result);
};

const inOrder = (x: Tensor, from: readonly string[], to: readonly string[]): Tensor =>
  transpose(
    x,
    to.map(letter => from.indexOf(letter)),
  );

function summed(node: ImportedNode, x: Tensor, letters: readonly string[], keeps: (letter: string) => boolean) {
  if (letters.length !== x.shape.length)
    node.refuse(`names ${letters.length} axes of an operand that has another number`);
  const axes = letters.flatMap((letter, axis) => (keeps(letter) ? [] : [axis]));
  const kept = letters.filter(keeps);
  const y = reshape(
    sum(x, axes),
    x.shape.filter((_, axis) => !axes.includes(axis)),
  );
  return { x: y, letters: kept };
}

/** Matrix products. */
export const products: ImportTable = {
  MatMul: node => product(node.tensor(0), node.tensor(1)),
  Gemm: gemm,
  Einsum: einsum,
  'com.microsoft.FusedMatMul': fusedMatmul,
};
