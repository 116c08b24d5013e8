import { broadcastShape, expand, reshape } from '../../../graph/ops/basic.ts';
import { concat, slice, transpose } from '../../../graph/ops/layout.ts';
import { matmul } from '../../../graph/ops/linear.ts';
import { constant, count, type Shape, type Tensor } from '../../../graph/tensor.ts';
import type { ImportedNode, Importer, ImportTable } from '../node.ts';
import { broadcast, isKnown, known, rearranged, symbolic, tensorOf, type Value } from '../value.ts';
import { type PadMode, padAxis } from './padding.ts';

/** The same numbers in another shape. */
const shaped = (x: Value, shape: Shape): Value =>
  isKnown(x) ? { kind: x.kind, shape, known: x.known } : symbolic(reshape(tensorOf(x), shape), x.kind);

const permuted = (x: Value, permutation: readonly number[]): Value => {
  if (!isKnown(x)) return symbolic(transpose(tensorOf(x), permutation), x.kind);
  const shape = permutation.map(axis => x.shape[axis]);
  return rearranged(x, shape, place => x.shape.map((_, axis) => place[permutation.indexOf(axis)]));
};

/** `length` items of an axis from `start`, every `step`-th. */
function cut(x: Value, axis: number, start: number, length: number, step = 1): Value {
  const shape = x.shape.map((size, i) => (i === axis ? length : size));
  // a tensor cannot be empty, but what is joined with it may be
  if (length === 0) return known(x.kind, shape, []);
  if (!isKnown(x)) return symbolic(slice(tensorOf(x), axis, start, length, step), x.kind);
  return rearranged(x, shape, place => place.map((index, i) => (i === axis ? start + index * step : index)));
}

function joined(parts: readonly Value[], axis: number): Value {
  const full = parts.filter(({ shape }) => shape[axis] > 0);
  if (full.length === 0) return parts[0];
  if (!full.every(isKnown)) {
    return symbolic(concat(full.map(tensorOf), axis), full[0].kind);
  }
  const ends: number[] = [];
  for (const { shape } of full) ends.push((ends.at(-1) ?? 0) + shape[axis]);
  const shape = full[0].shape.map((size, i) => (i === axis ? ends.at(-1)! : size));
  const data = new Float64Array(count(shape));
  const inner = count(shape.slice(axis + 1));
  const outer = count(shape.slice(0, axis));
  let at = 0;
  for (let i = 0; i < outer; i++) {
    for (const part of full) {
      const run = part.shape[axis] * inner;
      data.set(part.known!.subarray(i * run, (i + 1) * run), at);
      at += run;
    }
  }
  return { kind: full[0].kind, shape, known: data };
}

const reshaped: Importer = node => {
  const x = node.value(0);
  const asked = node.listOf('shape', 1) ?? node.refuse('has no shape');
  const keepZeros = node.flag('allowzero');
  const sizes = asked.map((size, axis) => (size === 0 && !keepZeros ? x.shape[axis] : size));
  const rest = sizes.reduce((product, size) => (size === -1 ? product : product * size), 1);
  const shape = sizes.map(size => (size === -1 ? count(x.shape) / rest : size));
  if (count(shape) !== count(x.shape) || !shape.every(Number.isInteger)) {
    node.refuse(`cannot give the shape [${asked.join(', ')}]`);
  }
  return shaped(x, shape);
};

const squeezed: Importer = node => {
  const x = node.value(0);
  const axes = node.listOf('axes', 1)?.map(axis => node.axis(axis, x.shape.length));
  if (axes?.some(axis => x.shape[axis] !== 1)) node.refuse(`drops the axes ${axes.join(', ')}, not all of size 1`);
  return shaped(
    x,
    x.shape.filter((size, axis) => (axes ? !axes.includes(axis) : size !== 1)),
  );
};

const unsqueezed: Importer = node => {
  const x = node.value(0);
  const given = node.listOf('axes', 1) ?? node.refuse('has no axes');
  const rank = x.shape.length + given.length;
  const axes = given.map(axis => node.axis(axis, rank));
  const sizes = [...x.shape];
  return shaped(
    x,
    Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : sizes.shift()!)),
  );
};

/** Starts and ends are attributes before opset 10, inputs since; ends and starts beyond the border stop there. */
const sliced: Importer = node => {
  let x = node.value(0);
  const starts = node.listOf('starts', 1) ?? node.refuse('has no starts');
  const ends = node.listOf('ends', 2) ?? node.refuse('has no ends');
  const axes = node.listOf('axes', 3) ?? starts.map((_, axis) => axis);
  const steps = node.optionalNumbers(4, 'steps') ?? starts.map(() => 1);
  for (const [i, given] of axes.entries()) {
    const axis = node.axis(given, x.shape.length);
    const [size, step] = [x.shape[axis], steps[i]];
    const within = (at: number, low: number, high: number) => Math.min(Math.max(at < 0 ? at + size : at, low), high);
    const [start, end] =
      step > 0
        ? [within(starts[i], 0, size), within(ends[i], 0, size)]
        : [within(starts[i], 0, size - 1), within(ends[i], -1, size - 1)];
    x = cut(x, axis, start, Math.max(0, Math.ceil((end - start) / step)), step);
  }
  return x;
};

const split: Importer = node => {
  const x = node.value(0);
  const axis = node.axis(node.int('axis', 0), x.shape.length);
  const parts = node.int('num_outputs', node.outputs);
  const each = Math.ceil(x.shape[axis] / parts);
  const equal = Array.from({ length: parts }, (_, i) => Math.max(0, Math.min(each, x.shape[axis] - i * each)));
  const sizes = node.listOf('split', 1) ?? equal;
  let at = 0;
  return sizes.map(size => {
    at += size;
    return cut(x, axis, at - size, size);
  });
};

/** Items of an axis by indices that are known: pieces in a row are cut out, anything else is a product with ones. */
const gathered: Importer = node => {
  const x = node.value(0);
  const indices = node.known(1, 'indices');
  const axis = node.axis(node.int('axis', 0), x.shape.length);
  const size = x.shape[axis];
  const at = [...indices.known].map(index => (index < 0 ? index + size : index));
  if (at.some(index => index < 0 || index >= size)) node.refuse(`takes items beyond the ${size} of axis ${axis}`);
  const [before, after] = [x.shape.slice(0, axis), x.shape.slice(axis + 1)];
  if (isKnown(x)) {
    const flat = known('int', [at.length], at);
    const picked = rearranged(x, [...before, at.length, ...after], place =>
      place.map((index, i) => (i === axis ? flat.known[index] : index)),
    );
    return shaped(picked, [...before, ...indices.shape, ...after]);
  }
  const picked = pick(tensorOf(x), axis, at);
  return symbolic(reshape(picked, [...before, ...indices.shape, ...after]), x.kind);
};

const MOST_PIECES = 8;

/** Items of an axis in a new order, some perhaps more than once. */
function pick(x: Tensor, axis: number, indices: readonly number[]): Tensor {
  const pieces: { start: number; length: number; step: number }[] = [];
  for (let i = 0; i < indices.length; ) {
    const step = i + 1 < indices.length ? indices[i + 1] - indices[i] : 1;
    let length = 1;
    while (step !== 0 && i + length < indices.length && indices[i + length] - indices[i + length - 1] === step)
      length++;
    pieces.push({ start: indices[i], length, step: length === 1 ? 1 : step });
    i += length;
  }
  if (pieces.length <= MOST_PIECES) {
    return concat(
      pieces.map(({ start, length, step }) => slice(x, axis, start, length, step)),
      axis,
    );
  }
  const size = x.shape[axis];
  const ones = new Float32Array(indices.length * size);
  for (const [row, index] of indices.entries()) ones[row * size + index] = 1;
  const [before, inner] = [x.shape.slice(0, axis), count(x.shape.slice(axis + 1))];
  const picked = matmul(constant(ones, [indices.length, size]), reshape(x, [count(before), size, inner]));
  return reshape(picked, [...before, indices.length, ...x.shape.slice(axis + 1)]);
}

const expanded: Importer = node => {
  const x = node.value(0);
  const shape =
    broadcastShape(x.shape, node.numbers(1, 'sizes')) ?? node.refuse('is given shapes that do not broadcast');
  return isKnown(x) ? broadcast(x, shape) : symbolic(expand(tensorOf(x), shape), x.kind);
};

const tiled: Importer = node => {
  const x = node.value(0);
  const repeats = node.numbers(1, 'repeats');
  return repeats.reduce(
    (value, times, axis) =>
      joined(
        Array.from({ length: times }, () => value),
        axis,
      ),
    x,
  );
};

const padded: Importer = node => {
  const x = node.value(0);
  const mode: PadMode = node.choice('mode', ['constant', 'reflect', 'edge']);
  const amounts = node.listOf('pads', 1) ?? node.refuse('has no pads');
  const value = node.opset < 11 ? node.float('value', 0) : (node.optionalNumbers(2, 'value')?.[0] ?? 0);
  const rank = x.shape.length;
  const axes = node.optionalNumbers(3, 'axes') ?? x.shape.map((_, axis) => axis);
  return axes.reduce((padding, given, i) => {
    const axis = node.axis(given, rank);
    return padAxis(padding, axis, amounts[i], amounts[i + axes.length], mode, value);
  }, tensorOf(x));
};

/** Channels to pixels: [B,C*s*s,H,W] -> [B,C,H*s,W*s]. */
const depthToSpace: Importer = node => {
  const x = node.tensor(0);
  const s = node.int('blocksize', 1);
  const [b, c, h, w] = x.shape;
  const deepest = node.choice('mode', ['DCR', 'CRD']) === 'DCR';
  const parts = deepest
    ? transpose(reshape(x, [b, s, s, c / s ** 2, h, w]), [0, 3, 4, 1, 5, 2])
    : transpose(reshape(x, [b, c / s ** 2, s, s, h, w]), [0, 1, 4, 2, 5, 3]);
  return reshape(parts, [b, c / s ** 2, h * s, w * s]);
};

/** Pixels to channels: [B,C,H*s,W*s] -> [B,s*s*C,H,W]. */
const spaceToDepth: Importer = node => {
  const x = node.tensor(0);
  const s = node.int('blocksize', 1);
  const [b, c, h, w] = x.shape;
  const parts = transpose(reshape(x, [b, c, h / s, s, w / s, s]), [0, 3, 5, 1, 2, 4]);
  return reshape(parts, [b, c * s ** 2, h / s, w / s]);
};

const same = (node: ImportedNode): Value => node.value(0);

const dropout: Importer = node => {
  node.float('ratio', 0.5);
  node.int('seed', 0);
  node.optional(1);
  const training = node.optionalNumbers(2, 'mode')?.[0];
  if (training) node.refuse('is in training mode. Export the model in evaluation mode');
  return same(node);
};

/** Where numbers stand; what they are does not change. */
export const layout: ImportTable = {
  Identity: same,
  Dropout: dropout,
  Reshape: reshaped,
  Flatten(node) {
    const x = node.value(0);
    const given = node.int('axis', 1);
    const axis = given === x.shape.length ? given : node.axis(given, x.shape.length);
    return shaped(x, [count(x.shape.slice(0, axis)), count(x.shape.slice(axis))]);
  },
  Squeeze: squeezed,
  Unsqueeze: unsqueezed,
  Transpose(node) {
    const x = node.value(0);
    return permuted(x, node.ints('perm') ?? x.shape.map((_, axis) => x.shape.length - 1 - axis));
  },
  Concat: node => joined(node.values(), node.axis(node.int('axis', 1), node.value(0).shape.length)),
  Split: split,
  Slice: sliced,
  Gather: gathered,
  Expand: expanded,
  Tile: tiled,
  Pad: padded,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
};
