import { type Emitter, INT64 } from '../onnx/emitter.ts';
import { defineOp } from '../op.ts';
import { count, type Shape, type Tensor } from '../tensor.ts';
import { reshape } from './basic.ts';

const transposeOp = defineOp<{ permutation: readonly number[] }>('transpose', {
  shape([x], { permutation }, fail) {
    const axes = permutation.filter(axis => axis in x);
    if (permutation.length !== x.length || new Set(axes).size !== x.length) fail(`permutation ${permutation}`);
    return permutation.map(axis => x[axis]);
  },
  gradient: (dy, { attributes: { permutation } }) => [
    transpose(
      dy,
      permutation.map((_, axis) => permutation.indexOf(axis)),
    ),
  ],
  lower(emit, [x], { shape, inputs, attributes: { permutation } }) {
    const last = permutation.length - 1;
    const place = permutation.indexOf(last);
    const rest = permutation.filter(axis => axis !== last);
    const size = shape[place];
    const inOrder = rest.every((axis, i) => i === 0 || axis > rest[i - 1]);
    if (place === last || inOrder || size < LEAST_RUN) return emit.node('Transpose', [x], { perm: permutation });
    // number by number it takes several times as long as whole runs first, then rows to columns
    const runs = emit.node('Transpose', [x], { perm: [...rest, last] });
    const outer = count(shape.slice(0, place));
    const rows = emit.reshape(runs, [outer, count(inputs[0].shape) / (outer * size), size]);
    return emit.reshape(emit.node('Transpose', [rows], { perm: [0, 2, 1] }), shape);
  },
});
/** Numbers that lie together, from which on they are worth moving together first. */
const LEAST_RUN = 32;

/** Output axis i is input axis `permutation[i]`. */
export function transpose(x: Tensor, permutation: readonly number[]): Tensor {
  const transposed = transposeOp([x], { permutation });
  if (permutation.every((axis, i) => axis === i)) return x;
  // moving only axes of size 1 moves no data
  const moved = permutation.filter(axis => x.shape[axis] !== 1);
  return moved.every((axis, i) => i === 0 || axis > moved[i - 1]) ? reshape(x, transposed.shape) : transposed;
}

interface Cut extends Record<string, number> {
  axis: number;
  start: number;
  step: number;
  /** Number of items taken. */
  length: number;
}

/** Has a second input where the slice waits for another value, see `after`. */
const sliceOp = defineOp<Cut>('slice', {
  shape([x], { axis, start, step, length }, fail) {
    const last = start + (length - 1) * step;
    const inside = start >= 0 && start < x[axis] && last >= 0 && last < x[axis];
    if (!inside || length < 1 || step === 0) fail(`items ${start}..${last} step ${step} of axis ${axis}`);
    return x.map((size, i) => (i === axis ? length : size));
  },
  gradient: (dy, { inputs: [x], attributes: { axis, start, step } }) => [
    unslice(dy, axis, start, step, x.shape[axis]),
    null,
  ],
  lower(emit, [x, earlier], { inputs, attributes: { axis, start, step, length } }) {
    const end = start + length * step;
    // a negative end would count from the back
    const stop = end < 0 ? -(2 ** 53 - 1) : end;
    const constant = emit.int64([start]);
    const zero = earlier && emit.node('Cast', [emit.zeroFrom(earlier, count(inputs[1].shape))], { to: INT64 });
    const from = zero ? emit.node('Add', [constant, zero]) : constant;
    return emit.node('Slice', [x, from, emit.int64([stop]), emit.int64([axis]), emit.int64([step])]);
  },
});
/** `length` items of an axis from `start`, every `step`-th (negative: backwards). */
export function slice(x: Tensor, axis: number, start: number, length: number, step = 1): Tensor {
  return start === 0 && step === 1 && length === x.shape[axis] ? x : sliceOp([x], { axis, start, step, length });
}

const unsliceOp = defineOp<{ axis: number; start: number; step: number; size: number }>('unslice', {
  shape([x], { axis, start, step, size }, fail) {
    const last = start + (x[axis] - 1) * step;
    const inside = Math.min(start, last) >= 0 && Math.max(start, last) < size;
    if (!inside || step === 0) fail(`items ${start}..${last} step ${step} of axis ${axis} do not fit into ${size}`);
    return x.map((n, i) => (i === axis ? size : n));
  },
  gradient: (dy, { inputs: [x], attributes: { axis, start, step } }) => [slice(dy, axis, start, x.shape[axis], step)],
  lower(emit, [x], { inputs, attributes: { axis, start, step, size } }) {
    const shape = inputs[0].shape;
    const n = shape[axis];
    const span = Math.abs(step);
    let value = x;
    let low = start;
    if (step < 0) {
      value = emit.node('Slice', [
        value,
        emit.int64([n - 1]),
        emit.int64([-(n + 1)]),
        emit.int64([axis]),
        emit.int64([-1]),
      ]);
      low = start + (n - 1) * step;
    }
    let length = n;
    if (span > 1) {
      // n items -> n groups of `span`, the first of each filled; the last group is cut to its item
      const grouped = emit.node('Reshape', [
        value,
        emit.int64([...shape.slice(0, axis + 1), 1, ...shape.slice(axis + 1)]),
      ]);
      const stuffed = padNode(emit, grouped, shape.length + 1, axis + 1, 0, span - 1);
      value = emit.node('Reshape', [stuffed, emit.int64(shape.map((s, i) => (i === axis ? n * span : s)))]);
      length = (n - 1) * span + 1;
      value = emit.node('Slice', [value, emit.int64([0]), emit.int64([length]), emit.int64([axis])]);
    }
    return padNode(emit, value, shape.length, axis, low, size - low - length);
  },
});
/** The adjoint of `slice`: items put back at their places in an axis of `size`, zeros elsewhere. */
export function unslice(x: Tensor, axis: number, start: number, step: number, size: number): Tensor {
  return start === 0 && step === 1 && size === x.shape[axis] ? x : unsliceOp([x], { axis, start, step, size });
}

function padNode(emit: Emitter, x: string, rank: number, axis: number, before: number, after: number): string {
  const pads = Array.from({ length: 2 * rank }, (_, i) => (i === axis ? before : i === axis + rank ? after : 0));
  return emit.node('Pad', [x, emit.int64(pads)]);
}

const concatOp = defineOp<{ axis: number }>('concat', {
  shape(shapes, { axis }, fail) {
    const [first = []] = shapes;
    if (!(axis in first)) fail(`no axis ${axis} to join along`);
    const fits = (s: Shape) => s.length === first.length && s.every((size, i) => i === axis || size === first[i]);
    if (!shapes.every(fits)) fail(`shapes differ beside axis ${axis}`);
    return first.map((size, i) => (i === axis ? shapes.reduce((total, s) => total + s[axis], 0) : size));
  },
  gradient(dy, { inputs, attributes: { axis } }) {
    let at = 0;
    return inputs.map(x => {
      at += x.shape[axis];
      return slice(dy, axis, at - x.shape[axis], x.shape[axis]);
    });
  },
  lower: (emit, inputs, { attributes }) => emit.node('Concat', inputs, { axis: attributes.axis }),
});
export const concat = (parts: readonly Tensor[], axis: number): Tensor =>
  parts.length === 1 ? parts[0] : concatOp(parts, { axis });

/** Zeros around axes: `pads` is [axis, before, after] for each. */
export function pad(x: Tensor, pads: readonly (readonly [axis: number, before: number, after: number])[]): Tensor {
  return pads.reduce(
    (value, [axis, before, after]) => unslice(value, axis, before, 1, before + value.shape[axis] + after),
    x,
  );
}

/** Mirror image along an axis. */
export const reverse = (x: Tensor, axis: number): Tensor => slice(x, axis, x.shape[axis] - 1, x.shape[axis], -1);

const afterOp = defineOp('after', {
  shape: ([x]) => x,
  gradient: dy => [dy, null],
  lower: (emit, [x, earlier], { inputs }) => emit.node('Add', [x, emit.zeroFrom(earlier, count(inputs[1].shape))]),
});
/** x, but computed only once `earlier` is there. Orders a computation so that less is held at once. */
export const after = (x: Tensor, earlier: Tensor): Tensor =>
  x.op === 'slice' ? sliceOp([x.inputs[0], earlier], x.attributes as Cut) : afterOp([x, earlier], {});

/** What a node waits for without using its value. */
export const waitsFor = (node: Tensor): Tensor | undefined =>
  node.op === 'after' || node.op === 'slice' ? node.inputs[1] : undefined;

const recomputedOp = defineOp('recomputed', {
  shape: ([x]) => x,
  gradient: dy => [dy, null],
  lower: (_, [x]) => x,
});
/**
 * x, a value made from `base`, that is not to be held for the gradient: gradient rules get a copy of its computation
 * from `base` instead.
 */
export const recomputed = (x: Tensor, base: Tensor): Tensor => recomputedOp([x, base], {});
