import { UserError } from '../base/errors.ts';
import type { Shape } from '../graph/tensor.ts';
import type { TensorData } from './dtypes.ts';

/** A tensor for computing, row-major; every other type in a file is converted to float32. */
export interface Weight {
  shape: number[];
  data: Float32Array;
}

/** Loaded parameters of a network by their original names. */
export type Weights = Map<string, { shape: Shape; data: Float32Array }>;

/** Which tensors of a file to take. */
export interface WeightSelection {
  /** Only names that begin with this are taken, without it: `module.`, `backbone.`. */
  prefix?: string;
  /** Only names for which this holds are taken, and read at all; it sees them without the prefix. */
  only?: (name: string) => boolean;
}

/**
 * The tensors that are asked for, by the names under which they are wanted.
 *
 * @param source what to call the file in errors.
 * @throws UserError where no name has the prefix.
 */
export function selected<T>(
  all: Iterable<readonly [string, T]>,
  { prefix = '', only = () => true }: WeightSelection,
  source: string,
): [string, T][] {
  const entries = [...all];
  const under = entries.filter(([name]) => name.startsWith(prefix));
  if (under.length === 0 && prefix !== '') {
    const begins = new Set(entries.map(([name]) => name.slice(0, name.search(/[./]|$/) + 1)));
    throw new UserError(
      `${source}: no tensor's name begins with "${prefix}"; names begin with ${[...begins].slice(0, 10).join(', ') || 'nothing: there are none'}`,
    );
  }
  return under.map(([name, tensor]): [string, T] => [name.slice(prefix.length), tensor]).filter(([name]) => only(name));
}

/** Any numbers as float32: the nearest one, the array itself where it is float32. */
export function toFloat32(data: TensorData): Float32Array {
  if (data instanceof Float32Array) return data;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float32Array.from(data, Number);
  return Float32Array.from(data);
}
