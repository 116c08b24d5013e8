import { Random } from '../base/random.ts';
import { type Click, type ClickMapOptions, drawClickMaps } from '../clicks/maps.ts';
import type { Dataset } from '../datasets/types.ts';
import { gradientName } from '../probe/programs.ts';
import type { Program } from '../runtime/program.ts';
import { type NextPointsConfig, nextPoints } from './next-points.ts';
import type { Point } from './points.ts';
import { type SampleOptions, type TrainingSample, trainingSample } from './samples.ts';
import type { TrainingState } from './state.ts';

export interface TrainerOptions {
  seed: number;
  batch: number;
  /** Learning rate of a step, counted from 0. */
  rate(step: number): number;
  /** Rounds of corrective clicks: 0 to this many, one draw a step. */
  maxRounds: number;
  clickMaps: ClickMapOptions;
  nextPoints: NextPointsConfig;
  /** All but seed, stream, step and slot. */
  sample: Omit<SampleOptions, 'seed' | 'stream' | 'step' | 'slot'>;
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

/**
 * Iterative click training (RITM; golden protocol, "Training step"): a few rounds of predictions without gradient, each
 * followed by a click into its largest error, then one step of Adam on the last clicks with the prediction before them.
 *
 * The images of a batch go through the program one by one and their gradients are averaged: the loss is a mean over
 * images and nothing normalises over the batch, so this is the same computation in a fraction of the memory.
 */
export class Trainer {
  private next: Promise<TrainingSample[]> | null = null;

  constructor(
    private readonly program: Program,
    private readonly dataset: Dataset,
    private readonly options: TrainerOptions,
    readonly state: TrainingState,
  ) {}

  async step(): Promise<StepReport> {
    const { state, options } = this;
    const start = performance.now();
    const samples = await (this.next ?? this.draw(state.step));
    const waited = performance.now() - start;
    this.next = this.draw(state.step + 1);
    // an error is reported by the step that needs the samples
    this.next.catch(() => undefined);

    const random = Random.of(options.seed, 'rounds', state.step);
    const rounds = random.integer(0, options.maxRounds);
    const gradients = new Map<string, Float32Array>();
    let loss = 0;
    let weights: Record<string, Float32Array> = Object.fromEntries(state.parameters);
    for (const sample of samples) {
      const clicks = await this.correct(sample, rounds, random, weights);
      // what the rounds have fed is there already, and what depends on it computed
      const fresh = rounds === 0 ? { image: sample.image, ...weights } : {};
      const result = await this.program.run('step', { ...fresh, target: sample.target, clicks });
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

  private draw(step: number): Promise<TrainingSample[]> {
    const { seed, batch, sample } = this.options;
    const slots = Array.from({ length: batch }, (_, slot) => slot);
    return Promise.all(
      slots.map(slot => trainingSample(this.dataset, { ...sample, seed, stream: 'train', step, slot })),
    );
  }

  /** Click maps [3,H,W] after the corrective rounds: the last prediction before the last click, and all clicks. */
  private async correct(
    { width, height, image, target, points }: TrainingSample,
    rounds: number,
    random: Random,
    weights: Record<string, Float32Array>,
  ): Promise<Float32Array> {
    let current: readonly Point[] = points;
    let previous = new Float32Array(width * height);
    for (let round = 1; round <= rounds; round++) {
      const clicks = this.clickInput(previous, current, width, height);
      const feeds = round === 1 ? { image, clicks, ...weights } : { clicks };
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
    return this.clickInput(previous, current, width, height);
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
