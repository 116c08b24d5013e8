import { expect } from 'vitest';
import { gradient } from '../../src/graph/gradient.ts';
import { nameOf, sources, type Tensor } from '../../src/graph/tensor.ts';
import type { Results } from '../../src/runtime/program.ts';
import { expectClose } from './close.ts';
import { relativeL2 } from './differences.ts';
import { evaluate, projected, uniform } from './run.ts';

export interface Bounds {
  /** Largest error of an element, relative to the largest element. */
  element: number;
  /** Relative error in the L2 norm. */
  l2: number;
}

/** Feeds for every source of a graph: uniform in [-1, 1], weights [O,C,..] scaled by 1/sqrt(C ..). */
export function randomFeeds(outputs: readonly Tensor[]): Record<string, Float32Array> {
  return Object.fromEntries(
    sources(outputs).map(source => {
      const fanIn = source.attributes.rate === 'weights' ? source.shape.slice(1).reduce((n, size) => n * size, 1) : 1;
      const bound = 1 / Math.sqrt(fanIn);
      return [nameOf(source), uniform(source.shape, -bound, bound, nameOf(source), ...source.shape)];
    }),
  );
}

/** Values of y and of the gradients of a fixed projection of y to every source. */
async function valuesAndGradients(y: Tensor, feeds: Record<string, Float32Array>): Promise<Results> {
  const inputs = sources([y]);
  const slopes = gradient(projected(y, uniform(y.shape, -1, 1, 'projection')), inputs);
  return evaluate({ y, ...Object.fromEntries(slopes.map((dx, i) => [`gradient to ${nameOf(inputs[i])}`, dx])) }, feeds);
}

/** Checks that two graphs give equal values and equal gradients to every source. */
export async function expectEqualGraphs(changed: Tensor, original: Tensor, { element, l2 }: Bounds): Promise<void> {
  expect(changed.shape).toEqual(original.shape);
  const feeds = randomFeeds([original]);
  const expected = await valuesAndGradients(original, feeds);
  const actual = await valuesAndGradients(changed, feeds);
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, values] of Object.entries(actual)) {
    expectClose(values, expected[name], element, name);
    expect(relativeL2(values, expected[name]), `L2 error of ${name}`).toBeLessThanOrEqual(l2);
  }
}
