import { expand } from '../../../graph/ops/basic.ts';
import { concat, pad, slice } from '../../../graph/ops/layout.ts';
import { GraphError, scalar, show, type Tensor } from '../../../graph/tensor.ts';
import type { ImportedNode } from '../node.ts';

export type PadMode = 'constant' | 'reflect' | 'edge';

/** Numbers put before and after an axis; negative amounts take away. @throws GraphError where a mirror has too little. */
export function padAxis(
  x: Tensor,
  axis: number,
  before: number,
  after: number,
  mode: PadMode = 'constant',
  value = 0,
): Tensor {
  if (before < 0 || after < 0) {
    const start = Math.max(0, -before);
    const kept = slice(x, axis, start, x.shape[axis] - start - Math.max(0, -after));
    return padAxis(kept, axis, Math.max(0, before), Math.max(0, after), mode, value);
  }
  if (mode === 'constant' && value === 0) return pad(x, [[axis, before, after]]);
  const size = x.shape[axis];
  if (mode === 'reflect' && Math.max(before, after) >= size) {
    throw new GraphError(`pad: ${Math.max(before, after)} mirrored along axis ${axis} of ${show(x.shape)}`);
  }
  const block = (amount: number, first: boolean): Tensor[] => {
    if (amount === 0) return [];
    const shape = x.shape.map((n, i) => (i === axis ? amount : n));
    if (mode === 'constant') return [expand(scalar(value), shape)];
    if (mode === 'edge') return [expand(slice(x, axis, first ? 0 : size - 1, 1), shape)];
    return [slice(x, axis, first ? amount : size - 2, amount, -1)];
  };
  return concat([...block(before, true), x, ...block(after, false)], axis);
}

/** How a kernel moves over a map [B,C,H,W]: one number for height and one for width each. */
export interface Windows {
  kernel: readonly number[];
  strides: readonly number[];
  dilations: readonly number[];
  /** Before height, before width, after height, after width. */
  pads: readonly number[];
}

/** The attributes that convolutions and pools share. */
export function windowsOf(node: ImportedNode, x: Tensor, kernelOf: readonly number[] | undefined): Windows {
  const kernel = node.ints('kernel_shape') ?? kernelOf ?? node.refuse('has no kernel_shape');
  if (x.shape.length !== 4 || kernel.length !== 2) node.refuse('is not over two spatial axes; only maps [B,C,H,W] are');
  const strides = node.ints('strides') ?? [1, 1];
  const dilations = node.ints('dilations') ?? [1, 1];
  const given = node.ints('pads') ?? [0, 0, 0, 0];
  const auto = node.choice('auto_pad', ['NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID']);
  if (auto === 'NOTSET') return { kernel, strides, dilations, pads: given };
  if (auto === 'VALID') return { kernel, strides, dilations, pads: [0, 0, 0, 0] };
  const pads = samePads(x.shape.slice(2), { kernel, strides, dilations }, auto === 'SAME_UPPER');
  return { kernel, strides, dilations, pads };
}

/** What keeps one place for every stride; where it is odd, more after a map (`upper`) or before it. */
export function samePads(
  sizes: readonly number[],
  { kernel, strides, dilations }: Omit<Windows, 'pads'>,
  upper: boolean,
): number[] {
  const total = sizes.map((size, i) => {
    const reach = (kernel[i] - 1) * dilations[i] + 1;
    return Math.max(0, (Math.ceil(size / strides[i]) - 1) * strides[i] + reach - size);
  });
  const less = total.map(n => Math.floor(n / 2));
  const more = total.map((n, i) => n - less[i]);
  return upper ? [...less, ...more] : [...more, ...less];
}
