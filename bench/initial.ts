import { Random } from '../src/base/random.ts';
import { count } from '../src/graph/tensor.ts';
import { type Initialiser, uniformFanIn } from '../src/nn/initialisers.ts';
import type { Parameter } from '../src/nn/scope.ts';

/** Random weights: speed does not depend on them. */
export const initial = (parameters: ReadonlyMap<string, Parameter>) =>
  new Map([...parameters].map(([name, p]) => [name, p.initialise(p.shape, Random.of(0, name))]));

/**
 * The same with noise for zeros, which would not do where a checkpoint brings wavelengths to divide by. Matrices get numbers
 * as trained ones have them: larger ones would make attention so sharp that products are slowed down by weights below what
 * float32 is made for (denormal numbers).
 */
export const initialFilled = (parameters: ReadonlyMap<string, Parameter>) =>
  new Map(
    [...initial(parameters)].map(([name, data]) => {
      if (data.some(x => x !== 0)) return [name, data];
      const { shape } = parameters.get(name)!;
      const filled = shape.length > 1 ? uniformFanIn(count(shape.slice(1))) : uniform;
      return [name, filled(shape, Random.of(0, 'data', name))];
    }),
  );

const uniform: Initialiser = (shape, random) => Float32Array.from({ length: count(shape) }, () => random.uniform());

/** Uniform in 0..1, the same for the same name. */
export function noise(name: string, length: number): Float32Array {
  return uniform([length], Random.of(0, 'data', name));
}
