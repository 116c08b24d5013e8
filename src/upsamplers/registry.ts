import { suggest, UserError } from '../base/errors.ts';
import { anyUpUpsampler } from './anyup.ts';
import { carafeUpsampler } from './carafe.ts';
import { dySampleUpsampler } from './dysample.ts';
import { featUpJbu, featUpKernels, featUpNoNorm } from './featup.ts';
import { featUpImplicitUpsampler } from './featup-implicit.ts';
import { guidedFilterUpsampler } from './guided-filter.ts';
import { bicubicInterpolation, bilinearInterpolation, nearestNeighbour, none } from './interpolation.ts';
import { jafarUpsampler } from './jafar.ts';
import { jbu } from './jbu.ts';
import { jointBilateralFilter } from './joint-bilateral.ts';
import { largeImage } from './large-image.ts';
import { learnedJbuUpsampler } from './learned-jbu.ts';
import { liftToSize, liftUpsampler } from './lift.ts';
import { loftUpUpsampler } from './loftup.ts';
import { nafUpsampler } from './naf.ts';
import { sapaUpsampler } from './sapa.ts';
import type { Upsampler } from './types.ts';
import { upliftUpsampler } from './uplift.ts';
import { upsampleAnything } from './upsample-anything.ts';

/** Every upsampler, in the order of tables: from none to the most elaborate. */
export const upsamplers: readonly Upsampler[] = [
  none,
  nearestNeighbour,
  bilinearInterpolation,
  bicubicInterpolation,
  jointBilateralFilter,
  jbu,
  guidedFilterUpsampler,
  upsampleAnything,
  featUpImplicitUpsampler,
  largeImage(2),
  largeImage(4),
  featUpJbu,
  featUpNoNorm,
  featUpKernels,
  liftUpsampler,
  liftToSize,
  upliftUpsampler,
  carafeUpsampler,
  sapaUpsampler,
  dySampleUpsampler,
  learnedJbuUpsampler,
  loftUpUpsampler,
  jafarUpsampler,
  anyUpUpsampler,
  nafUpsampler,
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
