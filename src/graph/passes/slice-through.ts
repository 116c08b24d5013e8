import { isElementwise, makeNode } from '../op.ts';
import { reshape } from '../ops/basic.ts';
import { type ConvAttributes, conv2d, convTranspose2d } from '../ops/conv.ts';
import { concat, slice, unslice } from '../ops/layout.ts';
import { resample } from '../ops/linear.ts';
import { windows } from '../ops/windows.ts';
import type { Matrix, Tensor } from '../tensor.ts';

/** Items `start` .. `start + length - 1` of an axis of a tensor. */
export interface Cut {
  axis: number;
  start: number;
  length: number;
}

/** Makes a cut of a tensor. */
export type Cutter = (x: Tensor, cut: Cut) => Tensor;

/**
 * A cut of a node from cuts of its inputs, with the same numbers; null where its op needs more of them than that. What a
 * node waits for is left out.
 *
 * @param of makes the cuts of inputs
 * @param all makes inputs that are needed in full
 */
export function sliceThrough(node: Tensor, cut: Cut, of: Cutter, all: (x: Tensor) => Tensor): Tensor | null {
  const { op, inputs, attributes, shape } = node;
  const { axis, start, length } = cut;
  const fromEnd = shape.length - axis;
  if (isElementwise(node) || op === 'expand') {
    const own = inputs.map(x => {
      const at = x.shape.length - fromEnd;
      return at >= 0 && x.shape[at] === shape[axis] ? of(x, { ...cut, axis: at }) : all(x);
    });
    const size = shape.with(axis, length);
    return makeNode(op, own, op === 'expand' ? { shape: size } : attributes);
  }
  switch (op) {
    case 'after':
    case 'detach':
    case 'recomputed':
      return of(inputs[0], cut);
    case 'reshape':
      return throughReshape(node, cut, of);
    case 'transpose': {
      const permutation = attributes.permutation as readonly number[];
      return makeNode(op, [of(inputs[0], { ...cut, axis: permutation[axis] })], attributes);
    }
    case 'slice':
      return throughSlice(node, cut, of);
    case 'unslice':
      return throughUnslice(node, cut, of);
    case 'concat':
      return attributes.axis === axis
        ? concat(overlapping(inputs, cut, of), axis)
        : concat(
            inputs.map(x => of(x, cut)),
            attributes.axis as number,
          );
    case 'sum':
      return (attributes.axes as readonly number[]).includes(axis)
        ? null
        : makeNode(op, [of(inputs[0], cut)], attributes);
    case 'softmax':
    case 'layerNorm':
      return fromEnd === 1 ? null : makeNode(op, [of(inputs[0], cut), ...inputs.slice(1).map(all)], attributes);
    case 'matmul':
      return throughMatmul(node, cut, of, all);
    case 'resample': {
      const { vertical, horizontal } = attributes as { vertical?: Matrix; horizontal?: Matrix };
      if (fromEnd === 1) return horizontal ? null : resample(of(inputs[0], cut), vertical, undefined);
      if (fromEnd > 2 || !vertical) return resample(of(inputs[0], cut), vertical, horizontal);
      const rows = submatrix(vertical, start, length);
      const { matrix, from } = usedColumns(rows);
      // most of what is small (a convolution below a resampling sees copies one below the other)
      if (vertical.rows >= 1.5 * vertical.cols && 2 * matrix.cols > vertical.cols)
        return resample(all(inputs[0]), rows, horizontal);
      return resample(of(inputs[0], { axis, start: from, length: matrix.cols }), matrix, horizontal);
    }
    case 'windows':
      return throughWindows(node, cut, of);
    case 'conv2d':
      return throughConv(node, cut, of, all);
    case 'convTranspose2d':
      return throughConvTranspose(node, cut, of, all);
    default:
      return null;
  }
}

/** The inputs of a concatenation that lie in a cut along its axis, the first and the last cut. */
export function overlapping(parts: readonly Tensor[], { axis, start, length }: Cut, of: Cutter): Tensor[] {
  let at = 0;
  return parts.flatMap(part => {
    const [first, end] = [Math.max(start, at), Math.min(start + length, at + part.shape[axis])];
    const cut = { axis, start: first - at, length: end - first };
    at += part.shape[axis];
    return end > first ? [of(part, cut)] : [];
  });
}

const product = (sizes: readonly number[]): number => sizes.reduce((n, size) => n * size, 1);

/** The input's axis that holds the same numbers with as many before it. */
function throughReshape({ inputs: [x], shape }: Tensor, { axis, start, length }: Cut, of: Cutter): Tensor | null {
  const outer = product(shape.slice(0, axis));
  const inner = product(shape.slice(axis + 1));
  for (let at = 0; at < x.shape.length; at++) {
    const own = product(x.shape.slice(at + 1));
    if (product(x.shape.slice(0, at)) !== outer || (start * inner) % own !== 0 || (length * inner) % own !== 0)
      continue;
    if (x.shape[at] === 1 && length * inner !== own) continue;
    const cut = { axis: at, start: (start * inner) / own, length: (length * inner) / own };
    if (cut.start + cut.length > x.shape[at]) continue;
    return reshape(of(x, cut), shape.with(axis, length));
  }
  return null;
}

function throughSlice({ inputs: [x], attributes }: Tensor, cut: Cut, of: Cutter): Tensor {
  const own = attributes as { axis: number; start: number; step: number; length: number };
  if (own.axis !== cut.axis) return slice(of(x, cut), own.axis, own.start, own.length, own.step);
  const first = own.start + cut.start * own.step;
  if (own.step === 1) return of(x, { ...cut, start: first });
  const last = first + (cut.length - 1) * own.step;
  const from = Math.min(first, last);
  return slice(
    of(x, { axis: cut.axis, start: from, length: Math.abs(last - first) + 1 }),
    cut.axis,
    first - from,
    cut.length,
    own.step,
  );
}

function throughUnslice({ inputs: [x], attributes }: Tensor, cut: Cut, of: Cutter): Tensor | null {
  const { axis, start, step, size } = attributes as { axis: number; start: number; step: number; size: number };
  if (axis !== cut.axis) return unslice(of(x, cut), axis, start, step, size);
  if (step !== 1) return null;
  const first = Math.max(cut.start, start);
  const end = Math.min(cut.start + cut.length, start + x.shape[axis]);
  // nothing but zeros
  if (end <= first) return null;
  const inside = of(x, { axis, start: first - start, length: end - first });
  return unslice(inside, axis, first - cut.start, 1, cut.length);
}

function throughMatmul(
  { inputs: [a, b], attributes, shape }: Tensor,
  cut: Cut,
  of: Cutter,
  all: (x: Tensor) => Tensor,
) {
  const { transA, transB } = attributes as { transA: boolean; transB: boolean };
  const fromEnd = shape.length - cut.axis;
  const at = (x: Tensor, end: number) => ({ ...cut, axis: x.shape.length - end });
  if (fromEnd === 2) return makeNode('matmul', [of(a, at(a, transA ? 1 : 2)), all(b)], attributes);
  if (fromEnd === 1) return makeNode('matmul', [all(a), of(b, at(b, transB ? 2 : 1))], attributes);
  const batch = (x: Tensor) => {
    const own = at(x, fromEnd);
    return own.axis >= 0 && x.shape[own.axis] === shape[cut.axis] ? of(x, own) : all(x);
  };
  return makeNode('matmul', [batch(a), batch(b)], attributes);
}

/** Rows or columns of windows from the cells that these see. */
function throughWindows({ inputs: [x], attributes }: Tensor, cut: Cut, of: Cutter): Tensor | null {
  const { side, step } = attributes as { side: number; step: number };
  if (cut.axis === 3) return null;
  const { axis, start, length } = cut;
  if (axis === 0) return windows(of(x, cut), side, step);
  if (axis === 4) return windows(of(x, { ...cut, axis: 3 }), side, step);
  return windows(of(x, { axis, start: start * step, length: (length - 1) * step + side }), side, step);
}

/** Images, or rows from the rows that they see. */
function throughConv(node: Tensor, cut: Cut, of: Cutter, all: (x: Tensor) => Tensor): Tensor | null {
  const [x, w, bias] = node.inputs;
  const { pads, ...options } = node.attributes as unknown as ConvAttributes;
  const weight = all(w);
  const added = bias && all(bias);
  if (cut.axis === 0) return conv2d(of(x, cut), weight, added, { ...options, pads });
  if (cut.axis !== 2) return null;
  const { stride, dilation } = options;
  const top = cut.start * stride - pads[0];
  const bottom = top + (cut.length - 1) * stride + (w.shape[2] - 1) * dilation + 1;
  const [first, end] = [Math.max(0, top), Math.min(x.shape[2], bottom)];
  // nothing but padding
  if (end <= first) return null;
  const seen = of(x, { axis: 2, start: first, length: end - first });
  return conv2d(seen, weight, added, { ...options, pads: [first - top, pads[1], bottom - end, pads[3]] });
}

/** Images, or rows from the rows that have a share in them. */
function throughConvTranspose(node: Tensor, cut: Cut, of: Cutter, all: (x: Tensor) => Tensor): Tensor | null {
  const [x, w] = node.inputs;
  const { pads, ...options } = node.attributes as unknown as ConvAttributes;
  const width = node.shape[3];
  if (cut.axis === 0) return convTranspose2d(of(x, cut), all(w), { ...options, pads, size: [node.shape[2], width] });
  if (cut.axis !== 2) return null;
  const { stride, dilation } = options;
  const reach = dilation * (w.shape[2] - 1);
  // counted from where the first row of the input begins
  const top = cut.start + pads[0];
  const last = Math.min(x.shape[2] - 1, Math.floor((top + cut.length - 1) / stride));
  const first = Math.min(last, Math.max(0, Math.ceil((top - reach) / stride)), Math.floor(top / stride));
  const above = top - first * stride;
  const below = Math.max(0, (last - first) * stride + reach + 1 - above - cut.length);
  const part = of(x, { axis: 2, start: first, length: last - first + 1 });
  const size = [cut.length, width];
  return convTranspose2d(part, all(w), { ...options, pads: [above, pads[1], below, pads[3]], size });
}

const submatrix = ({ cols, data }: Matrix, start: number, length: number): Matrix => ({
  rows: length,
  cols,
  data: data.subarray(start * cols, (start + length) * cols),
});

/** The columns of a matrix from the first to the last that holds anything but 0. */
function usedColumns({ rows, cols, data }: Matrix): { matrix: Matrix; from: number } {
  let [from, last] = [cols, -1];
  data.forEach((value, i) => {
    if (value === 0) return;
    from = Math.min(from, i % cols);
    last = Math.max(last, i % cols);
  });
  // rows of zeros
  if (last < 0) [from, last] = [0, 0];
  const width = last - from + 1;
  const cut = Float32Array.from(
    { length: rows * width },
    (_, i) => data[Math.floor(i / width) * cols + from + (i % width)],
  );
  return { matrix: { rows, cols: width, data: cut }, from };
}
