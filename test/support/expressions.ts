import fc from 'fast-check';
import { add, mul, sin } from '../../src/graph/ops/elementwise.ts';
import { constant, input, nameOf, type Rate, rates, type Tensor, topological } from '../../src/graph/tensor.ts';

/** Two sources of every rate, each a vector of three. */
export const leaves: readonly Tensor[] = rates.flatMap(rate => [0, 1].map(i => input(`${rate}${i}`, [3], rate)));

export const ofRate = (...wanted: Rate[]): string[] =>
  leaves.filter(leaf => wanted.includes(leaf.attributes.rate as Rate)).map(nameOf);

/** How to build an expression: each step combines two of the values before it. */
export type Recipe = readonly { op: number; a: number; b: number }[];

export const recipes = (steps: number): fc.Arbitrary<Recipe> =>
  fc.array(fc.record({ op: fc.nat(4), a: fc.nat(1000), b: fc.nat(1000) }), { minLength: 2, maxLength: steps });

/** All values of a recipe: the leaves and one for each step, all [3]. */
export function build(recipe: Recipe): Tensor[] {
  const values = [...leaves];
  for (const { op, a, b } of recipe) {
    const [x, y] = [values[a % values.length], values[b % values.length]];
    const made = [() => add(x, y), () => mul(x, y), () => sin(x), () => mul(x, 0.5), () => add(x, fixed((b % 3) / 4))];
    values.push(made[op]());
  }
  return values;
}

/** Equal contents in different objects. */
const fixed = (value: number): Tensor => constant(Float32Array.of(value, value, -value), [3]);

/** Computes expressions of add, mul and sin over vectors of three in plain JavaScript. */
export function interpret(outputs: readonly Tensor[], feeds: Readonly<Record<string, Float32Array>>): number[][] {
  const known = new Map<Tensor, number[]>();
  for (const node of topological(outputs)) known.set(node, compute(node));
  return outputs.map(y => known.get(y)!);

  function compute(node: Tensor): number[] {
    if (node.op === 'input') return [...feeds[nameOf(node)]];
    if (node.op === 'constant') {
      const data = node.attributes.data as Float32Array;
      return data.length === 1 ? [data[0], data[0], data[0]] : [...data];
    }
    const [a, b] = node.inputs.map(x => known.get(x)!);
    if (node.op === 'add') return a.map((v, i) => v + b[i]);
    if (node.op === 'mul') return a.map((v, i) => v * b[i]);
    if (node.op === 'sin') return a.map(Math.sin);
    throw new Error(`no such expression: ${node.op}`);
  }
}
