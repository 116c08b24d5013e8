import { stringify } from 'yaml';
import { writeFileAtomic } from '../base/files.ts';
import type { ObjectCurve } from '../evaluation/evaluate.ts';
import { type Summary, summarize } from '../evaluation/summary.ts';
import type { Head } from '../heads/types.ts';
import type { Probe } from '../probe/probe.ts';
import { reportHtml } from '../report/html.ts';
import type { ResultRow } from '../report/types.ts';
import type { FileRecord } from '../upsamplers/own/entry.ts';
import type { Config } from './config.ts';
import { readCurves } from './evaluation.ts';
import type { Frozen } from './frozen.ts';
import type { StartRecord } from './granular.ts';
import { featurePictures, gatherExamples } from './pictures.ts';
import type { RunFolder } from './run-folder.ts';
import { isProtocol, type TestSet } from './test-sets.ts';

/** What weights served a learned upsampler. */
export interface UpsamplerWeights {
  from: string;
  sha256: string;
}

/** What a run was made with and on, stored beside its numbers. */
export interface Environment {
  /** The command line that repeats the run. */
  command: string;
  versions: Record<string, string>;
  processor: string;
  backbone: { name: string; sha256: string };
  /** Of each learned upsampler: where its weights come from, and their hash. */
  upsamplers: Record<string, UpsamplerWeights>;
  /** Of upsamplers of one's own. */
  files?: Record<string, FileRecord>;
  /** Of a multi-granular run. */
  start?: StartRecord;
  training: { name: string; images: number };
  evaluation: { name: string; spec: string; images: number }[];
}

export const summary = ({ evaluation, seed }: Config, curves: readonly ObjectCurve[], set: TestSet): Summary => {
  const { maxClicks, targetIou, resamples } = evaluation;
  return summarize(curves, { maxClicks, targetIou: set.oracle ?? targetIou, seed, resamples });
};

interface ReportInput {
  config: Config;
  command: string;
  folder: RunFolder;
  probes: ReadonlyMap<string, Probe>;
  /** By upsampler. */
  frozen: ReadonlyMap<string, Frozen>;
  testSets: readonly TestSet[];
  rows: ResultRow[];
  environment: Environment;
}

/** Writes report.html of a run whose curves and pictures are in its folder. */
export async function writeReport(input: ReportInput): Promise<void> {
  const { config, command, folder, probes, frozen, testSets, rows, environment } = input;
  const [{ backbone }] = probes.values();
  const names = [...config.baselines, ...probes.keys()];
  const curves = testSets.map(set => ({
    dataset: set.name,
    upsamplers: names.map(upsampler => {
      const { miou, ci } = summary(config, readCurves(folder.curves(upsampler, set.name)).curves, set);
      return { upsampler, mean: miou, low: ci.miou.map(([low]) => low), high: ci.miou.map(([, high]) => high) };
    }),
  }));
  const examples = testSets
    .filter(isProtocol)
    .flatMap(({ name: set }) =>
      gatherExamples(set, new Map(names.map(upsampler => [upsampler, folder.pictures(upsampler, set)]))),
    );
  const features = await featurePictures(config, probes, frozen, testSets[0].dataset);
  const { training, evaluation } = config;
  const html = reportHtml({
    title: `clickprobe: ${probes.size} upsamplers on ${backbone.name}`,
    facts: [
      ['Backbone', `${backbone.name}: ${backbone.description}`],
      ['Weights', `sha256 ${environment.backbone.sha256.slice(0, 16)}…`],
      ...Object.entries(environment.files ?? {}).map(([name, { path, sha256 }]): [string, string] => [
        `Upsampler ${name}`,
        `${path}, sha256 ${sha256.slice(0, 16)}…`,
      ]),
      ...Object.entries(environment.upsamplers).map(([name, { from, sha256 }]): [string, string] => [
        `Weights of ${name}`,
        `${from} (${probes.get(name)!.upsampler.licence}), sha256 ${sha256.slice(0, 16)}…`,
      ]),
      ['Probe', probeFact([...probes.values()][0], config)],
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
    notes: notes(config, [...probes.values()][0].head, backbone.stride),
    rows,
    curves,
    examples,
    features,
    configYaml: stringify(config),
  });
  writeFileAtomic(folder.report, html);
}

function probeFact({ backbone, head, headWidth, multiScale }: Probe, { clickEncoder, injection }: Config): string {
  const sides = { pixel: 1, cell: backbone.stride };
  const seen = head.receptiveField(
    multiScale ? { ...sides, coarsest: multiScale.neck.coarsestCells * backbone.stride } : sides,
  );
  return [
    ...(multiScale ? [`neck ${multiScale.neck.name}, width ${multiScale.width}`] : []),
    `head ${head.name}, width ${headWidth}, sees ${seen} px of upsampled features`,
    `clicks ${clickEncoder}, ${injection}`,
  ].join('; ');
}

function notes(
  { backbone, neck, baselines, evaluation, upsamplers, granularity }: Config,
  head: Head,
  cell: number,
): string[] {
  const out: string[] = [];
  if (baselines.includes('sam')) {
    out.push(
      'sam is no probe: MobileSAM with its own prompt decoder, 1024 px, without zoom-in and flip, fed with the same ' +
        'simulated clicks.',
    );
  }
  if (granularity) {
    out.push(
      `Multi-granular: started from the trained probes of ${granularity.from}. Sets without "oracle" in their names are ` +
        'clicked with granularity 1, whole objects. Sets with it are an oracle: of ten sessions, one per granularity, ' +
        'the one with the fewest clicks to that IoU counts. No user knows it beforehand, and the best of ten tries is ' +
        'better than one also where the granularity does nothing: do not compare these rows with others.',
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
  const [fine, low] = [1, cell].map(pixel => head.receptiveField({ pixel, cell }));
  if (neck === 'none' && fine > 1 && low > 1.5 * fine && upsamplers.includes('none')) {
    out.push(
      `The ${head.name} head sees ${fine} px of upsampled features but ${low} px of the low-res grid (row "none"): a ` +
        'difference in receptive field, not in features, that confounds this comparison, here as in the paper. ' +
        'Heads without it: conv-dilated, conv-multi-dilation, conv-context.',
    );
  }
  return out;
}
