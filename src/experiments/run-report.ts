import { stringify } from 'yaml';
import { findBackbone } from '../backbones/registry.ts';
import type { Weights } from '../backbones/types.ts';
import { writeFileAtomic } from '../base/files.ts';
import type { ObjectCurve } from '../evaluation/evaluate.ts';
import { type Summary, summarize } from '../evaluation/summary.ts';
import type { Probe } from '../probe/probe.ts';
import { reportHtml } from '../report/html.ts';
import type { ResultRow } from '../report/types.ts';
import type { Config } from './config.ts';
import { readCurves } from './evaluation.ts';
import { featurePictures, gatherExamples } from './pictures.ts';
import type { RunFolder } from './run-folder.ts';
import { isProtocol, type TestSet } from './test-sets.ts';

/** What a run was made with and on, stored beside its numbers. */
export interface Environment {
  /** The command line that repeats the run. */
  command: string;
  versions: Record<string, string>;
  processor: string;
  backbone: { name: string; sha256: string };
  training: { name: string; images: number };
  evaluation: { name: string; spec: string; images: number }[];
}

export const summary = ({ evaluation, seed }: Config, curves: readonly ObjectCurve[]): Summary => {
  const { maxClicks, targetIou, resamples } = evaluation;
  return summarize(curves, { maxClicks, targetIou, seed, resamples });
};

interface ReportInput {
  config: Config;
  command: string;
  folder: RunFolder;
  probes: ReadonlyMap<string, Probe>;
  weights: Weights;
  testSets: readonly TestSet[];
  rows: ResultRow[];
  environment: Environment;
}

/** Writes report.html of a run whose curves and pictures are in its folder. */
export async function writeReport(input: ReportInput): Promise<void> {
  const { config, command, folder, probes, weights, testSets, rows, environment } = input;
  const backbone = findBackbone(config.backbone);
  const names = [...config.baselines, ...probes.keys()];
  const curves = testSets.map(({ name: set }) => ({
    dataset: set,
    upsamplers: names.map(upsampler => {
      const { miou, ci } = summary(config, readCurves(folder.curves(upsampler, set)).curves);
      return { upsampler, mean: miou, low: ci.miou.map(([low]) => low), high: ci.miou.map(([, high]) => high) };
    }),
  }));
  const examples = testSets
    .filter(isProtocol)
    .flatMap(({ name: set }) =>
      gatherExamples(set, new Map(names.map(upsampler => [upsampler, folder.pictures(upsampler, set)]))),
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
      ['Evaluation', `${evaluation.maxClicks} clicks, ${evaluation.mode}${evaluation.flip ? ', flip' : ''}`],
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

function notes({ backbone, head, baselines, evaluation }: Config): string[] {
  const out: string[] = [];
  if (baselines.includes('sam')) {
    out.push(
      'sam is no probe: MobileSAM with its own prompt decoder, 1024 px, without zoom-in and flip, fed with the same ' +
        'simulated clicks.',
    );
  }
  if (evaluation.targetIou !== null) {
    const percent = Math.round(100 * evaluation.targetIou);
    out.push(
      `Objects were clicked up to an IoU of ${percent} % only: NoC up to ${percent} % is what whole curves give, ` +
        'IoU curves end with the first object that was finished.',
    );
  }
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
