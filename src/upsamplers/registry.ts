import { suggest, UserError } from '../base/errors.ts';
import { guidedFilterUpsampler } from './guided-filter.ts';
import { bicubicInterpolation, bilinearInterpolation, nearestNeighbour, none } from './interpolation.ts';
import { jbu } from './jbu.ts';
import { jointBilateralFilter } from './joint-bilateral.ts';
import type { Upsampler } from './types.ts';

/** Every upsampler, in the order of tables: from none to the most elaborate. */
export const upsamplers: readonly Upsampler[] = [
  none,
  nearestNeighbour,
  bilinearInterpolation,
  bicubicInterpolation,
  jointBilateralFilter,
  jbu,
  guidedFilterUpsampler,
];

/** @throws UserError where no upsampler has that name. */
export function findUpsampler(name: string): Upsampler {
  const found = upsamplers.find(upsampler => upsampler.name === name);
  if (found) return found;
  throw new UserError(
    `no upsampler "${name}": ${suggest(
      name,
      upsamplers.map(upsampler => upsampler.name),
    )}`,
  );
}
