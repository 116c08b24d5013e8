import { Random } from '../src/base/random.ts';
import type { Parameter } from '../src/nn/scope.ts';

/** Random weights: speed does not depend on them. */
export const initial = (parameters: ReadonlyMap<string, Parameter>) =>
  new Map([...parameters].map(([name, p]) => [name, p.initialise(p.shape, Random.of(0, name))]));

/** The same with noise for zeros, which would not do where a checkpoint brings wavelengths to divide by. */
export const initialFilled = (parameters: ReadonlyMap<string, Parameter>) =>
  new Map(
    [...initial(parameters)].map(([name, data]) => [name, data.some(x => x !== 0) ? data : noise(name, data.length)]),
  );

/** Uniform in 0..1, the same for the same name. */
export function noise(name: string, length: number): Float32Array {
  const random = Random.of(0, 'data', name);
  return Float32Array.from({ length }, () => random.uniform());
}
