import { expect, it } from 'vitest';
import { gradient } from '../../src/graph/gradient.ts';
import { opTable } from '../../src/graph/op.ts';
import { count, GraphError, input, type Shape, type Tensor, topological } from '../../src/graph/tensor.ts';
import { expectClose } from './close.ts';
import { numericalGradient } from './finite-differences.ts';
import { type Nd, nd } from './nd.ts';
import { evaluate, projected, uniform } from './run.ts';

/** One use of an op: how the engine builds it and what it must compute. */
export interface OpCase {
  title: string;
  shapes: readonly Shape[];
  build(...inputs: Tensor[]): Tensor;
  /** The same in plain JavaScript. */
  reference(...inputs: Nd[]): Nd;
  /** Where inputs are drawn from; [-1.5, 1.5] by default. */
  range?: readonly [low: number, high: number];
  /** Inputs that no gradient flows to. */
  blocked?: readonly number[];
}

/** Cases by the name of the op that they use. */
export type OpCases = Readonly<Record<string, readonly OpCase[]>>;

/** float32 rounding of sums of some hundred terms. */
const FORWARD = 4e-6;
const BACKWARD = 2e-5;

/** Checks shape and values against the reference, every gradient against central differences of the reference. */
async function checkCase(op: string, { title, shapes, build, reference, range, blocked = [] }: OpCase) {
  const [low, high] = range ?? [-1.5, 1.5];
  const inputs = shapes.map((shape, i) => input(`x${i}`, shape, 'clicks'));
  const y = build(...inputs);
  expect(
    topological([y]).map(t => t.op),
    'ops of the graph',
  ).toContain(op);

  const data = shapes.map((shape, i) => uniform(shape, low, high, op, title, i));
  const arrays = data.map((values, i) => nd(shapes[i], values));
  const expected = reference(...arrays);
  expect(y.shape, 'shape').toEqual(expected.shape);

  const weights = uniform(y.shape, -1, 1, op, title, 'projection');
  const loss = projected(y, weights);
  for (const i of blocked) expect(() => gradient(loss, [inputs[i]]), `gradient to input ${i}`).toThrow(GraphError);
  const open = inputs.filter((_, i) => !blocked.includes(i));
  const slopes = gradient(loss, open);
  for (const [i, dx] of slopes.entries()) expect(dx.shape, 'shape of a gradient').toEqual(open[i].shape);

  const named = Object.fromEntries(slopes.map((dx, i) => [`grad ${open[i].attributes.name}`, dx]));
  const feeds = Object.fromEntries(data.map((values, i) => [`x${i}`, values]));
  const results = await evaluate({ y, ...named }, feeds);
  expect(results.y.length).toBe(count(y.shape));
  expectClose(results.y, expected.data, FORWARD, 'the output');

  const value = () => reference(...arrays).data.reduce((sum, v, i) => sum + v * weights[i], 0);
  for (const [i, array] of arrays.entries()) {
    if (blocked.includes(i)) continue;
    const numerical = numericalGradient(array.data, value);
    const computed = numerical.map(({ index }) => results[`grad x${i}`][index]);
    const slopesExpected = numerical.map(d => d.value);
    expectClose(computed, slopesExpected, BACKWARD, `the gradient to input ${i}`);
  }
}

/** A vitest test for every case. */
export function testCases(cases: OpCases): void {
  for (const [op, list] of Object.entries(cases)) {
    it(`${op} is in the table of ops`, () => expect(opTable.has(op)).toBe(true));
    for (const one of list) it(`${op}: ${one.title}`, () => checkCase(op, one));
  }
}
