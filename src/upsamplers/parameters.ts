import { expand } from '../graph/ops/basic.ts';
import { input, scalar, type Tensor } from '../graph/tensor.ts';
import { type Parameter, Scope } from '../nn/scope.ts';
import type { Upsampler } from './types.ts';

/** What decides which parameters a learned upsampler has; a backbone will do. */
export interface Grid {
  /** Of the features. */
  channels: number;
  /** Image pixels per cell of the features. */
  stride: number;
}

/** Every method has all its parameters at this many cells, and the windows of each fit. */
const CELLS = [10, 9] as const;

/**
 * An upsampler's output for an image of a size, with what it asks for under the prefix `w.`.
 *
 * @throws GraphError where it cannot run there
 */
export function upsamplerGraph(
  upsampler: Upsampler,
  { channels, stride }: Grid,
  size: readonly [number, number],
): { output: Tensor; scope: Scope } {
  const scope = Scope.frozen('w');
  const cells = size.map(pixels => Math.floor((pixels * (upsampler.imageFactor ?? 1)) / stride));
  const features = input('features', [1, channels, cells[0], cells[1]], 'clicks');
  const image = input('image', [1, 3, ...size], 'image');
  const look = (move: (image: Tensor) => Tensor) => expand(scalar(0), features.shape.with(0, move(image).shape[0]));
  const output = upsampler.upsample(features, image, size, scope, { look });
  return { output, scope };
}

/** The parameters that an upsampler asks for, by their names in its own scope; none where it is not learned. */
export function upsamplerParameters(upsampler: Upsampler, grid: Grid): Omit<Parameter, 'tensor'>[] {
  if (!upsampler.learned) return [];
  const { scope } = upsamplerGraph(upsampler, grid, [CELLS[0] * grid.stride, CELLS[1] * grid.stride]);
  return [...scope.parameters.values()].map(({ name, shape, initialise }) => ({
    name: name.slice('w.'.length),
    shape,
    initialise,
  }));
}
