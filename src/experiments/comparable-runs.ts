import { suggest, UserError } from '../base/errors.ts';
import {
  type MeasuredCurve,
  type MetricName,
  type ObjectMetric,
  objectMetrics,
  type StopRule,
} from '../evaluation/object-metrics.ts';
import { configDifferences, showDifference } from './config-differences.ts';
import type { StoredRun } from './read-run.ts';

export interface CompareOptions {
  /** Named ones must be known; of the usual ones, or of all, those that are known are taken. */
  metrics: readonly MetricName[] | 'usual' | 'all';
  /** Only these; default all. */
  upsamplers?: readonly string[];
  /** Compare what the runs have in common where sets or objects differ. */
  sharedOnly: boolean;
  /** Compare also what was evaluated differently. */
  force: boolean;
  seed: number;
  resamples: number;
}

/**
 * Whether differences between two runs can be due to anything but the methods.
 *
 * @returns notes on what was forced
 * @throws UserError where settings of the evaluation differ, or synthetic scenes
 */
export function checkSameEvaluation(first: StoredRun, second: StoredRun, { force }: CompareOptions): string[] {
  const both = `${first.root} and ${second.root}`;
  const drawn = first.sets.find(({ name, spec }) => isDrawn(spec) && second.sets.some(set => set.name === name));
  if (drawn && first.config.dataSeed !== second.config.dataSeed) {
    throw new UserError(
      `${both} have the data seeds ${first.config.dataSeed} and ${second.config.dataSeed}, from which the scenes of ` +
        `${drawn.name} are drawn: these are not the same objects. Compare runs of one data seed, or runs on sets of photos`,
    );
  }
  const differing = configDifferences(settings(first), settings(second), ['evaluation']).map(showDifference);
  if (differing.length === 0) return [];
  if (!force) {
    throw new UserError(
      `${both} were evaluated differently:\n${differing.map(line => `  ${line}`).join('\n')}\n` +
        'Evaluate both alike, or compare nevertheless with --force',
    );
  }
  return [`evaluated differently, compared by --force: ${differing.join('; ')}`];
}

const isDrawn = (spec: string) => spec.split(':')[0] === 'synthetic';

/** Without what decides which objects there are, which are compared one by one, and the precision of intervals. */
function settings({ config: { evaluation } }: StoredRun): unknown {
  const { datasets: _, limit: __, resamples: ___, ...rest } = evaluation;
  return rest;
}

/** The names of the sets that all runs have. Throws UserError where they differ in sets, unless `sharedOnly`. */
export function sharedSets(runs: readonly StoredRun[], { sharedOnly }: CompareOptions): string[] {
  const names = runs.map(run => run.sets.map(set => set.name));
  const shared = names[0].filter(name => names.every(list => list.includes(name)));
  const differ = names.some(list => list.length > shared.length);
  if (shared.length === 0 || (differ && !sharedOnly)) {
    const lists = runs.map((run, i) => `  ${run.root}: ${names[i].join(', ')}`);
    const advice =
      shared.length === 0
        ? 'They share none'
        : `They share ${shared.join(', ')}; --shared-only compares ${shared.length === 1 ? 'it' : 'these'}`;
    throw new UserError(`the runs were evaluated on different sets:\n${lists.join('\n')}\n${advice}`);
  }
  return shared;
}

/** What holds for all curves after they were cut to the fewest clicks: relevant only where a difference is forced. */
export function commonStop(runs: readonly StoredRun[]): StopRule {
  const targets = runs.map(({ stop }) => stop.targetIou).filter(target => target !== null);
  return {
    maxClicks: Math.min(...runs.map(({ stop }) => stop.maxClicks)),
    targetIou: targets.length === 0 ? null : Math.min(...targets),
  };
}

/**
 * The curves of several methods, object by object in the order of the first method, cut to the common limit. Where
 * objects were clicked at by the centre clicker its curves are taken, else all repetitions.
 *
 * @throws UserError where the methods have different objects, unless `sharedOnly`; where they share none
 */
export function alignObjects(
  methods: readonly { label: string; curves: readonly MeasuredCurve[] }[],
  set: string,
  { maxClicks }: StopRule,
  sharedOnly: boolean,
): MeasuredCurve[][] {
  const lists = methods.map(({ curves }) => {
    const centre = curves.filter(({ repetition }) => repetition === undefined);
    return centre.length > 0 ? centre : curves;
  });
  const byKey = lists.map(curves => new Map(curves.map(curve => [`${curve.id} ${curve.repetition}`, curve])));
  const shared = [...byKey[0].keys()].filter(key => byKey.every(map => map.has(key)));
  const objects = (curves: readonly MeasuredCurve[]) => new Set(curves.map(({ id }) => id)).size;
  const differ = byKey.some(map => map.size > shared.length);
  if (shared.length === 0 || (differ && !sharedOnly)) {
    const inAll = objects(shared.map(key => byKey[0].get(key)!));
    const counts = methods.map(({ label }, i) => `  ${label}: ${objects(lists[i])}`);
    const advice = shared.length === 0 ? '' : '; --shared-only compares these';
    throw new UserError(`the objects of ${set} differ, ${inAll} are in all${advice}:\n${counts.join('\n')}`);
  }
  const cut = ({ ious, boundary, ...rest }: MeasuredCurve): MeasuredCurve => ({
    ...rest,
    ious: Array.from(ious).slice(0, maxClicks),
    ...(boundary ? { boundary: Array.from(boundary).slice(0, maxClicks) } : {}),
  });
  return byKey.map(map => shared.map(key => cut(map.get(key)!)));
}

/** What makes the method: how it was trained, not how it was evaluated, reported or how fast. */
export function recipe({ config }: StoredRun): unknown {
  const { upsamplers: _, evaluation: __, report: ___, threads: ____, passes: _____, ...rest } = config;
  return rest;
}

/** @throws UserError for an upsampler that none of the runs has */
export function checkUpsamplers(upsamplers: readonly string[] | undefined, runs: readonly StoredRun[]): void {
  const known = [...new Set(runs.flatMap(run => run.config.upsamplers))];
  const unknown = upsamplers?.find(name => !known.includes(name));
  if (unknown !== undefined) throw new UserError(`no upsampler "${unknown}" was run: ${suggest(unknown, known)}`);
}

/**
 * The metrics to compare.
 *
 * @throws UserError where the curves do not tell one that is named
 */
export function knownMetrics(
  names: CompareOptions['metrics'],
  groups: readonly MeasuredCurve[][],
  stop: StopRule,
): ObjectMetric[] {
  const usual: readonly MetricName[] = ['noc80', 'noc85', 'noc90', 'iou1', 'miou5'];
  const list = names === 'usual' ? usual : names;
  const wanted = list === 'all' ? objectMetrics : objectMetrics.filter(({ name }) => list.includes(name));
  const isKnown = (metric: ObjectMetric) => groups.every(curves => metric.values(curves, stop) !== null);
  const unknown = typeof names === 'string' ? [] : wanted.filter(metric => !isKnown(metric));
  if (unknown.length > 0) {
    const reason =
      stop.targetIou === null ? 'the curves do not hold it' : `objects were stopped at IoU ${stop.targetIou}`;
    throw new UserError(
      `${unknown.map(({ title }) => title).join(', ')} is not known: ${reason}. Leave it out of --metric`,
    );
  }
  return wanted.filter(isKnown);
}
