import {
  abs,
  add,
  clamp,
  cos,
  detach,
  div,
  erf,
  exp,
  gelu,
  log,
  maximum,
  minimum,
  mul,
  neg,
  quickGelu,
  relu,
  sigmoid,
  silu,
  sin,
  sqrt,
  sub,
  tanh,
  wherePositive,
} from '../../../src/graph/ops/elementwise.ts';
import type { Shape, Tensor } from '../../../src/graph/tensor.ts';
import { at, type Nd, tabulate } from '../nd.ts';
import type { OpCase, OpCases } from '../op-cases.ts';

type Range = readonly [number, number];

/** Pairs of shapes and what numpy's broadcasting makes of them. */
const broadcasts: readonly (readonly [a: Shape, b: Shape, out: Shape])[] = [
  [
    [2, 3],
    [2, 3],
    [2, 3],
  ],
  [[2, 3], [], [2, 3]],
  [[], [2, 3], [2, 3]],
  [[2, 3], [3], [2, 3]],
  [
    [3, 1],
    [2, 1, 4],
    [2, 3, 4],
  ],
  [
    [2, 1, 3],
    [1, 4, 1],
    [2, 4, 3],
  ],
  [
    [1, 2, 1, 2],
    [3, 1, 2, 1],
    [3, 2, 2, 2],
  ],
  [[1], [1, 1], [1, 1]],
];

const binary = (
  build: (a: Tensor, b: Tensor) => Tensor,
  f: (a: number, b: number) => number,
  options: { range?: Range; blocked?: readonly number[]; title?: string } = {},
): OpCase[] =>
  broadcasts.map(([a, b, out]) => ({
    ...options,
    title: `${options.title ?? ''}[${a}] and [${b}]`,
    shapes: [a, b],
    build,
    reference: (x: Nd, y: Nd) => tabulate(out, index => f(at(x, index), at(y, index))),
  }));

const unary = (build: (x: Tensor) => Tensor, f: (x: number) => number, range?: Range, title = ''): OpCase[] =>
  [[], [7], [2, 3, 4]].map(shape => ({
    title: `${title}[${shape}]`,
    shapes: [shape],
    range,
    build,
    reference: x => tabulate(shape, index => f(at(x, index))),
  }));

/** A constant operand on either side. */
const withNumber = (build: (x: Tensor) => Tensor, f: (x: number) => number, title: string): OpCase[] =>
  unary(build, f, [0.4, 2], `${title} `);

const logistic = (x: number) => 1 / (1 + Math.exp(-x));

/** Abramowitz and Stegun 7.1.5, summed until nothing is added: exact for small arguments. */
function errorFunction(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 1; n < 60; n++) {
    term *= -(x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

const POSITIVE: Range = [0.4, 2];
const WIDE: Range = [-3, 3];

export const elementwiseCases: OpCases = {
  add: [
    ...binary(add, (a, b) => a + b),
    ...withNumber(
      x => add(2, x),
      x => 2 + x,
      'number',
    ),
  ],
  sub: [
    ...binary(sub, (a, b) => a - b),
    ...withNumber(
      x => sub(1, x),
      x => 1 - x,
      'number first',
    ),
    ...withNumber(
      x => sub(x, 1),
      x => x - 1,
      'number second',
    ),
  ],
  mul: [
    ...binary(mul, (a, b) => a * b),
    ...unary(
      x => mul(x, x),
      x => x * x,
      WIDE,
      'with itself ',
    ),
    ...withNumber(
      x => mul(-3, x),
      x => -3 * x,
      'number',
    ),
  ],
  div: [
    ...binary(div, (a, b) => a / b, { range: POSITIVE }),
    ...binary(div, (a, b) => a / b, { range: [-2, -0.4], title: 'negative ' }),
    ...withNumber(
      x => div(1, x),
      x => 1 / x,
      'number first',
    ),
  ],
  maximum: [
    ...binary(maximum, (a, b) => Math.max(a, b)),
    ...binary(minimum, (a, b) => Math.min(a, b), { title: 'minimum ' }),
    ...unary(
      x => clamp(x, -1, 0.5),
      x => Math.min(Math.max(x, -1), 0.5),
      WIDE,
      'clamp ',
    ),
  ],
  neg: unary(neg, x => -x),
  exp: unary(exp, Math.exp),
  log: unary(log, Math.log, POSITIVE),
  sqrt: unary(sqrt, Math.sqrt, POSITIVE),
  sin: unary(sin, Math.sin, WIDE),
  cos: unary(cos, Math.cos, WIDE),
  tanh: unary(tanh, Math.tanh, WIDE),
  sigmoid: [
    ...unary(sigmoid, logistic, WIDE),
    ...unary(silu, x => x * logistic(x), WIDE, 'silu '),
    ...unary(quickGelu, x => x * logistic(1.702 * x), WIDE, 'quickGelu '),
  ],
  relu: unary(relu, x => Math.max(x, 0)),
  abs: unary(abs, Math.abs),
  erf: unary(erf, errorFunction, [-2, 2]),
  gelu: unary(gelu, x => (x * (1 + errorFunction(x / Math.SQRT2))) / 2, [-2.5, 2.5]),
  wherePositive: [
    ...binary(wherePositive, (c, x) => (c > 0 ? x : 0), { blocked: [0] }),
    ...unary(
      x => wherePositive(x, 2),
      x => (x > 0 ? 2 : 0),
    ).map(one => ({ ...one, blocked: [0] })),
  ],
  detach: [
    ...unary(detach, x => x).map(one => ({ ...one, blocked: [0] })),
    {
      title: 'stops one of two paths',
      shapes: [[5], [5]],
      build: (x, y) => mul(detach(x), y),
      reference: (x, y) => tabulate([5], index => at(x, index) * at(y, index)),
      blocked: [0],
    },
  ],
};
