import { resample } from '../../../graph/ops/linear.ts';
import type { Matrix } from '../../../graph/tensor.ts';
import type { ImportedNode, Importer, ImportTable } from '../node.ts';

const COORDINATES = [
  'half_pixel',
  'pytorch_half_pixel',
  'align_corners',
  'asymmetric',
  'half_pixel_symmetric',
  'tf_half_pixel_for_nn',
] as const;
const ROUNDINGS = ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil', 'simple'] as const;

interface Axis {
  size: number;
  out: number;
  /** Outputs per input. */
  scale: number;
}

interface Method {
  mode: 'nearest' | 'linear' | 'cubic';
  coordinates: (typeof COORDINATES)[number];
  rounding: (typeof ROUNDINGS)[number];
  /** A of the cubic kernel. */
  cubic: number;
  excludeOutside: boolean;
  antialias: boolean;
}

/** Where output i lies among the inputs, in float32 as the runtime computes it: rounding depends on it. */
function position(i: number, { size, out, scale }: Axis, { coordinates }: Method): number {
  const f = Math.fround;
  const centre = f(f((i + 0.5) / f(scale)) - 0.5);
  switch (coordinates) {
    case 'half_pixel':
      return centre;
    case 'pytorch_half_pixel':
      return out > 1 ? centre : 0;
    case 'align_corners':
      return out > 1 ? f(f(i * (size - 1)) / (out - 1)) : 0;
    case 'asymmetric':
      return f(i / f(scale));
    case 'half_pixel_symmetric':
      return (size / 2) * (1 - out / (f(scale) * size)) + centre;
    case 'tf_half_pixel_for_nn':
      return f((i + 0.5) / f(scale));
  }
}

const ROUND: Record<Method['rounding'], (x: number, scale: number) => number> = {
  round_prefer_floor: x => Math.ceil(x - 0.5),
  round_prefer_ceil: x => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
  // before opset 11
  simple: (x, scale) => (scale < 1 ? Math.ceil(x) : Math.floor(x)),
};

const cubicKernel = (t: number, a: number): number =>
  t < 1 ? ((a + 2) * t - (a + 3)) * t * t + 1 : t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;

/** Inputs and their weights for an output; indices may lie beyond the border, which is then repeated. */
function taps(at: number, { size, scale }: Axis, method: Method): [index: number, weight: number][] {
  const { mode, cubic, antialias } = method;
  if (mode === 'nearest') return [[ROUND[method.rounding](at, scale), 1]];
  const kernel = mode === 'linear' ? (t: number) => Math.max(0, 1 - t) : (t: number) => cubicKernel(t, cubic);
  const reach = mode === 'linear' ? 1 : 2;
  const stretch = antialias ? Math.max(1, 1 / scale) : 1;
  const centre = mode === 'linear' && !antialias ? Math.min(Math.max(at, 0), size - 1) : at;
  const low = Math.ceil(centre - reach * stretch);
  const high = Math.floor(centre + reach * stretch);
  const all = Array.from({ length: high - low + 1 }, (_, j): [number, number] => [
    low + j,
    kernel(Math.abs(low + j - centre) / stretch),
  ]);
  if (!antialias && !method.excludeOutside) return all;
  const inside = method.excludeOutside ? all.filter(([index]) => index >= 0 && index < size) : all;
  const total = inside.reduce((sum, [, weight]) => sum + weight, 0);
  return inside.map(([index, weight]) => [index, weight / total]);
}

/** One axis of a resize as a matrix. */
export function resizeMatrix(axis: Axis, method: Method): Matrix {
  const { size, out } = axis;
  const data = new Float32Array(out * size);
  for (let i = 0; i < out; i++) {
    for (const [index, weight] of taps(position(i, axis, method), axis, method)) {
      data[i * size + Math.min(Math.max(index, 0), size - 1)] += weight;
    }
  }
  return { rows: out, cols: size, data };
}

function resized(node: ImportedNode, scales: number[] | undefined, sizes: number[] | undefined, method: Method) {
  const x = node.tensor(0);
  const rank = x.shape.length;
  const axes = node.ints('axes')?.map(axis => node.axis(axis, rank)) ?? x.shape.map((_, axis) => axis);
  const policy = node.choice('keep_aspect_ratio_policy', ['stretch']);
  if (policy !== 'stretch' || (!scales?.length && !sizes?.length)) node.refuse('has neither scales nor sizes');
  const matrices = x.shape.map((size, axis): Matrix | undefined => {
    const i = axes.indexOf(axis);
    if (i < 0) return undefined;
    const scale = sizes?.length ? sizes[i] / size : scales![i];
    const out = sizes?.length ? sizes[i] : Math.floor(Math.fround(size * Math.fround(scale)));
    if (out === size && scale === 1) return undefined;
    if (axis < rank - 2) node.refuse(`resizes axis ${axis}; only the last two of a map are resized`);
    return resizeMatrix({ size, out, scale }, method);
  });
  return resample(x, matrices[rank - 2], matrices[rank - 1]);
}

const resize: Importer = node => {
  const early = node.opset < 11;
  const mode = node.choice('mode', ['nearest', 'linear', 'cubic']);
  const coordinates = node.choice('coordinate_transformation_mode', COORDINATES, early ? 'asymmetric' : 'half_pixel');
  const rounding = node.choice('nearest_mode', ROUNDINGS, early ? 'simple' : 'round_prefer_floor');
  const method: Method = {
    mode,
    coordinates,
    rounding,
    cubic: node.float('cubic_coeff_a', -0.75),
    excludeOutside: node.flag('exclude_outside'),
    antialias: node.flag('antialias'),
  };
  node.float('extrapolation_value', 0);
  if (early) return resized(node, node.numbers(1, 'scales'), undefined, method);
  node.optional(1);
  return resized(node, node.optionalNumbers(2, 'scales'), node.optionalNumbers(3, 'sizes'), method);
};

const upsample: Importer = node => {
  const scales = node.attribute('scales', 'floats') ?? node.numbers(1, 'scales');
  const mode = node.choice('mode', ['nearest', 'linear']);
  return resized(node, scales, undefined, {
    mode,
    coordinates: 'asymmetric',
    rounding: 'simple',
    cubic: 0,
    excludeOutside: false,
    antialias: false,
  });
};

/** Maps made larger or smaller. */
export const resizes: ImportTable = { Resize: resize, Upsample: upsample };
