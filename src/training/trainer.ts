import { Random } from '../base/random.ts';
import { type Click, type ClickMapOptions, drawClickMaps } from '../clicks/maps.ts';
import { granularityRow } from '../granularity/table.ts';
import { gradientName } from '../probe/programs.ts';
import type { Program } from '../runtime/program.ts';
import type { Batches } from './loader/batches.ts';
import { type NextPointsConfig, nextPoints } from './next-points.ts';
import type { Point } from './points.ts';
import type { TrainingSample } from './samples.ts';
import type { TrainingState } from './state.ts';

export interface TrainerOptions {
  /** Decides the rounds and their clicks. */
  seed: number;
  /** Learning rate of a step, counted from 0. */
  rate(step: number): number;
  /** Rounds of corrective clicks: 0 to this many, one draw a step. */
  maxRounds: number;
  clickMaps: ClickMapOptions;
  nextPoints: NextPointsConfig;
  /** The program takes the granularity of what is clicked; a sample without one counts as a whole object. */
  granular?: boolean;
}

export interface StepReport {
  /** Steps done, this one included. */
  step: number;
  /** Mean over the batch. */
  loss: number;
  /** Moving average of the training IoU, 0..1. */
  iou: number;
  rate: number;
  /** Corrective rounds of this step. */
  rounds: number;
  seconds: number;
  /** Of these, spent waiting for samples. */
  waited: number;
}

/** What a step did with the first of its samples. */
export interface Look {
  sample: TrainingSample;
  /** The clicks it was trained on. */
  points: readonly Point[];
  /** [1,1,H,W], before the step. */
  logits: Float32Array;
}

/**
 * Iterative click training (RITM; golden protocol, "Training step"): a few rounds of predictions without gradient, each
 * followed by a click into its largest error, then one step of Adam on the last clicks with the prediction before them.
 *
 * The images of a batch go through the program one by one and their gradients are averaged: the loss is a mean over
 * images and nothing normalises over the batch, so this is the same computation in a fraction of the memory.
 */
export class Trainer {
  /** Of the last step. */
  look: Look | null = null;

  constructor(
    private readonly program: Program,
    private readonly batches: Pick<Batches, 'take'>,
    private readonly options: TrainerOptions,
    readonly state: TrainingState,
  ) {}

  async step(): Promise<StepReport> {
    const { state, options } = this;
    const start = performance.now();
    const samples = await this.batches.take(state.step);
    const waited = performance.now() - start;

    const random = Random.of(options.seed, 'rounds', state.step);
    const rounds = random.integer(0, options.maxRounds);
    const gradients = new Map<string, Float32Array>();
    let loss = 0;
    let weights: Record<string, Float32Array> = Object.fromEntries(state.parameters);
    for (const [slot, sample] of samples.entries()) {
      const { clicks, points } = await this.correct(sample, rounds, random, weights);
      // what the rounds have fed is there already, and what depends on it computed
      const fresh = rounds === 0 ? { image: sample.image, ...this.granularityOf(sample), ...weights } : {};
      const result = await this.program.run('step', { ...fresh, target: sample.target, clicks });
      if (slot === 0) this.look = { sample, points, logits: result.logits.slice() };
      weights = {};
      loss += result.loss[0] / samples.length;
      for (const name of state.parameters.keys())
        accumulate(gradients, name, result[gradientName(name)], samples.length);
      state.iou.update(result.logits, sample.target, 1);
    }
    const rate = options.rate(state.step);
    state.adam.step(state.parameters, gradients, rate);
    state.losses.push(loss);
    state.step++;
    const seconds = (performance.now() - start) / 1000;
    return { step: state.step, loss, iou: state.iou.state.movingIou, rate, rounds, seconds, waited: waited / 1000 };
  }

  /** The clicks after the corrective rounds, and their maps [3,H,W] with the last prediction before the last click. */
  private async correct(
    sample: TrainingSample,
    rounds: number,
    random: Random,
    weights: Record<string, Float32Array>,
  ): Promise<{ clicks: Float32Array; points: readonly Point[] }> {
    const { width, height, image, target, points } = sample;
    let current: readonly Point[] = points;
    let previous = new Float32Array(width * height);
    for (let round = 1; round <= rounds; round++) {
      const clicks = this.clickInput(previous, current, width, height);
      const feeds = round === 1 ? { image, clicks, ...this.granularityOf(sample), ...weights } : { clicks };
      const { probability } = await this.program.run('predict', feeds);
      previous = probability.slice();
      const prediction = { width, height, data: previous };
      current = nextPoints(
        current,
        prediction,
        { width, height, data: target },
        round,
        this.options.nextPoints,
        random,
      );
    }
    return { clicks: this.clickInput(previous, current, width, height), points: current };
  }

  private granularityOf({ granularity = 1 }: TrainingSample): { granularity?: Float32Array } {
    return this.options.granular ? { granularity: Float32Array.of(granularityRow(granularity)) } : {};
  }

  private clickInput(previous: Float32Array, points: readonly Point[], width: number, height: number): Float32Array {
    const input = new Float32Array(3 * width * height);
    input.set(previous);
    const clicks: Click[] = points.map(({ row, col, positive }) => ({ x: col, y: row, positive }));
    drawClickMaps(clicks, height, width, this.options.clickMaps, input.subarray(width * height));
    return input;
  }
}

function accumulate(sums: Map<string, Float32Array>, name: string, gradient: Float32Array, count: number): void {
  const sum = sums.get(name) ?? new Float32Array(gradient.length);
  sums.set(name, sum);
  for (let i = 0; i < sum.length; i++) sum[i] += gradient[i] / count;
}
