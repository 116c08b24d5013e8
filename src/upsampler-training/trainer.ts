import { joined } from '../base/arrays.ts';
import { UserError } from '../base/errors.ts';
import type { Batch, Batches } from './batches.ts';
import { planes } from './cut.ts';
import type { FrozenFeatures } from './features.ts';
import {
  arrayInput,
  featuresInput,
  OWN,
  pictureInput,
  TEACHER,
  type TrainingGraph,
  type TrainingPrograms,
} from './graph.ts';
import type { Method } from './method.ts';
import type { UpsamplerState } from './state.ts';

/** PyTorch's: how much of a batch's statistics goes into the running ones. */
const MOMENTUM = 0.1;

export interface StepReport {
  /** Steps done, this one included. */
  step: number;
  loss: number;
  /** Of the loss, by name. */
  parts: Record<string, number>;
  /** Learning rate. */
  rate: number;
  /** Length of all gradients together, before it was cut. */
  gradient: number;
  seconds: number;
  /** Of these, spent on images and on the backbone. */
  prepared: number;
}

/** Trains one upsampler step by step. */
export class UpsamplerTrainer {
  constructor(
    private readonly method: Method,
    private readonly graph: TrainingGraph,
    private readonly programs: TrainingPrograms,
    private readonly features: FrozenFeatures,
    private readonly batches: Pick<Batches, 'take'>,
    private readonly rate: number,
    readonly state: UpsamplerState,
  ) {}

  /** @throws UserError where the loss is no number any more */
  async step(): Promise<StepReport> {
    const { state, method, rate } = this;
    const start = performance.now();
    const batch = await this.batches.take(state.step);
    const feeds = await this.feeds(batch);
    const prepared = (performance.now() - start) / 1000;

    const { loss, parts, gradients, statistics } = await this.programs.step(batch.variant, state.parameters, feeds);
    const length = jointLength(gradients.values());
    if (!Number.isFinite(loss) || !Number.isFinite(length)) {
      throw new UserError(
        `the loss is no number any more at step ${state.step + 1} (learning rate ${rate}). ` +
          'Begin again in another --out with a smaller --learning-rate',
      );
    }
    const { clip } = method.optimiser;
    if (clip && state.step < clip.steps && length > clip.length) scale(gradients.values(), clip.length / length);
    state.adam.step(state.parameters, gradients, rate);
    for (const { name, value } of statistics) follow(state.parameters.get(name)!, value, 1 - MOMENTUM);
    if (method.teacher) this.teach(method.teacher.decay);
    state.step++;
    const seconds = (performance.now() - start) / 1000;
    return { step: state.step, loss, parts, rate, gradient: length, seconds, prepared };
  }

  private async feeds({ variant, draws }: Batch): Promise<Map<string, Float32Array>> {
    const { inputs } = this.graph.variants[variant];
    const parts = new Map<string, Float32Array[]>();
    const add = (name: string, data: Float32Array) => parts.set(name, [...(parts.get(name) ?? []), data]);
    for (const { images, arrays = {} } of draws) {
      for (const [name, image] of Object.entries(images)) {
        if (inputs.has(pictureInput(name))) add(pictureInput(name), planes(image));
        if (inputs.has(featuresInput(name))) add(featuresInput(name), await this.features.of(image));
      }
      for (const [name, data] of Object.entries(arrays)) add(arrayInput(name), data);
    }
    return new Map([...parts].map(([name, list]) => [name, joined(list)]));
  }

  private teach(decay: number): void {
    const { parameters } = this.state;
    for (const [name, values] of parameters) {
      if (name.startsWith(TEACHER)) follow(values, parameters.get(OWN + name.slice(TEACHER.length))!, decay);
    }
  }
}

/** values = decay * values + (1 - decay) * towards. */
function follow(values: Float32Array, towards: Float32Array, decay: number): void {
  for (let i = 0; i < values.length; i++) values[i] = decay * values[i] + (1 - decay) * towards[i];
}

function jointLength(gradients: Iterable<Float32Array>): number {
  let sum = 0;
  for (const gradient of gradients) for (let i = 0; i < gradient.length; i++) sum += gradient[i] * gradient[i];
  return Math.sqrt(sum);
}

function scale(gradients: Iterable<Float32Array>, factor: number): void {
  for (const gradient of gradients) for (let i = 0; i < gradient.length; i++) gradient[i] *= factor;
}
