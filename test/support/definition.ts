import { gradient } from '../../src/graph/gradient.ts';
import { nameOf, sources, type Tensor } from '../../src/graph/tensor.ts';
import { expectClose } from './close.ts';
import { numericalGradient } from './finite-differences.ts';
import { type Nd, nd } from './nd.ts';
import { evaluate, projected, uniform } from './run.ts';

interface DefinitionOptions {
  /** Of values and gradients, relative to the largest number (at least 1). */
  tolerance?: number;
  /** Sources whose gradients are compared with central differences of the definition. */
  slopes?: readonly string[];
  /** Derivatives taken of each. */
  most?: number;
}

/** Random values of every source by name: uniform in -1..1, variances in .5..1.5. */
export const randomValues = (y: Tensor, ...seed: number[]): Record<string, Float32Array> =>
  Object.fromEntries(
    sources([y]).map(source => {
      const name = nameOf(source);
      const [low, high] = name.endsWith('running_var') ? [0.5, 1.5] : [-1, 1];
      return [name, uniform(source.shape, low, high, name, ...source.shape, ...seed)];
    }),
  );

/** Checks a graph against its definition in plain double arithmetic, which finds its sources by name. */
export async function expectDefinition(
  y: Tensor,
  definition: (of: (name: string) => Nd) => Nd,
  { tolerance = 2e-5, slopes = [], most = 24 }: DefinitionOptions = {},
): Promise<void> {
  const feeds = randomValues(y);
  const arrays = new Map(sources([y]).map(source => [nameOf(source), nd(source.shape, feeds[nameOf(source)])]));
  const of = (name: string): Nd => {
    const found = arrays.get(name);
    if (!found) throw new Error(`the graph has no source ${name}: ${[...arrays.keys()].join(', ')}`);
    return found;
  };
  const weights = uniform(y.shape, -1, 1, 'projection');
  const targets = slopes.map(name => sources([y]).find(source => nameOf(source) === name)!);
  const gradients = targets.length > 0 ? gradient(projected(y, weights), targets) : [];
  const outputs = Object.fromEntries(gradients.map((dx, i) => [`gradient to ${slopes[i]}`, dx]));
  const results = await evaluate({ y, ...outputs }, feeds);
  expectClose(results.y, definition(of).data, tolerance, 'the output');

  const loss = () => definition(of).data.reduce((sum, value, i) => sum + value * weights[i], 0);
  for (const name of slopes) {
    const numerical = numericalGradient(of(name).data, loss, most);
    const found = numerical.map(({ index }) => results[`gradient to ${name}`][index]);
    expectClose(
      found,
      numerical.map(({ value }) => value),
      10 * tolerance,
      `the gradient to ${name}`,
    );
  }
}
