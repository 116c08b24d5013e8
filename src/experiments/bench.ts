import { cpus } from 'node:os';
import { UserError } from '../base/errors.ts';
import { writeFileAtomic } from '../base/files.ts';
import { openDataset } from '../datasets/registry.ts';
import type { Dataset } from '../datasets/types.ts';
import type { Probe } from '../probe/probe.ts';
import type { Values } from '../probe/programs.ts';
import type { ResultRow } from '../report/types.ts';
import { openLoader } from '../training/loader/open-loader.ts';
import { waitingNote } from '../training/loader/waiting-note.ts';
import { weightsHash } from '../weights/hash.ts';
import type { Weights } from '../weights/weight.ts';
import { baselines, type Clickable, readyProbe } from './clickables.ts';
import type { Config } from './config.ts';
import { evaluateOn } from './evaluation.ts';
import type { Control, Stage } from './events.ts';
import { type Frozen, loadUpsampler } from './frozen.ts';
import { loadStart, startRecord } from './granular.ts';
import { filesOf, requireSameFiles } from './own-files.ts';
import { examplePictures } from './pictures.ts';
import { resolveBackbone, withMeasuredScale } from './resolve-backbone.ts';
import type { RunFolder } from './run-folder.ts';
import { type Environment, summary, type UpsamplerWeights, writeReport } from './run-report.ts';
import { openProbes } from './setup.ts';
import { isProtocol, openTestSets, type TestSet } from './test-sets.ts';
import { stepsPerEpoch, trainProbe } from './train-probe.ts';
import { versions } from './versions.ts';

export interface BenchRequest {
  config: Config;
  /** The command line that repeats the run. */
  command: string;
}

/** Trains one probe per upsampler and evaluates each: the main job. Goes on where an earlier run in the folder stopped. */
export async function bench(
  { config: asked, command }: BenchRequest,
  folder: RunFolder,
  control: Control,
): Promise<ResultRow[]> {
  const { emit, signal } = control;
  const config = await withMeasuredScale(asked, text => emit({ type: 'note', text }));
  const probes = await openProbes(config);
  const files = filesOf([...probes.values()]);
  const training = await openDataset(config.training.data, { seed: config.dataSeed, split: 'train' });
  const testSets = await openTestSets(config);
  const backbone = resolveBackbone(config);
  const weights = await backbone.weights(config.weights ?? undefined);
  const { frozen, upsamplers } = await loadUpsamplers(config, probes, weights, control);

  const lock = folder.lock();
  const { data, workers } = config.training;
  const loader = openLoader({ spec: data, seed: config.dataSeed, dataset: training }, workers);
  try {
    if (folder.open(config)) {
      requireSameFiles(folder, files, upsamplers);
      emit({ type: 'note', text: `going on in ${folder.root}` });
    }
    const environment: Environment = {
      command,
      versions: versions(),
      processor: `${cpus()[0]?.model ?? 'unknown'} (${cpus().length} threads)`,
      backbone: { name: backbone.name, sha256: weightsHash(weights) },
      upsamplers,
      ...(Object.keys(files).length > 0 && { files }),
      ...(config.granularity && { start: startRecord(config, frozen) }),
      training: { name: training.name, images: training.size },
      evaluation: testSets.map(({ name, spec, dataset }) => ({ name, spec, images: dataset.size })),
    };
    writeFileAtomic(folder.environment, `${JSON.stringify(environment, null, 2)}\n`);

    const stages = planStages(config, probes, training, testSets);
    emit({ type: 'plan', stages });
    const rows: ResultRow[] = [];
    const keep = (more: readonly ResultRow[]) => {
      rows.push(...more);
      writeFileAtomic(folder.results, `${JSON.stringify(rows, null, 2)}\n`);
    };
    for (const name of config.baselines) keep(await evaluate(name, () => baselines[name](config)));
    for (const [name, probe] of probes) {
      const trained = await train(name, probe);
      keep(await evaluate(name, async () => readyProbe(config, probe, frozen.get(name)!, trained)));
    }
    await writeReport({ config, command, folder, probes, frozen, testSets, rows, environment });
    return rows;

    async function train(name: string, probe: Probe): Promise<Values> {
      const stage = stages.findIndex(s => s.upsampler === name && s.kind === 'train');
      const report = (done: number, detail = '') => emit({ type: 'progress', stage, done, detail });
      const waiting = waitingNote();
      const own = frozen.get(name)!;
      const trained = await trainProbe(config, probe, own, training, loader, folder, signal, (done, step) => {
        const numbers = step && `loss ${step.loss.toFixed(3)}, IoU ${(100 * step.iou).toFixed(0)} %`;
        report(done, step && `${numbers}${waiting(step)}`);
      });
      report(stages[stage].units);
      return trained;
    }

    /** One row per test set. What is evaluated is made ready only where something is left to evaluate. */
    async function evaluate(name: string, load: () => Promise<Clickable>): Promise<ResultRow[]> {
      const loaded: Clickable[] = [];
      const open: Clickable['open'] = async dataset => {
        if (loaded.length === 0) loaded.push(await load());
        return loaded[0].open(dataset);
      };
      const own: ResultRow[] = [];
      try {
        for (const set of testSets) {
          const stage = stages.findIndex(s => s.upsampler === name && s.kind === `evaluate ${set.name}`);
          const report = (done: number, detail = '') => emit({ type: 'progress', stage, done, detail });
          const curves = await evaluateOn(config, set, open, folder.curves(name, set.name), signal, (done, curve) => {
            const percent = (iou: number) => `${(100 * iou).toFixed(0)} %`;
            report(done, curve && `IoU ${percent(curve.ious[0])} -> ${percent(curve.ious.at(-1)!)}`);
          });
          report(set.dataset.size);
          if (curves.length === 0) throw new UserError(`${set.name} holds no object to evaluate on`);
          if (isProtocol(set)) await examplePictures(config, set, open, folder.pictures(name, set.name));
          const served = upsamplers[name] && { weights: upsamplers[name] };
          const row = {
            upsampler: name,
            dataset: set.name,
            ...(files[name] && { file: files[name] }),
            ...served,
            ...summary(config, curves, set),
          };
          emit({ type: 'row', row });
          own.push(row);
        }
      } finally {
        for (const each of loaded) await each.release();
      }
      return own;
    }
  } finally {
    await loader.close();
    lock.release();
  }
}

/** What each probe keeps frozen, and what weights learned upsamplers were given. */
async function loadUpsamplers(
  config: Config,
  probes: ReadonlyMap<string, Probe>,
  backbone: Weights,
  { emit, signal }: Control,
): Promise<{ frozen: Map<string, Frozen>; upsamplers: Record<string, UpsamplerWeights> }> {
  const frozen = new Map<string, Frozen>();
  const upsamplers: Record<string, UpsamplerWeights> = {};
  const idle = Object.keys(config.upsamplerWeights).filter(name => !probes.has(name));
  if (idle.length > 0) emit({ type: 'note', text: `not among the upsamplers, weights not used: ${idle.join(', ')}` });
  for (const [name, probe] of probes) {
    const { weights, from } = await loadUpsampler(
      { ...probe, upsamplerWeights: config.upsamplerWeights[name] },
      {
        signal,
        onNote: text => emit({ type: 'note', text }),
        onProgress: progress => emit({ type: 'download', what: `the weights of ${name}`, progress }),
      },
    );
    frozen.set(name, { backbone, upsampler: weights, ...(config.granularity && { start: loadStart(config, probe) }) });
    if (from !== null) upsamplers[name] = { from, sha256: weightsHash(weights) };
  }
  return { frozen, upsamplers };
}

/** The parts of a run, in their order. */
export function planStages(
  config: Config,
  probes: ReadonlyMap<string, Probe>,
  training: Dataset,
  testSets: TestSet[],
): Stage[] {
  const steps = config.training.epochs * stepsPerEpoch(config, training);
  return [...config.baselines, ...probes.keys()].flatMap(upsampler => [
    ...(probes.has(upsampler) ? [{ kind: 'train', upsampler, units: steps }] : []),
    ...testSets.map(({ name, dataset }) => ({ kind: `evaluate ${name}`, upsampler, units: dataset.size })),
  ]);
}
