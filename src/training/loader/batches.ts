import type { TrainingSample } from '../samples.ts';
import type { SampleLoader, SampleRequest } from './loader.ts';

export interface BatchPlan {
  batch: number;
  /** The first step, and the one after the last. */
  first: number;
  end: number;
  /** All but step and slot. */
  sample: Omit<SampleRequest, 'step' | 'slot'>;
}

/**
 * The batches of a training, drawn ahead of the steps that take them: never more than `loader.ahead` beyond the one
 * handed out, none beyond the last step.
 */
export class Batches {
  private readonly drawn = new Map<number, Promise<TrainingSample[]>>();

  constructor(
    private readonly loader: SampleLoader,
    private readonly plan: BatchPlan,
  ) {
    this.drawAhead(plan.first);
  }

  /** The samples of a step; steps are taken in order, each once. @throws UserError as `trainingSample` */
  take(step: number): Promise<TrainingSample[]> {
    const batch = this.drawn.get(step) ?? this.draw(step);
    this.drawn.delete(step);
    this.drawAhead(step + 1);
    return batch;
  }

  private drawAhead(from: number): void {
    const to = Math.min(from + this.loader.ahead, this.plan.end);
    for (let step = from; step < to; step++) {
      if (this.drawn.has(step)) continue;
      const batch = this.draw(step);
      // an error is reported by the step that needs the samples
      batch.catch(() => undefined);
      this.drawn.set(step, batch);
    }
  }

  private draw(step: number): Promise<TrainingSample[]> {
    const { batch, sample } = this.plan;
    return Promise.all(Array.from({ length: batch }, (_, slot) => this.loader.draw({ ...sample, step, slot })));
  }
}
