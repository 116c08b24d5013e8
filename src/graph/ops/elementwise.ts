import type { Emitter } from '../onnx/emitter.ts';
import { defineOp } from '../op.ts';
import { scalar, type Tensor } from '../tensor.ts';
import { broadcastShape, unbroadcast } from './basic.ts';

type Operand = Tensor | number;
const tensor = (x: Operand): Tensor => (typeof x === 'number' ? scalar(x) : x);

function binary(name: string, onnx: string, gradient: (dy: Tensor, a: Tensor, b: Tensor) => [Tensor, Tensor]) {
  const build = defineOp(name, {
    elementwise: true,
    shape: ([a, b], _, fail) => broadcastShape(a, b) ?? fail('shapes do not broadcast'),
    gradient(dy, { inputs: [a, b] }) {
      const [da, db] = gradient(dy, a, b);
      return [unbroadcast(da, a.shape), unbroadcast(db, b.shape)];
    },
    lower: (emit, inputs) => emit.node(onnx, inputs),
  });
  return (a: Operand, b: Operand): Tensor => build([tensor(a), tensor(b)], {});
}

export const add = binary('add', 'Add', dy => [dy, dy]);
export const sub = binary('sub', 'Sub', dy => [dy, neg(dy)]);
export const mul = binary('mul', 'Mul', (dy, a, b) => [mul(dy, b), mul(dy, a)]);
export const div = binary('div', 'Div', (dy, a, b) => [div(dy, b), neg(div(mul(dy, div(a, b)), b))]);
/** Where equal, the gradient goes to the second. */
export const maximum = binary('maximum', 'Max', (dy, a, b) => [
  wherePositive(sub(a, b), dy),
  sub(dy, wherePositive(sub(a, b), dy)),
]);
export const minimum = (a: Operand, b: Operand): Tensor => neg(maximum(neg(a), neg(b)));

/** `gradient` gives dy/dx's product with dy from dy, x and y. */
function unary(
  name: string,
  lower: string | ((emit: Emitter, x: string) => string),
  gradient: (dy: Tensor, x: Tensor, y: Tensor) => Tensor,
) {
  const build = defineOp(name, {
    elementwise: true,
    shape: ([x]) => x,
    gradient: (dy, node) => [gradient(dy, node.inputs[0], node)],
    lower: (emit, [x]) => (typeof lower === 'string' ? emit.node(lower, [x]) : lower(emit, x)),
  });
  return (x: Operand): Tensor => build([tensor(x)], {});
}

export const neg = unary('neg', 'Neg', dy => neg(dy));
export const exp = unary('exp', 'Exp', (dy, _, y) => mul(dy, y));
export const log = unary('log', 'Log', (dy, x) => div(dy, x));
export const sqrt = unary('sqrt', 'Sqrt', (dy, _, y) => div(mul(dy, 0.5), y));
export const sin = unary('sin', 'Sin', (dy, x) => mul(dy, cos(x)));
export const cos = unary('cos', 'Cos', (dy, x) => neg(mul(dy, sin(x))));
export const tanh = unary('tanh', 'Tanh', (dy, _, y) => mul(dy, sub(1, mul(y, y))));
export const sigmoid = unary('sigmoid', 'Sigmoid', (dy, _, y) => mul(dy, mul(y, sub(1, y))));
export const relu = unary('relu', 'Relu', (dy, _, y) => wherePositive(y, dy));
/** The derivative at 0 is taken as 0. */
export const abs = unary('abs', 'Abs', (dy, x) => sub(wherePositive(x, dy), wherePositive(neg(x), dy)));
export const erf = unary('erf', 'Erf', (dy, x) => mul(dy, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI))));
/** x * Phi(x), the erf form. */
export const gelu = unary('gelu', 'Gelu', (dy, x) => {
  const density = mul(exp(mul(mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  const cumulative = mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5);
  return mul(dy, add(cumulative, mul(x, density)));
});

const wherePositiveOp = defineOp('wherePositive', {
  elementwise: true,
  shape: ([a, b], _, fail) => broadcastShape(a, b) ?? fail('shapes do not broadcast'),
  gradient: (dy, { inputs: [condition, x] }) => [null, unbroadcast(wherePositive(condition, dy), x.shape)],
  lower: (emit, [condition, x]) =>
    emit.node('Where', [emit.node('Greater', [condition, emit.scalar(0)]), x, emit.scalar(0)]),
});
/** x where condition > 0, else 0. */
export const wherePositive = (condition: Tensor, x: Operand): Tensor => wherePositiveOp([condition, tensor(x)], {});

/** Passes values through and stops the gradient. */
const detachOp = defineOp('detach', {
  shape: ([x]) => x,
  gradient: () => [null],
  lower: (_, [x]) => x,
});
export const detach = (x: Tensor): Tensor => detachOp([x], {});

export const silu = (x: Tensor): Tensor => mul(x, sigmoid(x));
/** OpenAI CLIP's approximation of GELU. */
export const quickGelu = (x: Tensor): Tensor => mul(x, sigmoid(mul(x, 1.702)));
/** Clamps to [low, high]; the gradient is 0 outside. */
export const clamp = (x: Tensor, low: number, high: number): Tensor => minimum(maximum(x, low), high);
