import { count, type Shape } from '../../src/graph/tensor.ts';

/** A plain array in double precision: what the engine is compared with. */
export interface Nd {
  shape: Shape;
  data: Float64Array;
}

export const nd = (shape: Shape, data: ArrayLike<number>): Nd => ({ shape, data: Float64Array.from(data) });

/** The array whose element at an index is `value(index)`. */
export function tabulate(shape: Shape, value: (index: readonly number[]) => number): Nd {
  const data = new Float64Array(count(shape));
  const index = shape.map(() => 0);
  for (let i = 0; i < data.length; i++) {
    data[i] = value(index);
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
  }
  return { shape, data };
}

function offset({ shape }: Nd, index: readonly number[]): number {
  const lead = index.length - shape.length;
  let at = 0;
  for (let axis = 0; axis < shape.length; axis++) {
    at = at * shape[axis] + (shape[axis] === 1 ? 0 : index[lead + axis]);
  }
  return at;
}

/** The element at an index, as numpy broadcasts: surplus leading axes are ignored, axes of size 1 repeat. */
export const at = (x: Nd, index: readonly number[]): number => x.data[offset(x, index)];

export function addAt(x: Nd, index: readonly number[], value: number): void {
  x.data[offset(x, index)] += value;
}

/** The sum of `value(i)` over 0 <= i < n. */
export function total(n: number, value: (i: number) => number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += value(i);
  return sum;
}
