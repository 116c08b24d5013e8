import { suggest, UserError } from '../base/errors.ts';
import { holm } from '../evaluation/holm.ts';
import { mean } from '../evaluation/metrics.ts';
import { type MeasuredCurve, type MetricName, objectMetrics, perObject } from '../evaluation/object-metrics.ts';
import { pairedDifferences } from '../evaluation/paired.ts';
import type { Comparison } from '../report/comparison.ts';
import {
  alignObjects,
  type CompareOptions,
  checkSameEvaluation,
  checkUpsamplers,
  commonStop,
  knownMetrics,
  recipe,
  sharedSets,
} from './comparable-runs.ts';
import { configDifferences, showDifference } from './config-differences.ts';
import { readObjects, type StoredRun } from './read-run.ts';

interface Method {
  run: StoredRun;
  upsampler: string;
}
type Pair = [first: Method, second: Method];

/** Comparisons, and what a reader of them should know. */
export interface Compared {
  comparisons: Comparison[];
  notes: string[];
}

/**
 * Compares runs, upsampler by upsampler, object by object.
 *
 * @param baseline the run that the others are compared with; default: the first
 * @throws UserError where the runs have no upsampler in common, or differ in objects or in how they were evaluated
 */
export function compareRuns(
  runs: readonly StoredRun[],
  baseline: string | undefined,
  options: CompareOptions,
): Compared {
  const first = baseline === undefined ? runs[0] : runs.find(run => run.root === baseline);
  if (!first) {
    throw new UserError(
      `the baseline ${baseline} is none of the runs: ${suggest(
        baseline!,
        runs.map(run => run.root),
      )}`,
    );
  }
  const others = runs.filter(run => run !== first);
  const notes = others.flatMap(other => checkSameEvaluation(first, other, options));
  const upsamplers = first.config.upsamplers.filter(
    name =>
      (options.upsamplers?.includes(name) ?? true) && others.every(({ config }) => config.upsamplers.includes(name)),
  );
  checkUpsamplers(options.upsamplers, runs);
  if (upsamplers.length === 0) {
    const lists = runs.map(({ root, config }) => `  ${root}: ${config.upsamplers.join(', ')}`);
    throw new UserError(`the runs have no upsampler in common:\n${lists.join('\n')}\nRuns are compared by upsampler`);
  }
  for (const other of others) {
    const all = new Set([...first.config.upsamplers, ...other.config.upsamplers]);
    const left = [...all].filter(name => !upsamplers.includes(name) && (options.upsamplers?.includes(name) ?? true));
    if (left.length > 0) notes.push(`not in all runs, left out: ${left.join(', ')}`);
    const differing = configDifferences(recipe(first), recipe(other));
    const text =
      differing.length > 0 ? `differ in ${differing.map(showDifference).join('; ')}` : 'are configured alike';
    notes.push(`${first.root} and ${other.root} ${text}`);
  }
  const pairs = others.flatMap(run =>
    upsamplers.map(
      (upsampler): Pair => [
        { run: first, upsampler },
        { run, upsampler },
      ],
    ),
  );
  return comparePairs(pairs, sharedSets(runs, options), [...new Set(notes)], options);
}

/**
 * Compares the upsamplers of one run with a baseline, or each with each where none is given.
 *
 * @throws UserError for an unknown upsampler, or where there are no two
 */
export function compareUpsamplers(run: StoredRun, baseline: string | undefined, options: CompareOptions): Compared {
  const known = run.config.upsamplers;
  checkUpsamplers([...(options.upsamplers ?? []), ...(baseline === undefined ? [] : [baseline])], [run]);
  const names = known.filter(name => name === baseline || (options.upsamplers?.includes(name) ?? true));
  if (names.length < 2) {
    throw new UserError(`${run.root} has only ${names.join() || 'none'} to compare; two upsamplers are needed`);
  }
  const method = (upsampler: string): Method => ({ run, upsampler });
  const pairs =
    baseline === undefined
      ? names.flatMap((first, i) => names.slice(i + 1).map((second): Pair => [method(first), method(second)]))
      : names.filter(name => name !== baseline).map((name): Pair => [method(baseline), method(name)]);
  return comparePairs(pairs, sharedSets([run], options), [], options);
}

function comparePairs(pairs: Pair[], sets: string[], notes: string[], options: CompareOptions): Compared {
  const { seed, resamples, sharedOnly, metrics } = options;
  const comparisons: Comparison[] = [];
  for (const set of sets) {
    for (const pair of pairs) {
      const stop = commonStop(pair.map(({ run }) => run));
      const methods = pair.map(({ run, upsampler }) => ({
        label: `${upsampler} of ${run.root}`,
        curves: readObjects(run, upsampler, set),
      }));
      const [a, b] = alignObjects(methods, set, stop, sharedOnly);
      const known = knownMetrics(metrics, [a, b], stop);
      const columns = (curves: MeasuredCurve[]) =>
        Object.fromEntries(
          known.map(metric => [metric.name, perObject(curves, metric.values(curves, stop)!)]),
        ) as Record<MetricName, number[]>;
      const [first, second] = [columns(a), columns(b)];
      const found = pairedDifferences(first, second, { seed, resamples });
      const objects = new Set(a.map(({ id }) => id)).size;
      for (const { name, title, better, unit } of known) {
        const scale = unit === 'failures' ? objects : 1;
        const { difference, interval, p } = found[name];
        comparisons.push({
          dataset: set,
          metric: name,
          title,
          better,
          unit,
          first: { run: pair[0].run.root, upsampler: pair[0].upsampler, value: scale * mean(first[name]) },
          second: { run: pair[1].run.root, upsampler: pair[1].upsampler, value: scale * mean(second[name]) },
          objects,
          difference: scale * difference,
          interval: [scale * interval[0], scale * interval[1]],
          p,
          adjustedP: p,
          family: 1,
        });
      }
    }
  }
  return { comparisons: adjusted(comparisons), notes };
}

/** Holm's correction over all comparisons of a metric: each pair on each set. */
function adjusted(comparisons: readonly Comparison[]): Comparison[] {
  const out = comparisons.map(comparison => ({ ...comparison }));
  for (const { name } of objectMetrics) {
    const family = out.filter(({ metric }) => metric === name);
    const ps = holm(family.map(({ p }) => p));
    for (const [i, comparison] of family.entries()) {
      comparison.adjustedP = ps[i];
      comparison.family = family.length;
    }
  }
  return out;
}
