import { constant, count, type Shape, type Tensor } from '../../graph/tensor.ts';

export type Kind = 'float' | 'int' | 'bool';

/** A value of an imported graph: numbers that are known at import (sizes, indices, masks), or a tensor. */
export interface Value {
  readonly kind: Kind;
  readonly shape: Shape;
  /** Row-major; integers are exact up to 2^53, floats are float32. */
  readonly known?: Float64Array;
  /** Truth is 1, falsehood 0. Of a known value made when asked for. */
  tensor?: Tensor;
}

/** A value whose numbers are known. */
export type Known = Value & { readonly known: Float64Array };

export const isKnown = (value: Value): value is Known => value.known !== undefined;

export const known = (kind: Kind, shape: Shape, data: Iterable<number>): Known => ({
  kind,
  shape,
  known: kind === 'float' ? Float64Array.from(Float32Array.from(data)) : Float64Array.from(data),
});

/** A list of integers, as shapes and indices are. */
export const integers = (data: readonly number[]): Known => known('int', [data.length], data);

export const symbolic = (tensor: Tensor, kind: Kind = 'float'): Value => ({ kind, shape: tensor.shape, tensor });

export function tensorOf(value: Value): Tensor {
  value.tensor ??= constant(Float32Array.from(value.known!), value.shape);
  return value.tensor;
}

/** The known numbers in another shape, element by element: `from` gives the place in `x` of a place in the result. */
export function rearranged(x: Known, shape: Shape, from: (place: readonly number[]) => readonly number[]): Known {
  const strides = stridesOf(x.shape);
  const data = new Float64Array(count(shape));
  const place = shape.map(() => 0);
  for (let i = 0; i < data.length; i++) {
    data[i] = x.known[from(place).reduce((at, index, axis) => at + index * strides[axis], 0)];
    advance(place, shape);
  }
  return { kind: x.kind, shape, known: data };
}

/** Element by element, operands broadcast to `shape`. */
export function combined(
  kind: Kind,
  shape: Shape,
  operands: readonly Known[],
  f: (...numbers: number[]) => number,
): Known {
  const spread = operands.map(operand => broadcast(operand, shape).known);
  return known(
    kind,
    shape,
    Array.from({ length: count(shape) }, (_, i) => f(...spread.map(data => data[i]))),
  );
}

/** Known numbers broadcast to a shape. */
export function broadcast(x: Known, shape: Shape): Known {
  const lead = shape.length - x.shape.length;
  return rearranged(x, shape, place => x.shape.map((size, axis) => (size === 1 ? 0 : place[lead + axis])));
}

/** Of row-major data: how far apart neighbours along each axis stand. */
export function stridesOf(shape: Shape): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1] * shape[axis + 1];
  return strides;
}

/** The next place, row-major. */
export function advance(place: number[], shape: Shape): void {
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (++place[axis] < shape[axis]) return;
    place[axis] = 0;
  }
}
