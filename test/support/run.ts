import { Random } from '../../src/base/random.ts';
import { reshape, sum } from '../../src/graph/ops/basic.ts';
import { mul } from '../../src/graph/ops/elementwise.ts';
import { constant, count, type Shape, type Tensor } from '../../src/graph/tensor.ts';
import { compile } from '../../src/runtime/node.ts';
import type { CompileOptions, Feeds, Results } from '../../src/runtime/program.ts';

/** Compiles tensors, runs them once and gives copies of their values. */
export async function evaluate(
  outputs: Readonly<Record<string, Tensor>>,
  feeds: Feeds = {},
  options: CompileOptions = {},
): Promise<Results> {
  const program = await compile({ main: outputs }, { threads: 1, ...options });
  try {
    return copied(await program.run('main', feeds));
  } finally {
    await program.release();
  }
}

/** Results that the next run does not overwrite. */
export const copied = (results: Results): Results =>
  Object.fromEntries(Object.entries(results).map(([name, data]) => [name, data.slice()]));

/** Uniform numbers in [low, high), from a stream of their own. */
export function uniform(shape: Shape, low: number, high: number, ...path: (string | number)[]): Float32Array {
  const random = Random.of(7, ...path);
  return Float32Array.from({ length: count(shape) }, () => random.uniform(low, high));
}

/** The sum of y weighted by fixed numbers: a scalar whose gradient to y is those numbers. */
export function projected(y: Tensor, weights: Float32Array): Tensor {
  const axes = y.shape.map((_, axis) => axis);
  return reshape(sum(mul(y, constant(weights, y.shape)), axes), []);
}
