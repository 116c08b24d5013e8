import type { Emitter } from '../onnx/emitter.ts';
import { defineOp } from '../op.ts';
import { count, type Matrix, type Shape, type Tensor } from '../tensor.ts';
import { broadcastShape, unbroadcast } from './basic.ts';

interface MatmulOptions {
  transA?: boolean;
  transB?: boolean;
  /** Factor on the result. */
  alpha?: number;
}
type MatmulAttributes = { transA: boolean; transB: boolean; alpha: number };

const matmulOp = defineOp<MatmulAttributes>('matmul', {
  shape([a, b], { transA, transB }, fail) {
    if (a.length < 2 || b.length < 2) fail('needs matrices');
    const [m, k] = transA ? [a.at(-1)!, a.at(-2)!] : [a.at(-2)!, a.at(-1)!];
    const [k2, n] = transB ? [b.at(-1)!, b.at(-2)!] : [b.at(-2)!, b.at(-1)!];
    const batch = broadcastShape(a.slice(0, -2), b.slice(0, -2));
    if (k !== k2 || !batch)
      fail(`inner sizes ${k} and ${k2} or batches differ${transA || transB ? ' (transposed)' : ''}`);
    return [...batch!, m, n];
  },
  gradient(dy, { inputs: [a, b], attributes: { transA, transB, alpha } }) {
    const da = transA
      ? matmul(b, dy, { transA: transB, transB: true, alpha })
      : matmul(dy, b, { transB: !transB, alpha });
    const db = transB
      ? matmul(dy, a, { transA: true, transB: transA, alpha })
      : matmul(a, dy, { transA: !transA, alpha });
    return [unbroadcast(da, a.shape), unbroadcast(db, b.shape)];
  },
  lower(emit, inputs, { attributes: { transA, transB, alpha } }) {
    if (!transA && !transB && alpha === 1) return emit.node('MatMul', inputs);
    const attributes = { transA: transA ? 1 : 0, transB: transB ? 1 : 0, alpha: { float: alpha } };
    return emit.node('FusedMatMul', inputs, attributes, { domain: 'com.microsoft' });
  },
});

/** alpha * op(a) op(b) over the last two axes, op being the transposition where asked; leading axes broadcast. */
export function matmul(
  a: Tensor,
  b: Tensor,
  { transA = false, transB = false, alpha = 1 }: MatmulOptions = {},
): Tensor {
  return matmulOp([a, b], { transA, transB, alpha });
}

type ResampleAttributes = { vertical: Matrix | undefined; horizontal: Matrix | undefined };

const resampleOp = defineOp<ResampleAttributes>('resample', {
  shape([x], { vertical, horizontal }, fail) {
    const [h, w] = x.slice(-2);
    if (x.length < 2) fail('needs rows and columns');
    if ((vertical && vertical.cols !== h) || (horizontal && horizontal.cols !== w)) fail('matrices of other sizes');
    return [...x.slice(0, -2), vertical?.rows ?? h, horizontal?.rows ?? w];
  },
  gradient: (dy, { attributes: { vertical, horizontal } }) => [
    resample(dy, vertical && transposed(vertical), horizontal && transposed(horizontal)),
  ],
  lower(emit, [x], { inputs, attributes: { vertical, horizontal } }) {
    const shape = inputs[0].shape;
    const [h, w] = shape.slice(-2);
    const rows = (value: string) => (vertical ? emit.node('MatMul', [matrix(emit, vertical), value]) : value);
    const columns = (value: string) =>
      horizontal ? emit.node('MatMul', [value, matrix(emit, transposed(horizontal))]) : value;
    if (!horizontal || resampleCost(shape, vertical, horizontal).rowsFirst) return columns(rows(x));
    // all rows of all channels are one matrix: one product instead of one a channel
    const flat = emit.reshape(x, [count(shape) / w, w]);
    return rows(emit.reshape(columns(flat), [...shape.slice(0, -2), h, horizontal.rows]));
  },
});

/**
 * A linear map along rows and one along columns, the same for every channel: y = V x H^T for each channel of
 * x [..., h, w]. Every resize, crop, pooling and mirroring of maps is one of these.
 */
export function resample(x: Tensor, vertical: Matrix | undefined, horizontal: Matrix | undefined): Tensor {
  return vertical || horizontal ? resampleOp([x], { vertical, horizontal }) : x;
}

/** Multiply-adds of a resampling, in the cheaper of the two orders. */
export function resampleCost(
  shape: Shape,
  vertical?: Matrix,
  horizontal?: Matrix,
): { cost: number; rowsFirst: boolean } {
  const [h, w] = shape.slice(-2);
  const channels = count(shape) / (h * w);
  const rowsFirst =
    (vertical ? vertical.rows * h * w : 0) + (horizontal ? (vertical?.rows ?? h) * horizontal.rows * w : 0);
  const columnsFirst =
    (horizontal ? horizontal.rows * h * w : 0) + (vertical ? vertical.rows * h * (horizontal?.rows ?? w) : 0);
  return { cost: channels * Math.min(rowsFirst, columnsFirst), rowsFirst: rowsFirst < columnsFirst };
}

const transposes = new WeakMap<Matrix, Matrix>();

function transposed(matrix: Matrix): Matrix {
  let out = transposes.get(matrix);
  if (!out) {
    const { rows, cols, data } = matrix;
    const swapped = new Float32Array(data.length);
    for (let i = 0; i < rows; i++) for (let j = 0; j < cols; j++) swapped[j * rows + i] = data[i * cols + j];
    out = { rows: cols, cols: rows, data: swapped };
    transposes.set(matrix, out);
    transposes.set(out, matrix);
  }
  return out;
}

const emitted = new WeakMap<Emitter, Map<Matrix, string>>();

function matrix(emit: Emitter, m: Matrix): string {
  const known = emitted.get(emit) ?? new Map<Matrix, string>();
  emitted.set(emit, known);
  const name = known.get(m) ?? emit.float32(m.data, [m.rows, m.cols]);
  known.set(m, name);
  return name;
}
