import { makeNode } from '../op.ts';
import { sum } from '../ops/basic.ts';
import { add, mul, sub } from '../ops/elementwise.ts';
import { count, type Tensor, topological } from '../tensor.ts';

/** The two sums over one map that a norm is made of. */
export interface Moments {
  map: Tensor;
  axes: readonly number[];
  /** The sum of the map. */
  total: Tensor;
  /** The sum of the squares of the map less its mean. */
  squares: Tensor;
}

/** The norms in a graph. */
export function momentsIn(outputs: readonly Tensor[]): Moments[] {
  return topological(outputs).flatMap(squares => {
    const [square] = squares.inputs;
    if (squares.op !== 'sum' || square.op !== 'mul' || square.inputs[0] !== square.inputs[1]) return [];
    const [centred] = square.inputs;
    if (centred.op !== 'sub') return [];
    const [map, mean] = centred.inputs;
    const [total, share] = mean.op === 'mul' ? mean.inputs : [];
    const axes = squares.attributes.axes as readonly number[];
    if (total?.op !== 'sum' || total.inputs[0] !== map || `${total.attributes.axes}` !== `${axes}`) return [];
    const number = count(map.shape) / count(total.shape);
    const factor = share.op === 'constant' && share.attributes.data;
    if (!(factor instanceof Float32Array) || factor.length !== 1 || factor[0] !== Math.fround(1 / number)) return [];
    return [{ map, axes, total, squares }];
  });
}

/** Both sums of a part of a map. */
export interface PartMoments {
  total: Tensor;
  squares: Tensor;
  /** How many numbers are summed. */
  number: number;
}

export function momentsOfPart(part: Tensor, axes: readonly number[]): PartMoments {
  const total = makeNode('sum', [part], { axes });
  const number = count(part.shape) / count(total.shape);
  const centred = sub(part, mul(total, 1 / number));
  return { total, squares: sum(mul(centred, centred), axes), number };
}

/** Sums of the whole from those of its parts (Chan, Golub & LeVeque 1983): as exact as from the whole. */
export function joinedMoments(parts: readonly PartMoments[]): { total: Tensor; squares: Tensor } {
  const total = parts.map(part => part.total).reduce(add);
  const mean = mul(total, 1 / parts.reduce((sum, { number }) => sum + number, 0));
  const squares = parts.map(part => {
    const off = sub(mul(part.total, 1 / part.number), mean);
    return add(part.squares, mul(mul(off, off), part.number));
  });
  return { total, squares: squares.reduce(add) };
}
