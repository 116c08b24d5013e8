import { existsSync } from 'node:fs';
import type { Backbone } from '../backbones/types.ts';
import { UserError } from '../base/errors.ts';
import { writeFileAtomic } from '../base/files.ts';
import type { CompileOptions } from '../runtime/program.ts';
import { readUpsamplerWeights } from '../upsamplers/read-checkpoint.ts';
import { findUpsampler } from '../upsamplers/registry.ts';
import type { Upsampler } from '../upsamplers/types.ts';
import type { Weights } from '../weights/weight.ts';
import { Batches } from './batches.ts';
import { FrozenFeatures } from './features.ts';
import { buildTraining, OWN, type TrainingGraph, TrainingPrograms } from './graph.ts';
import { openImages } from './images.ts';
import { openUpsamplerLog } from './log.ts';
import type { Method } from './method.ts';
import { openRun, runFiles, type UpsamplerConfig } from './run-files.ts';
import { type ScoreRow, scoreUpsamplers } from './score.ts';
import { freshState, loadTraining, saveTraining, type UpsamplerState } from './state.ts';
import { type StepReport, UpsamplerTrainer } from './trainer.ts';
import { type UpsamplerFacts, writeUpsampler } from './weights-file.ts';

export interface TrainingOptions {
  /** Run folder; see `openRun`. */
  root: string;
  /** Steps in all. */
  steps: number;
  /** This process trains no longer than this. */
  seconds: number;
  /** Between checkpoints. */
  checkpointSeconds: number;
  /** Held-out images to score with, at most. */
  heldOut: number;
  /** Of clickprobe, for the file. */
  version: string;
  /** What the run folder notes of versions and weights. */
  environment: object;
  program?: CompileOptions;
  signal: AbortSignal;
  /** The first call says where training starts. */
  onStep(done: number, report?: StepReport): void;
  onScore(done: number, all: number): void;
  onNote(text: string): void;
}

export interface TrainingResult {
  /** Steps done in all. */
  steps: number;
  /** Whether all steps were done, not just those that there was time for. */
  complete: boolean;
  /** Mean loss of the last steps of this process; null where there was nothing left to train. */
  loss: number | null;
  rows: ScoreRow[];
}

/**
 * Trains an upsampler, or goes on where an earlier process stopped, exactly as if it had not; then writes its file and
 * scores it on images that it was not trained on.
 *
 * @throws UserError for images, sizes or files that do not fit; the signal's reason, after saving, where a stop is asked for
 */
export async function trainUpsampler(
  method: Method,
  backbone: Backbone,
  weights: Weights,
  config: UpsamplerConfig,
  options: TrainingOptions,
): Promise<TrainingResult> {
  const { root, steps, signal, onNote } = options;
  const files = runFiles(root);
  const { size, batch, seed } = config;
  const images = await openImages(config.images, { seed, share: config.heldOutShare });
  if (method.masks && !images.masks) {
    throw new UserError(
      `${method.upsampler} learns from masks of objects, which ${config.images} does not have: give --images synthetic, ` +
        'or a set with masks as KIND:DIR (clickprobe data list)',
    );
  }
  const setting = { backbone, size, batch };
  const graph = buildTraining(method, setting);
  const fresh = existsSync(files.checkpoint) ? null : begin(method, graph, backbone, config, onNote);
  // not before all that is asked for is known to fit: a wrong request leaves no run behind
  if (openRun(root, config)) onNote(`going on in ${root}`);
  writeFileAtomic(files.environment, `${JSON.stringify(options.environment, null, 2)}\n`);
  const state = fresh ?? loadTraining(files.checkpoint, method, graph);
  if (state.step >= steps) {
    onNote(`${root} has ${state.step} steps, as many as asked for or more (${steps}): nothing is trained, only scored`);
  }
  const features = new FrozenFeatures(backbone, weights, options.program);
  try {
    const batches = new Batches(images.train, method, setting, seed);
    const loss = await trainSteps(method, graph, features, batches, config, state, options);
    if (batches.tooSmall.size > 0) {
      onNote(`${batches.tooSmall.size} images were too small and left out, such as ${[...batches.tooSmall][0]}`);
    }
    const facts = factsOf(method, backbone, state, options.version);
    writeUpsampler(files.upsampler, graph.parameters, state.parameters, facts);
    const trained = { upsampler: findUpsampler(method.upsampler), values: state.parameters };
    const rows = await scoreUpsamplers(trained, features, images.heldOut, {
      size,
      limit: options.heldOut,
      program: options.program,
      signal,
      onProgress: options.onScore,
      onNote,
    });
    writeFileAtomic(files.results, `${JSON.stringify({ ...facts, images: config.images, size, rows }, null, 2)}\n`);
    return { steps: state.step, complete: state.step >= steps, loss, rows };
  } finally {
    await features.release();
  }
}

/** Steps over which the last loss is averaged. */
const LAST = 50;

async function trainSteps(
  method: Method,
  graph: TrainingGraph,
  features: FrozenFeatures,
  batches: Batches,
  { learningRate }: UpsamplerConfig,
  state: UpsamplerState,
  { root, steps, seconds, checkpointSeconds, program, signal, onStep }: TrainingOptions,
): Promise<number | null> {
  onStep(state.step);
  if (state.step >= steps) return null;
  const files = runFiles(root);
  const log = openUpsamplerLog(files.log, state.step);
  const programs = new TrainingPrograms(graph, program);
  const losses: number[] = [];
  const start = performance.now();
  let saved = start;
  try {
    const trainer = new UpsamplerTrainer(method, graph, programs, features, batches, learningRate, state);
    for (let more = true; more; ) {
      const report = await trainer.step();
      log.step(report);
      losses.push(report.loss);
      onStep(state.step, report);
      // lets Ctrl-C through
      await new Promise(setImmediate);
      const now = performance.now();
      more = state.step < steps && now - start < seconds * 1000 && !signal.aborted;
      if (!more || now - saved > checkpointSeconds * 1000) {
        saveTraining(files.checkpoint, graph, state);
        saved = now;
      }
    }
  } finally {
    log.close();
    await programs.release();
  }
  signal.throwIfAborted();
  const last = losses.slice(-LAST);
  return last.reduce((sum, loss) => sum + loss, 0) / last.length;
}

/** The state before the first step; in a later stage that of the stage before. */
function begin(
  method: Method,
  graph: TrainingGraph,
  backbone: Backbone,
  { from, seed }: UpsamplerConfig,
  onNote: (text: string) => void,
): UpsamplerState {
  if (from === null) {
    if (method.stage === 1) return freshState(method, graph, seed);
    throw new UserError(
      `stage ${method.stage} of ${method.upsampler} begins with the file of stage ${method.stage - 1}: give it as --from FILE`,
    );
  }
  const weights = readUpsamplerWeights(from, findUpsampler(method.upsampler), backbone, onNote);
  return freshState(method, graph, seed, new Map([...weights].map(([name, { data }]) => [name, data])));
}

const factsOf = (
  { upsampler, stage }: Method,
  { name, channels, featureScale }: Backbone,
  { step }: UpsamplerState,
  version: string,
): UpsamplerFacts => ({ upsampler, stage, backbone: name, channels, featureScale, steps: step, version });

/**
 * Scores the file of a learned upsampler, ours or its authors', as `trainUpsampler` does.
 *
 * @throws UserError where it does not fit the backbone, and as `scoreUpsamplers`
 */
export async function scoreFile(
  path: string,
  upsampler: Upsampler,
  backbone: Backbone,
  weights: Weights,
  config: Pick<UpsamplerConfig, 'images' | 'size' | 'seed' | 'heldOutShare'>,
  {
    heldOut,
    program,
    signal,
    onScore,
    onNote,
  }: Pick<TrainingOptions, 'heldOut' | 'program' | 'signal' | 'onScore' | 'onNote'>,
): Promise<ScoreRow[]> {
  const read = readUpsamplerWeights(path, upsampler, backbone, onNote);
  const values = new Map([...read].map(([name, { data }]) => [OWN + name, data]));
  const images = await openImages(config.images, { seed: config.seed, share: config.heldOutShare });
  const features = new FrozenFeatures(backbone, weights, program);
  try {
    return await scoreUpsamplers({ upsampler, values }, features, images.heldOut, {
      ...{ size: config.size, limit: heldOut, program, signal, onNote },
      onProgress: onScore,
    });
  } finally {
    await features.release();
  }
}
