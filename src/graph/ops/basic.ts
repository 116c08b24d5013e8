import { defineOp } from '../op.ts';
import { count, type Shape, sameShape, show, type Tensor } from '../tensor.ts';

/** The shape that numpy's broadcasting gives, or null where the shapes do not fit. */
export function broadcastShape(a: Shape, b: Shape): Shape | null {
  const rank = Math.max(a.length, b.length);
  const out: number[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return null;
    out.push(Math.max(x, y));
  }
  return out;
}

/** Sums `dy` over the axes along which a value of `shape` was broadcast: the gradient of broadcasting. */
export function unbroadcast(dy: Tensor, shape: Shape): Tensor {
  if (sameShape(dy.shape, shape)) return dy;
  const lead = dy.shape.length - shape.length;
  const axes = dy.shape.flatMap((size, axis) =>
    axis < lead || (shape[axis - lead] === 1 && size !== 1) ? [axis] : [],
  );
  return reshape(sum(dy, axes), shape);
}

const reshapeOp = defineOp<{ shape: Shape }>('reshape', {
  shape([x], { shape }, fail) {
    if (count(x) !== count(shape)) fail(`cannot give shape ${show(shape)}`);
    return shape;
  },
  gradient: (dy, node) => [reshape(dy, node.inputs[0].shape)],
  lower: (emit, [x], { shape }) => emit.reshape(x, shape),
});

export const reshape = (x: Tensor, shape: Shape): Tensor => (sameShape(x.shape, shape) ? x : reshapeOp([x], { shape }));

const sumOp = defineOp<{ axes: readonly number[] }>('sum', {
  shape([x], { axes }, fail) {
    if (axes.some(axis => axis < 0 || axis >= x.length)) fail(`no such axes: ${axes}`);
    return x.map((size, axis) => (axes.includes(axis) ? 1 : size));
  },
  gradient: (dy, node) => [expand(dy, node.inputs[0].shape)],
  lower: (emit, [x], { attributes }) => emit.node('ReduceSum', [x, emit.int64(attributes.axes)], { keepdims: 1 }),
});

/** Sum over axes, which stay as size 1. */
export function sum(x: Tensor, axes: readonly number[]): Tensor {
  // beside axes of size 1 the runtime adds one by one, slower and less exactly
  const long = axes.filter(axis => x.shape[axis] !== 1);
  return long.length === 0 ? x : sumOp([x], { axes: long });
}

const expandOp = defineOp<{ shape: Shape }>('expand', {
  shape([x], { shape }, fail) {
    const out = broadcastShape(x, shape);
    if (!out || !sameShape(out, shape)) fail(`cannot broadcast to ${show(shape)}`);
    return shape;
  },
  gradient: (dy, node) => [unbroadcast(dy, node.inputs[0].shape)],
  lower: (emit, [x], { shape }) => emit.node('Expand', [x, emit.int64(shape)]),
});

/** Broadcasts to a shape. */
export const expand = (x: Tensor, shape: Shape): Tensor => (sameShape(x.shape, shape) ? x : expandOp([x], { shape }));
