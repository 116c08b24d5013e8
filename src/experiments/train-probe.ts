import { existsSync, readFileSync } from 'node:fs';
import type { Weights } from '../backbones/types.ts';
import { appendLine, writeFileAtomic } from '../base/files.ts';
import type { Dataset } from '../datasets/types.ts';
import { sum } from '../graph/ops/basic.ts';
import { input } from '../graph/tensor.ts';
import { buildProbe, type Probe } from '../probe/probe.ts';
import { compileTraining, type Values } from '../probe/programs.ts';
import { normalisedFocalLoss } from '../training/loss.ts';
import type { SampleCache } from '../training/sample-cache.ts';
import { initialState, loadState, saveState } from '../training/state.ts';
import { type StepReport, Trainer } from '../training/trainer.ts';
import type { Config } from './config.ts';
import type { RunFolder } from './run-folder.ts';
import { frozenValues, programOptions } from './setup.ts';

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
  weights: Weights,
  dataset: Dataset,
  cache: SampleCache,
  folder: RunFolder,
  signal: AbortSignal,
  onStep: (step: number, report?: StepReport) => void,
): Promise<Values> {
  const { training } = config;
  const graph = buildProbe(probe, 1, [training.size, training.size]);
  const shapes = new Map([...graph.trained].map(([name, p]) => [name, p.shape]));
  const checkpoint = folder.checkpoint(probe.upsampler.name);
  const state = loadState(checkpoint, shapes) ?? initialState(graph.trained.values(), config.seed);
  const perEpoch = stepsPerEpoch(config, dataset);
  const steps = training.epochs * perEpoch;
  onStep(state.step);
  if (state.step >= steps) return state.parameters;

  const log = openLog(folder.trainingLog(probe.upsampler.name), state.step);
  const target = input('target', [1, 1, training.size, training.size], 'clicks');
  const program = await compileTraining(
    graph,
    frozenValues(graph, probe.backbone, weights),
    logits => {
      const perImage = normalisedFocalLoss(logits, target, { alpha: training.alpha, detachFactor: true });
      return { perImage, total: sum(perImage, [0]) };
    },
    { ...programOptions(config), stepOnly: training.maxRounds === 0 },
  );
  try {
    const trainer = new Trainer(
      program,
      dataset,
      {
        seed: config.seed,
        batch: training.batch,
        rate: step => {
          const passed = training.milestones.filter(epoch => step >= epoch * perEpoch).length;
          return training.learningRate * training.gamma ** passed;
        },
        maxRounds: training.maxRounds,
        clickMaps: config.clicks,
        nextPoints: { ...training.nextPoints, maxPoints: training.sampler.maxPoints },
        sample: {
          augment: { ...training.augment, crop: training.size },
          sampler: training.sampler,
          minArea: training.minArea,
          keepBackground: training.keepBackground,
          cache,
        },
      },
      state,
    );
    let saved = performance.now();
    while (state.step < steps) {
      const report = await trainer.step();
      log(report);
      onStep(state.step, report);
      const due = performance.now() - saved > training.checkpointSeconds * 1000;
      if (due || signal.aborted || state.step === steps) {
        saveState(checkpoint, state, shapes);
        saved = performance.now();
      }
      signal.throwIfAborted();
    }
  } finally {
    await program.release();
  }
  return state.parameters;
}

/** One JSON object a step. Lines after the checkpoint that training goes on from are dropped: they come again. */
function openLog(path: string, step: number): (report: StepReport) => void {
  if (existsSync(path)) {
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, step);
    writeFileAtomic(path, lines.map(line => `${line}\n`).join(''));
  }
  return report => appendLine(path, JSON.stringify(report));
}
