import { suggest, UserError } from '../base/errors.ts';
import { findUpsampler } from '../upsamplers/registry.ts';
import { anyUpTraining } from './anyup.ts';
import { featUpTrainings } from './featup.ts';
import { jafarTraining } from './jafar.ts';
import { liftTraining } from './lift.ts';
import { loftUpDistillation, loftUpTraining } from './loftup.ts';
import type { Method } from './method.ts';
import { nafTraining } from './naf.ts';
import { upliftTraining } from './uplift.ts';

/** Every upsampler that can be trained, in the order of the registry of upsamplers. */
export const methods: readonly Method[] = [
  ...featUpTrainings,
  liftTraining,
  upliftTraining,
  loftUpTraining,
  loftUpDistillation,
  jafarTraining,
  anyUpTraining,
  nafTraining,
];

/** @throws UserError where nothing of that name can be trained, or it has no such stage. */
export function findMethod(name: string, stage = 1): Method {
  const known = [...new Set(methods.map(({ upsampler }) => upsampler))];
  if (!known.includes(name)) {
    const { learned } = findUpsampler(name);
    const why = learned ? 'has no training objective here' : 'is not learned: there is nothing to train';
    throw new UserError(`the upsampler ${name} ${why}; ${suggest(name, known)}`);
  }
  const stages = methods.filter(({ upsampler }) => upsampler === name);
  const method = stages.find(each => each.stage === stage);
  if (method) return method;
  throw new UserError(
    `${name} has no stage ${stage}; it is trained in ${stages.length === 1 ? 'one: leave --stage out' : `${stages.length}`}`,
  );
}
