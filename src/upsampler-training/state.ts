import { UserError } from '../base/errors.ts';
import { Adam, type AdamOptions, adamDefaults } from '../training/adam.ts';
import { checkpointTensors, restoreParameters, takeFrom } from '../training/checkpoint.ts';
import { readSafetensors, writeSafetensors } from '../weights/safetensors.ts';
import type { TrainingGraph } from './graph.ts';
import { OWN, TEACHER } from './graph.ts';
import { initialValues } from './initial.ts';
import type { Method } from './method.ts';

/** Everything that training changes. What is drawn depends on seed and step alone. */
export interface UpsamplerState {
  /** Steps done. */
  step: number;
  /** All parameters by full name, those without gradient too. */
  parameters: Map<string, Float32Array>;
  adam: Adam;
}

const FORMAT = 'clickprobe-upsampler-training-1';

const adamOf = ({ optimiser: { rate: _, clip: __, ...options } }: Method): Adam =>
  new Adam({ ...adamDefaults, ...(options satisfies Partial<AdamOptions>) });

/**
 * The state before the first step.
 *
 * @param from values of the upsampler's parameters to begin with, by their names in a file; drawn from the seed by default
 */
export function freshState(
  method: Method,
  { parameters }: TrainingGraph,
  seed: number,
  from?: ReadonlyMap<string, Float32Array>,
): UpsamplerState {
  const values = new Map<string, Float32Array>();
  for (const [name, parameter] of parameters) {
    const given = from?.get(name.slice(name.indexOf('.') + 1));
    const begun = given !== undefined && (name.startsWith(OWN) || name.startsWith(TEACHER));
    values.set(name, begun ? given.slice() : initialValues(parameter, seed));
  }
  return { step: 0, parameters: values, adam: adamOf(method) };
}

/** Writes the state as one safetensors file, atomically. */
export function saveTraining(path: string, { parameters }: TrainingGraph, state: UpsamplerState): void {
  const tensors = checkpointTensors(state, name => parameters.get(name)!.shape);
  writeSafetensors(path, tensors, { format: FORMAT, step: String(state.step) });
}

/** The state of an earlier process. @throws UserError where the file is damaged or belongs to another training */
export function loadTraining(path: string, method: Method, graph: TrainingGraph): UpsamplerState {
  const { metadata, tensors } = readSafetensors(path);
  const step = Number(metadata.step);
  if (metadata.format !== FORMAT || !Number.isSafeInteger(step) || step < 0) {
    throw new UserError(`${path} is no checkpoint of an upsampler's training. Remove it, or choose another --out`);
  }
  const take = takeFrom(
    { tensors },
    wrong => `${path} belongs to another training: ${wrong}. Remove it, or choose another --out`,
  );
  const shapes = new Map([...graph.parameters].map(([name, { shape }]) => [name, shape]));
  const adam = adamOf(method);
  const parameters = restoreParameters(take, shapes, graph.trained, adam, step);
  return { step, parameters, adam };
}
