import { cpus } from 'node:os';
import { stringify } from 'yaml';
import { findBackbone } from '../backbones/registry.ts';
import type { Weights } from '../backbones/types.ts';
import { UserError } from '../base/errors.ts';
import { writeFileAtomic } from '../base/files.ts';
import { openDataset } from '../datasets/registry.ts';
import type { Dataset } from '../datasets/types.ts';
import type { ObjectCurve } from '../evaluation/evaluate.ts';
import { type Summary, summarize } from '../evaluation/summary.ts';
import type { Probe } from '../probe/probe.ts';
import { reportHtml } from '../report/html.ts';
import type { ResultRow } from '../report/types.ts';
import { SampleCache } from '../training/sample-cache.ts';
import { weightsHash } from '../weights/hash.ts';
import type { Config } from './config.ts';
import { evaluateProbe, readCurves, readyProbe } from './evaluate-probe.ts';
import type { Control, Stage } from './events.ts';
import { examplePictures, featurePictures, gatherExamples } from './pictures.ts';
import type { RunFolder } from './run-folder.ts';
import { makeProbes } from './setup.ts';
import { stepsPerEpoch, trainProbe } from './train-probe.ts';
import { versions } from './versions.ts';

/** A data set to evaluate on, under the name that tables and files use. */
interface TestSet {
  name: string;
  spec: string;
  dataset: Dataset;
}

export interface BenchRequest {
  config: Config;
  /** The command line that repeats the run. */
  command: string;
}

/** Trains one probe per upsampler and evaluates each: the main job. Goes on where an earlier run in the folder stopped. */
export async function bench(
  { config, command }: BenchRequest,
  folder: RunFolder,
  control: Control,
): Promise<ResultRow[]> {
  const { emit, signal } = control;
  const probes = makeProbes(config);
  const training = await openDataset(config.training.data, { seed: config.seed, split: 'train' });
  const testSets = await openTestSets(config);
  const backbone = findBackbone(config.backbone);
  const weights = await backbone.weights(config.weights ?? undefined);

  const lock = folder.lock();
  try {
    if (folder.open(config)) emit({ type: 'note', text: `going on in ${folder.root}` });
    const environment = {
      command,
      versions: versions(),
      processor: `${cpus()[0]?.model ?? 'unknown'} (${cpus().length} threads)`,
      backbone: { name: backbone.name, sha256: weightsHash(weights) },
      training: { name: training.name, images: training.size },
      evaluation: testSets.map(({ name, spec, dataset }) => ({ name, spec, images: dataset.size })),
    };
    writeFileAtomic(folder.environment, `${JSON.stringify(environment, null, 2)}\n`);

    const stages = plan(config, probes, training, testSets);
    emit({ type: 'plan', stages });
    const cache = new SampleCache(training);
    const rows: ResultRow[] = [];
    for (const [name, probe] of probes) {
      rows.push(...(await benchProbe(name, probe)));
      writeFileAtomic(folder.results, `${JSON.stringify(rows, null, 2)}\n`);
    }
    await writeReport({ config, command }, folder, { probes, weights, testSets, rows, environment });
    return rows;

    async function benchProbe(name: string, probe: Probe): Promise<ResultRow[]> {
      const stage = (kind: string) => stages.findIndex(s => s.upsampler === name && s.kind === kind);
      const train = stage('train');
      const report = (index: number, done: number, detail = '') =>
        emit({ type: 'progress', stage: index, done, detail });
      const trained = await trainProbe(config, probe, weights, training, cache, folder, signal, (done, step) => {
        report(train, done, step && `loss ${step.loss.toFixed(3)}, IoU ${(100 * step.iou).toFixed(0)} %`);
      });
      report(train, stages[train].units);
      const ready = await readyProbe(config, probe, weights, trained);
      const own: ResultRow[] = [];
      for (const { name: set, dataset } of testSets) {
        const evaluate = stage(`evaluate ${set}`);
        const curves = await evaluateProbe(config, ready, dataset, folder.curves(name, set), signal, (done, curve) => {
          const percent = (iou: number) => `${(100 * iou).toFixed(0)} %`;
          report(evaluate, done, curve && `IoU ${percent(curve.ious[0])} -> ${percent(curve.ious.at(-1)!)}`);
        });
        report(evaluate, dataset.size);
        if (curves.length === 0) throw new UserError(`${set} holds no object to evaluate on`);
        await examplePictures(config, ready, dataset, folder.pictures(name, set));
        const row = resultRow(name, set, summary(config, curves));
        emit({ type: 'row', row });
        own.push(row);
      }
      await ready.release();
      return own;
    }
  } finally {
    lock.release();
  }
}

async function openTestSets({ evaluation, seed }: Config): Promise<TestSet[]> {
  if (evaluation.datasets.length === 0) {
    throw new UserError('no data set to evaluate on: name some with --datasets, such as --datasets synthetic');
  }
  const sets: TestSet[] = [];
  for (const spec of evaluation.datasets) {
    const dataset = await openDataset(spec, { seed, split: 'val', limit: evaluation.limit ?? undefined });
    const base = dataset.name.replace(/[^\w.-]+/g, '_');
    const same = sets.filter(s => s.name === base || s.name.startsWith(`${base}-`)).length;
    sets.push({ name: same === 0 ? base : `${base}-${same + 1}`, spec, dataset });
  }
  return sets;
}

function plan(config: Config, probes: ReadonlyMap<string, Probe>, training: Dataset, testSets: TestSet[]): Stage[] {
  const steps = config.training.epochs * stepsPerEpoch(config, training);
  return [...probes.keys()].flatMap(upsampler => [
    { kind: 'train', upsampler, units: steps },
    ...testSets.map(({ name, dataset }) => ({
      kind: `evaluate ${name}`,
      upsampler,
      units: dataset.size,
    })),
  ]);
}

const summary = ({ evaluation, seed }: Config, curves: readonly ObjectCurve[]): Summary =>
  summarize(curves, { maxClicks: evaluation.maxClicks, seed, resamples: evaluation.resamples });

const resultRow = (upsampler: string, dataset: string, summary: Summary): ResultRow => ({
  upsampler,
  dataset,
  ...summary,
});

interface ReportInput {
  probes: ReadonlyMap<string, Probe>;
  weights: Weights;
  testSets: readonly TestSet[];
  rows: ResultRow[];
  environment: { versions: Record<string, string>; processor: string; backbone: { name: string; sha256: string } };
}

async function writeReport({ config, command }: BenchRequest, folder: RunFolder, input: ReportInput): Promise<void> {
  const { probes, weights, testSets, rows, environment } = input;
  const backbone = findBackbone(config.backbone);
  const curves = testSets.map(({ name: set }) => ({
    dataset: set,
    upsamplers: [...probes.keys()].map(upsampler => {
      const { miou, ci } = summary(config, readCurves(folder.curves(upsampler, set)).curves);
      return { upsampler, mean: miou, low: ci.miou.map(([low]) => low), high: ci.miou.map(([, high]) => high) };
    }),
  }));
  const examples = testSets.flatMap(({ name: set }) =>
    gatherExamples(set, new Map([...probes.keys()].map(upsampler => [upsampler, folder.pictures(upsampler, set)]))),
  );
  const features = await featurePictures(config, probes, backbone, weights, testSets[0].dataset);
  const { training, evaluation } = config;
  const html = reportHtml({
    title: `clickprobe: ${probes.size} upsamplers on ${backbone.name}`,
    facts: [
      ['Backbone', `${backbone.name}: ${backbone.description}`],
      ['Weights', `sha256 ${environment.backbone.sha256.slice(0, 16)}…`],
      ['Probe', `head ${config.head}, width ${config.headWidth ?? backbone.channels}; clicks ${config.injection}`],
      [
        'Training',
        `${training.data}, ${training.epochs} epochs, batch ${training.batch}, ${training.size} px, seed ${config.seed}`,
      ],
      ['Evaluation', `${evaluation.maxClicks} clicks, ${evaluation.size} px${evaluation.flip ? ', flip' : ''}`],
      ['Machine', environment.processor],
      [
        'Versions',
        Object.entries(environment.versions)
          .map(([name, version]) => `${name} ${version}`)
          .join(', '),
      ],
    ],
    command,
    notes: notes(config),
    rows,
    curves,
    examples,
    features,
    configYaml: stringify(config),
  });
  writeFileAtomic(folder.report, html);
}

function notes({ backbone, head }: Config): string[] {
  const out: string[] = [];
  if (backbone === 'mobilesam') {
    out.push(
      'mobilesam was distilled from a network trained for promptable segmentation: a convenient and strong, ' +
        'not a neutral backbone for click probes.',
    );
  }
  if (head === 'conv') {
    out.push(
      'The conv head sees 5 px of upsampled features but 5 cells of the low-res grid (row "none"): a difference in ' +
        'receptive field, not in features, that confounds this comparison, here as in the paper.',
    );
  }
  return out;
}
