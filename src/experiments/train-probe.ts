import type { Dataset } from '../datasets/types.ts';
import { sum } from '../graph/ops/basic.ts';
import { input } from '../graph/tensor.ts';
import { buildProbe, type Probe } from '../probe/probe.ts';
import { compileTraining, type Values } from '../probe/programs.ts';
import { Batches } from '../training/loader/batches.ts';
import type { SampleLoader } from '../training/loader/loader.ts';
import { normalisedFocalLoss } from '../training/loss.ts';
import { initialState, loadState, saveState } from '../training/state.ts';
import { type StepReport, Trainer } from '../training/trainer.ts';
import type { Config } from './config.ts';
import { type Frozen, frozenValues } from './frozen.ts';
import { upsamplerStart } from './granular.ts';
import type { RunFolder } from './run-folder.ts';
import { programOptions } from './setup.ts';
import { openTrainingLog } from './training-log.ts';

/** Steps in a run: whole batches only, as in the reference. */
export function stepsPerEpoch({ training }: Config, dataset: Dataset): number {
  return Math.max(1, Math.floor((training.epochLength ?? dataset.size) / training.batch));
}

/**
 * Trains a probe, or goes on where an earlier process stopped, exactly as if it had not.
 *
 * @returns the trained parameters
 * @throws the signal's reason after saving, where a stop is asked for
 */
export async function trainProbe(
  config: Config,
  probe: Probe,
  frozen: Frozen,
  dataset: Dataset,
  loader: SampleLoader,
  folder: RunFolder,
  signal: AbortSignal,
  onStep: (step: number, report?: StepReport) => void,
): Promise<Values> {
  const { training } = config;
  const { firstClick, ...sampler } = training.sampler;
  const graph = buildProbe(probe, 1, [training.size, training.size]);
  const shapes = new Map([...graph.trained].map(([name, p]) => [name, p.shape]));
  const checkpoint = folder.checkpoint(probe.upsampler.name);
  const state =
    loadState(checkpoint, shapes) ?? initialState(graph.trained.values(), config.seed, upsamplerStart(graph, frozen));
  const perEpoch = stepsPerEpoch(config, dataset);
  const steps = training.epochs * perEpoch;
  onStep(state.step);
  if (state.step >= steps) return state.parameters;

  const log = openTrainingLog(folder.trainingLog(probe.upsampler.name), state.step);
  // before the program is compiled, which takes longer than the first samples
  const batches = new Batches(loader, {
    batch: training.batch,
    first: state.step,
    end: steps,
    sample: {
      seed: config.seed,
      stream: 'train',
      augment: { ...training.augment, crop: training.size },
      sampler: { ...sampler, ...(firstClick && { firstClick }) },
      minArea: training.minArea,
      keepBackground: training.keepBackground,
    },
  });
  const target = input('target', [1, 1, training.size, training.size], 'clicks');
  const program = await compileTraining(
    graph,
    frozenValues(graph, frozen, probe),
    logits => {
      const perImage = normalisedFocalLoss(logits, target, { alpha: training.alpha, detachFactor: true });
      return { perImage, total: sum(perImage, [0]) };
    },
    { ...programOptions(config), stepOnly: training.maxRounds === 0 },
  );
  try {
    const trainer = new Trainer(
      program,
      batches,
      {
        seed: config.seed,
        rate: step => {
          const passed = training.milestones.filter(epoch => step >= epoch * perEpoch).length;
          return training.learningRate * training.gamma ** passed;
        },
        maxRounds: training.maxRounds,
        clickMaps: config.clicks,
        nextPoints: { ...training.nextPoints, maxPoints: training.sampler.maxPoints },
        granular: probe.granularity !== undefined,
      },
      state,
    );
    let saved = performance.now();
    while (state.step < steps) {
      const report = await trainer.step();
      log.step(report);
      const epochEnds = state.step % perEpoch === 0;
      if (epochEnds && trainer.look) await log.look(state.step, trainer.look);
      onStep(state.step, report);
      const due = performance.now() - saved > training.checkpointSeconds * 1000;
      if (due || signal.aborted || state.step === steps) {
        saveState(checkpoint, state, shapes);
        saved = performance.now();
      }
      signal.throwIfAborted();
    }
  } finally {
    log.close();
    await program.release();
  }
  return state.parameters;
}
