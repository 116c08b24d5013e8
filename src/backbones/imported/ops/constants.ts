import { count } from '../../../graph/tensor.ts';
import type { StoredTensor } from '../../../weights/dtypes.ts';
import { toFloat32 } from '../../../weights/weight.ts';
import type { ImportedNode, Importer, ImportTable } from '../node.ts';
import { advance, combined, integers, isKnown, type Kind, known, symbolic, tensorOf, type Value } from '../value.ts';

/** TensorProto.DataType; 16-bit floats are computed as float32. */
const KINDS = new Map<number, Kind>([
  ...[1, 10, 11, 16].map(type => [type, 'float'] as const),
  ...[2, 3, 4, 5, 6, 7, 12, 13].map(type => [type, 'int'] as const),
  [9, 'bool'],
]);

/** The kind of a safetensors dtype. */
export const kindOf = (dtype: string): Kind => (dtype === 'BOOL' ? 'bool' : /^(B?F)/.test(dtype) ? 'float' : 'int');

/** A tensor of the file as known numbers. */
export function stored({ dtype, shape, data }: StoredTensor): Value {
  const kind = kindOf(dtype);
  return known(
    kind,
    shape,
    kind === 'float' ? toFloat32(data) : Array.from(data as ArrayLike<number | bigint>, Number),
  );
}

const constant: Importer = node => {
  const tensor = node.attribute('value', 'tensor');
  if (tensor) return stored(tensor);
  const [float, floats] = [node.attribute('value_float', 'float'), node.attribute('value_floats', 'floats')];
  if (float !== undefined) return known('float', [], [float]);
  if (floats) return known('float', [floats.length], floats);
  const [int, ints] = [node.attribute('value_int', 'int'), node.attribute('value_ints', 'ints')];
  if (int !== undefined) return known('int', [], [int]);
  return ints ? integers(ints) : node.refuse('holds no number');
};

function cast(node: ImportedNode, to: Kind): Value {
  const x = node.value(0);
  if (isKnown(x)) {
    return combined(to, x.shape, [x], value =>
      to === 'bool' ? Number(value !== 0) : to === 'int' ? Math.trunc(value) : value,
    );
  }
  const tensor = tensorOf(x);
  if (x.kind === to || (x.kind === 'bool' && to === 'float')) return symbolic(tensor, to);
  return node.refuse(`turns ${x.kind}s that depend on the image into ${to}s`);
}

const shapeOf: Importer = node => {
  const { shape } = node.value(0);
  const [start, end] = [node.int('start', 0), node.int('end', shape.length)];
  return integers(shape.slice(start, end));
};

const constantOfShape: Importer = node => {
  const value = node.attribute('value', 'tensor');
  const { kind, known: numbers } = value ? stored(value) : known('float', [1], [0]);
  const shape = node.numbers(0, 'sizes');
  return known(kind, shape, new Float64Array(count(shape)).fill(numbers![0]));
};

const range: Importer = node => {
  const { kind } = node.value(0);
  const [start, limit, delta] = [0, 1, 2].map(i => node.numbers(i, 'limits')[0]);
  const length = Math.max(0, Math.ceil((limit - start) / delta));
  return known(
    kind,
    [length],
    Array.from({ length }, (_, i) => start + i * delta),
  );
};

/** Places of what is not 0: [rank, number of them]. */
const nonZero: Importer = node => {
  const x = node.known(0, 'numbers');
  const places: number[][] = [];
  const place = x.shape.map(() => 0);
  for (const value of x.known) {
    if (value !== 0) places.push([...place]);
    advance(place, x.shape);
  }
  return known(
    'int',
    [x.shape.length, places.length],
    x.shape.flatMap((_, axis) => places.map(at => at[axis])),
  );
};

/** Weights stored as integers. */
const dequantizeLinear: Importer = node => {
  const [x, scale] = [node.known(0, 'numbers'), node.known(1, 'scale')];
  const zero = node.optional(2)
    ? node.known(2, 'zero point')
    : known(
        'int',
        scale.shape,
        scale.known.map(() => 0),
      );
  const axis = node.axis(node.int('axis', 1), x.shape.length);
  if (scale.known.length > 1 && scale.shape.length !== 1) node.refuse('has scales by block');
  const along = (value: typeof scale) => ({
    ...value,
    shape: x.shape.map((_, i) => (i === axis && value.known.length > 1 ? value.known.length : 1)),
  });
  const difference = (a: number, factor: number, b: number) => Math.fround(a - b) * factor;
  return combined('float', x.shape, [x, along(scale), along(zero)], difference);
};

/** Numbers that are known at import, and what turns one kind of them into another. */
export const constants: ImportTable = {
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Range: range,
  Shape: shapeOf,
  Size: node => known('int', [], [count(node.value(0).shape)]),
  NonZero: nonZero,
  Cast(node) {
    const type = node.int('to', 0);
    node.int('saturate', 1);
    return cast(node, KINDS.get(type) ?? node.refuse(`turns numbers into the element type ${type}`));
  },
  CastLike(node) {
    node.int('saturate', 1);
    return cast(node, node.value(1).kind);
  },
  DequantizeLinear: dequantizeLinear,
};
