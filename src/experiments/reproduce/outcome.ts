import type { ResultRow } from '../../report/types.ts';
import { configDifferences } from '../config-differences.ts';
import type { Environment } from '../run-report.ts';
import { type Job, type Plan, PUBLISHED_IMAGES, publishedConfig, stepsOf } from './jobs.ts';
import type { Metric, PublishedSet, Scores } from './published.ts';

/** What was measured of one probe on one set; IoU@1 in percent, with 95 % intervals. */
interface OurScores {
  dataset: string;
  objects: number;
  values: Readonly<Record<Metric, number | null>>;
  intervals: Readonly<Record<Metric, readonly [number, number] | null>>;
}

/** One line of the table. */
export interface Line {
  variant: string;
  upsampler: string;
  /** Null: not run. */
  ours: OurScores | null;
  /** Null: not published. */
  published: { set: PublishedSet; scores: Scores } | null;
  /** Letters of the differences in set-up that keep both from being compared. */
  differs: string[];
}

/** A part of the set-up. */
interface SetUpItem {
  letter: string;
  what: string;
  ours: string;
  published: string;
  differs: boolean;
}

export interface Outcome {
  target: string;
  title: string;
  source: string;
  command: string;
  scale: number;
  lines: Line[];
  setUp: SetUpItem[];
  leftOut: Plan['leftOut'];
  notes: string[];
}

/** What a finished job gave. */
export interface Finished {
  job: Job;
  rows: readonly ResultRow[];
  environment: Environment;
}

const PUBLISHED_OBJECTS: Readonly<Record<PublishedSet, number>> = {
  ...{ grabcut: 50, berkeley: 100, davis: 345, sbd: 6671 },
};
/** Letter of the test sets, which differ line by line. */
const TEST_SETS = 'f';

/** Results beside the published ones, and what differs in how they came about. */
export function outcomeOf(
  { target, scale, leftOut, setUp }: Plan,
  finished: readonly Finished[],
  command: string,
): Outcome {
  const items = finished.length > 0 ? setUpItems({ target, scale }, finished[0], finished) : [];
  const common = items.filter(({ letter, differs }) => differs && letter !== TEST_SETS).map(({ letter }) => letter);
  const lines = target.variants.flatMap(variant => {
    const own = finished.find(({ job }) => job.variant === variant);
    const names = [...new Set([...variant.upsamplers, ...(own?.job.config.upsamplers ?? [])])];
    return names.flatMap(upsampler => {
      const rows = own?.rows.filter(row => row.upsampler === upsampler) ?? [];
      const published = target.sets.flatMap(set => {
        const scores = variant.published[upsampler]?.[set];
        return scores ? [{ set, scores }] : [];
      });
      return paired(rows, published, own).map(([row, other]): Line => {
        const ours = row && ourScores(row);
        const sameSet =
          ours && other && kindOf(own!, row) === other.set && ours.objects === PUBLISHED_OBJECTS[other.set];
        const differs = ours && other ? [...common, ...(sameSet ? [] : [TEST_SETS])].sort() : [];
        return { variant: variant.title, upsampler, ours, published: other, differs };
      });
    });
  });
  return {
    ...{ target: target.name, title: target.title, source: target.source, command, scale, lines },
    ...{ setUp: items, leftOut, notes: [...setUp.notes, ...target.notes] },
  };
}

const isOracle = ({ dataset }: ResultRow) => dataset.includes('_oracle-');
const kindOf = ({ environment }: Finished, { dataset }: ResultRow): string | undefined =>
  environment.evaluation.find(({ name }) => name === dataset)?.spec.split(':')[0];

type Published = NonNullable<Line['published']>;

/** Rows beside published numbers: of the same set where there are, what remains in order. */
function paired(
  rows: readonly ResultRow[],
  published: readonly Published[],
  own: Finished | undefined,
): [ResultRow | null, Published | null][] {
  // published multi-granular numbers are those of the best granularity
  const judged = rows.some(isOracle) ? rows.filter(isOracle) : rows;
  const open = [...published];
  const take = (index: number) => (index < 0 ? null : open.splice(index, 1)[0]);
  const pairs = new Map<ResultRow, Published | null>();
  for (const row of judged) {
    const same = take(open.findIndex(({ set }) => set === kindOf(own!, row)));
    if (same) pairs.set(row, same);
  }
  for (const row of judged) if (!pairs.has(row)) pairs.set(row, take(open.length > 0 ? 0 : -1));
  return [
    ...rows.map((row): [ResultRow, Published | null] => [row, pairs.get(row) ?? null]),
    ...open.map((other): [null, Published] => [null, other]),
  ];
}

function ourScores({ dataset, objects, noc80, noc85, noc90, iou1, ci }: ResultRow): OurScores {
  const percent = ([low, high]: [number, number]): [number, number] => [100 * low, 100 * high];
  return {
    ...{ dataset, objects, values: { noc80, noc85, noc90, iou1: 100 * iou1 } },
    intervals: { noc80: ci.noc80, noc85: ci.noc85, noc90: ci.noc90, iou1: percent(ci.iou1) },
  };
}

/** Entries that have lines of their own, or decide no number. */
const KNOWN =
  /^(backbone|weights|upsamplers|upsamplerWeights.*|training\.(data|epochs|epochLength|batch|learningRate|size|workers|checkpointSeconds)|evaluation\.(datasets|limit|targetIou|resamples)|report.*|threads|seed)$/;

function setUpItems(
  { target, scale }: Pick<Plan, 'target' | 'scale'>,
  { job: { config, variant }, environment: { backbone, training, evaluation, upsamplers } }: Finished,
  all: readonly Finished[],
): SetUpItem[] {
  const reference = publishedConfig(target, variant);
  const steps = (own: typeof config, images: number) =>
    `${count(stepsOf(own, images))} of ${of(own.training.batch, 'image')} in ${of(own.training.epochs, 'epoch')}`;
  const others = configDifferences(reference, config).filter(({ path }) => !KNOWN.test(path));
  const objects = (name: string) => all.flatMap(({ rows }) => rows).find(({ dataset }) => dataset === name)?.objects;
  const learned = Object.entries(upsamplers).map(([name, { from }]) => `${name}: ${from}`);
  const pairs: [string, string, string, boolean?][] = [
    [
      'backbone',
      `${config.backbone}, weights ${backbone.sha256.slice(0, 8)}`,
      target.backbone,
      config.backbone !== target.backbone,
    ],
    [
      'training set',
      `${training.name}, ${count(training.images)} images`,
      `SBD train, ${count(PUBLISHED_IMAGES.train)} images`,
      config.training.data.split(':')[0] !== 'sbd' || training.images !== PUBLISHED_IMAGES.train,
    ],
    ['training steps', steps(config, training.images), steps(reference, PUBLISHED_IMAGES.train)],
    ['learning rate', String(config.training.learningRate), String(reference.training.learningRate)],
    ['training crop', `${config.training.size} px`, `${reference.training.size} px`],
    [
      'test sets',
      evaluation.map(({ name, images }) => `${name} (${images} images, ${objects(name)} objects)`).join(', '),
      target.sets.map(set => `${set} (${count(PUBLISHED_OBJECTS[set])} objects)`).join(', '),
    ],
    [
      'upsampler weights',
      learned.join('; ') || 'none',
      learned.length > 0 ? 'the official ones of each' : 'none',
      learned.length > 0,
    ],
    ['frozen parts in training', 'as in evaluation', 'batch statistics and dropout live (released code)'],
    ['training images drawn', 'uniformly', 'by a released list of weights'],
    [
      'else',
      others.map(({ path, second }) => `${path} ${JSON.stringify(second)}`).join(', ') || 'the same',
      others.map(({ path, first }) => `${path} ${JSON.stringify(first)}`).join(', ') || 'the same',
    ],
    ['trainings of each probe', `1, seed ${config.seed}`, 'not stated', true],
    ['share of data and steps', String(scale), '1'],
  ];
  return pairs.map(([what, ours, published, differs = ours !== published], i) => ({
    ...{ letter: String.fromCharCode(97 + i), what, ours, published, differs },
  }));
}

const count = (value: number): string => value.toLocaleString('en-GB');

const of = (n: number, thing: string): string => `${count(n)} ${thing}${n === 1 ? '' : 's'}`;
