import { gradient } from '../../src/graph/gradient.ts';
import { nameOf, sources, type Tensor } from '../../src/graph/tensor.ts';
import type { Parameter } from '../../src/nn/scope.ts';
import type { Feeds } from '../../src/runtime/program.ts';
import { evaluate } from './run.ts';

/** Of all values those that tensors need. */
export const neededBy = (outputs: readonly Tensor[], values: Feeds): Feeds =>
  Object.fromEntries(sources(outputs).map(source => [nameOf(source), values[nameOf(source)]]));

/** The gradients of a scalar to all parameters, by their names. */
export async function parameterGradients(
  loss: Tensor,
  parameters: ReadonlyMap<string, Parameter>,
  values: Feeds,
): Promise<Map<string, Float32Array>> {
  const names = [...parameters.keys()];
  const gradients = gradient(
    loss,
    names.map(name => parameters.get(name)!.tensor),
  );
  const found = await evaluate(Object.fromEntries(gradients.map((dx, i) => [`${i}`, dx])), neededBy(gradients, values));
  return new Map(names.map((name, i) => [name, found[i]]));
}
