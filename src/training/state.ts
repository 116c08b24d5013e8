import { existsSync } from 'node:fs';
import { UserError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import type { Shape } from '../graph/tensor.ts';
import type { Parameter } from '../nn/scope.ts';
import { readSafetensors, writeSafetensors } from '../weights/safetensors.ts';
import { Adam } from './adam.ts';
import { AdaptiveIou, type AdaptiveIouState } from './adaptive-iou.ts';
import { checkpointTensors, restoreParameters, takeFrom } from './checkpoint.ts';

/** Everything that training changes. What is drawn at random depends on seed and step alone, so this is all of it. */
export interface TrainingState {
  /** Steps done. */
  step: number;
  parameters: Map<string, Float32Array>;
  adam: Adam;
  iou: AdaptiveIou;
  /** Loss of every step so far. */
  losses: number[];
}

/**
 * Fresh parameters from a seed: each from a stream of its own, so that the same layer starts the same in every probe.
 *
 * @param known values that some of them start from instead
 */
export function initialState(
  parameters: Iterable<Parameter>,
  seed: number,
  known: ReadonlyMap<string, Float32Array> = new Map(),
): TrainingState {
  const values = new Map<string, Float32Array>();
  for (const { name, shape, initialise } of parameters) {
    values.set(name, known.get(name)?.slice() ?? initialise(shape, Random.of(seed, 'initialise', name)));
  }
  return { step: 0, parameters: values, adam: new Adam(), iou: new AdaptiveIou(), losses: [] };
}

/** Writes the state as one safetensors file, atomically. */
export function saveState(path: string, state: TrainingState, shapes: ReadonlyMap<string, Shape>): void {
  const tensors = checkpointTensors(state, name => shapes.get(name)!);
  tensors.set('losses', { shape: [state.losses.length], data: Float32Array.from(state.losses) });
  const metadata = {
    format: 'clickprobe-training-1',
    step: String(state.step),
    iou: JSON.stringify(state.iou.state),
  };
  writeSafetensors(path, tensors, metadata);
}

/**
 * The state of an earlier run, or null where there is none.
 *
 * @throws UserError where the file is damaged or belongs to another probe
 */
export function loadState(path: string, shapes: ReadonlyMap<string, Shape>): TrainingState | null {
  if (!existsSync(path)) return null;
  const { metadata, tensors } = readSafetensors(path);
  if (metadata.format !== 'clickprobe-training-1') {
    throw new UserError(
      `${path} is no training checkpoint of clickprobe. Remove it, or choose another folder with --out`,
    );
  }
  const take = takeFrom(
    { tensors },
    wrong => `${path} belongs to another probe: ${wrong}. Remove it, or choose another folder with --out`,
  );
  const adam = new Adam();
  const step = Number(metadata.step);
  const parameters = restoreParameters(take, shapes, shapes.keys(), adam, step);
  const losses = [...take('losses', [step])];
  return {
    step,
    parameters,
    adam,
    iou: new AdaptiveIou(undefined, JSON.parse(metadata.iou) as AdaptiveIouState),
    losses,
  };
}
