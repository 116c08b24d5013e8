import { broadcastShape, expand } from '../../../graph/ops/basic.ts';
import {
  abs,
  add,
  cos,
  div,
  erf,
  exp,
  log,
  maximum,
  minimum,
  mul,
  neg,
  sigmoid,
  sin,
  sqrt,
  sub,
  tanh,
  wherePositive,
} from '../../../graph/ops/elementwise.ts';
import type { Tensor } from '../../../graph/tensor.ts';
import type { ImportedNode, Importer, ImportTable } from '../node.ts';
import { combined, isKnown, type Kind, symbolic, tensorOf, type Value } from '../value.ts';

interface Binary {
  /** Of two numbers that are known. */
  fold(a: number, b: number, kind: Kind): number;
  /** Of tensors; without one only known numbers will do. */
  build?(a: Tensor, b: Tensor): Tensor;
  /** Of the result; by default that of the first operand. */
  kind?: Kind;
}

const binary =
  ({ fold, build, kind }: Binary): Importer =>
  node =>
    combine(node, node.value(0), node.value(1), { fold, build, kind });

function combine(node: ImportedNode, a: Value, b: Value, { fold, build, kind = a.kind }: Binary): Value {
  const shape = broadcastShape(a.shape, b.shape) ?? node.refuse('is given shapes that do not broadcast');
  if (isKnown(a) && isKnown(b)) return combined(kind, shape, [a, b], (x, y) => fold(x, y, a.kind));
  if (!build)
    return node.refuse('works on values that depend on the image; only numbers known beforehand are supported');
  return symbolic(build(tensorOf(a), tensorOf(b)), kind);
}

interface Unary {
  fold(x: number, kind: Kind): number;
  build?(x: Tensor): Tensor;
  kind?: Kind;
}

const unary =
  ({ fold, build, kind }: Unary): Importer =>
  node => {
    const x = node.value(0);
    if (isKnown(x)) return combined(kind ?? x.kind, x.shape, [x], value => fold(value, x.kind));
    if (!build)
      return node.refuse('works on values that depend on the image; only numbers known beforehand are supported');
    return symbolic(build(tensorOf(x)), kind ?? x.kind);
  };

/** Of any number of operands. */
const variadic =
  (rule: Binary): Importer =>
  node =>
    node.values().reduce((a, b) => combine(node, a, b, rule));

const ADD: Binary = { fold: (a, b) => a + b, build: add };
const MAX: Binary = { fold: (a, b) => Math.max(a, b), build: maximum };
const MIN: Binary = { fold: (a, b) => Math.min(a, b), build: minimum };

const truth = (x: boolean): number => (x ? 1 : 0);
const not = (x: Tensor): Tensor => sub(1, x);
/** 1 where a > b, else 0. */
const greater = (a: Tensor, b: Tensor): Tensor => wherePositive(sub(a, b), 1);
const greaterOrEqual = (a: Tensor, b: Tensor): Tensor => not(greater(b, a));
const sign = (x: Tensor): Tensor => sub(wherePositive(x, 1), wherePositive(neg(x), 1));

/** Towards 0 for integers, as ONNX Runtime has it. */
const divide = (a: number, b: number, kind: Kind): number => (kind === 'int' ? Math.trunc(a / b) : a / b);

const modulo: Importer = node => {
  const truncating = node.flag('fmod');
  return binary({ fold: (a, b) => (truncating ? a % b : a - b * Math.floor(a / b)) })(node);
};

/** Ties to even. */
function round(x: number): number {
  const floor = Math.floor(x);
  return x - floor === 0.5 ? floor + (floor % 2 === 0 ? 0 : 1) : Math.round(x);
}

const MOST_PRODUCTS = 8;

const power: Importer = node => {
  const [base, exponent] = [node.value(0), node.value(1)];
  if (isKnown(exponent) && exponent.known.length > 0 && exponent.known.every(p => p === exponent.known[0])) {
    const p = exponent.known[0];
    if (isKnown(base)) return combine(node, base, exponent, { fold: Math.pow });
    const shape = broadcastShape(base.shape, exponent.shape) ?? node.refuse('is given shapes that do not broadcast');
    return expand(raised(tensorOf(base), p), shape);
  }
  if (isKnown(base) && base.known.every(b => b > 0)) {
    const logarithms = combined('float', base.shape, [base], Math.log);
    return exp(mul(tensorOf(logarithms), tensorOf(exponent)));
  }
  return node.refuse('has an exponent that is not one known number');
};

/** x^p. */
function raised(x: Tensor, p: number): Tensor {
  if (p < 0) return div(1, raised(x, -p));
  if (p === 0.5) return sqrt(x);
  if (Number.isInteger(p) && p >= 1 && p <= MOST_PRODUCTS) {
    return p % 2 === 0 ? square(raised(x, p / 2)) : p === 1 ? x : mul(x, raised(x, p - 1));
  }
  if (p === 0) return sub(add(x, 1), x);
  return exp(mul(log(x), p));
}

const square = (x: Tensor): Tensor => mul(x, x);

const where: Importer = node => {
  const [condition, a, b] = [node.value(0), node.value(1), node.value(2)];
  const fits = broadcastShape(a.shape, b.shape);
  const shape = (fits && broadcastShape(condition.shape, fits)) ?? node.refuse('is given shapes that do not broadcast');
  if (isKnown(condition) && isKnown(a) && isKnown(b)) {
    return combined(a.kind, shape, [condition, a, b], (c, x, y) => (c !== 0 ? x : y));
  }
  const c = tensorOf(condition);
  return symbolic(add(wherePositive(c, tensorOf(a)), wherePositive(not(c), tensorOf(b))), a.kind);
};

/** Limits are attributes before opset 11, inputs since. */
const clip: Importer = node => {
  const x = node.value(0);
  const limit = (name: string, index: number) => {
    if (node.opset < 11) {
      const given = node.attribute(name, 'float');
      return given === undefined ? undefined : [given];
    }
    return node.optionalNumbers(index, name);
  };
  const [low, high] = [limit('min', 1)?.[0], limit('max', 2)?.[0]];
  if (isKnown(x)) {
    return combined(x.kind, x.shape, [x], value => Math.min(Math.max(value, low ?? -Infinity), high ?? Infinity));
  }
  const raised = low === undefined ? tensorOf(x) : maximum(tensorOf(x), low);
  return high === undefined ? raised : minimum(raised, high);
};

/** Numbers and truths, element by element. What is known at import is computed there, integers exactly. */
export const arithmetic: ImportTable = {
  Add: binary(ADD),
  Sub: binary({ fold: (a, b) => a - b, build: sub }),
  Mul: binary({ fold: (a, b) => a * b, build: mul }),
  Div: binary({ fold: divide, build: div }),
  Mod: modulo,
  Pow: power,
  Sum: variadic(ADD),
  Max: variadic(MAX),
  Min: variadic(MIN),
  Mean: node => mul(tensorOf(node.values().reduce((a, b) => combine(node, a, b, ADD))), 1 / node.inputs.length),
  Neg: unary({ fold: x => -x, build: neg }),
  Abs: unary({ fold: Math.abs, build: abs }),
  Exp: unary({ fold: Math.exp, build: exp }),
  Log: unary({ fold: Math.log, build: log }),
  Sqrt: unary({ fold: Math.sqrt, build: sqrt }),
  Reciprocal: unary({ fold: x => 1 / x, build: x => div(1, x) }),
  Sin: unary({ fold: Math.sin, build: sin }),
  Cos: unary({ fold: Math.cos, build: cos }),
  Tanh: unary({ fold: Math.tanh, build: tanh }),
  Sigmoid: unary({ fold: x => 1 / (1 + Math.exp(-x)), build: sigmoid }),
  Erf: node => erf(node.tensor(0)),
  Sign: unary({ fold: Math.sign, build: sign }),
  Floor: unary({ fold: Math.floor }),
  Ceil: unary({ fold: Math.ceil }),
  Round: unary({ fold: round }),
  Equal: binary({
    fold: (a, b) => truth(a === b),
    build: (a, b) => mul(greaterOrEqual(a, b), greaterOrEqual(b, a)),
    kind: 'bool',
  }),
  Greater: binary({ fold: (a, b) => truth(a > b), build: greater, kind: 'bool' }),
  GreaterOrEqual: binary({ fold: (a, b) => truth(a >= b), build: greaterOrEqual, kind: 'bool' }),
  Less: binary({ fold: (a, b) => truth(a < b), build: (a, b) => greater(b, a), kind: 'bool' }),
  LessOrEqual: binary({ fold: (a, b) => truth(a <= b), build: (a, b) => greaterOrEqual(b, a), kind: 'bool' }),
  And: binary({ fold: (a, b) => truth(a !== 0 && b !== 0), build: mul, kind: 'bool' }),
  Or: binary({ fold: (a, b) => truth(a !== 0 || b !== 0), build: maximum, kind: 'bool' }),
  Xor: binary({ fold: (a, b) => truth((a !== 0) !== (b !== 0)), build: (a, b) => abs(sub(a, b)), kind: 'bool' }),
  Not: unary({ fold: x => truth(x === 0), build: not, kind: 'bool' }),
  Where: where,
  Clip: clip,
};
