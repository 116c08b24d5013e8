import { UserError } from '../base/errors.ts';
import { mean } from '../evaluation/metrics.ts';
import { type MetricName, perObject } from '../evaluation/object-metrics.ts';
import { bootstrapSeeds, spread } from '../evaluation/seeds.ts';
import type { SeedRow } from '../report/comparison.ts';
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

/**
 * Takes runs for repetitions of one experiment with other training seeds: per upsampler, or per difference of an
 * upsampler to the baseline, the mean over seeds, their spread, and an interval over seeds and objects.
 *
 * @throws UserError where the runs differ in more than the seed, or share one
 */
export function compareSeeds(
  runs: readonly StoredRun[],
  baseline: string | undefined,
  options: CompareOptions,
): { rows: SeedRow[]; notes: string[] } {
  const notes = runs.slice(1).flatMap(run => checkRepetition(runs[0], run, options));
  const seeds = runs.map(run => run.config.seed);
  const twice = seeds.find((seed, i) => seeds.indexOf(seed) !== i);
  if (twice !== undefined) {
    throw new UserError(
      `two of the runs have the seed ${twice}: a repetition needs a seed of its own (bench --seed N)`,
    );
  }
  checkUpsamplers([...(options.upsamplers ?? []), ...(baseline === undefined ? [] : [baseline])], runs);
  const inAll = runs[0].config.upsamplers.filter(name => runs.every(({ config }) => config.upsamplers.includes(name)));
  const upsamplers = inAll.filter(name => name !== baseline && (options.upsamplers?.includes(name) ?? true));
  if (upsamplers.length === 0 || (baseline !== undefined && !inAll.includes(baseline))) {
    throw new UserError(
      `of the upsamplers asked for, too few are in all runs; in all are: ${inAll.join(', ') || 'none'}`,
    );
  }
  const stop = commonStop(runs);
  const rows: SeedRow[] = [];
  for (const set of sharedSets(runs, options)) {
    for (const upsampler of upsamplers) {
      const names = baseline === undefined ? [upsampler] : [upsampler, baseline];
      const methods = names.flatMap(name =>
        runs.map(run => ({ label: `${name} of ${run.root}`, curves: readObjects(run, name, set) })),
      );
      const aligned = alignObjects(methods, set, stop, options.sharedOnly);
      const objects = new Set(aligned[0].map(({ id }) => id)).size;
      const columns = {} as Record<MetricName, number[][]>;
      const metrics = knownMetrics(options.metrics, aligned, stop);
      for (const metric of metrics) {
        const scale = metric.unit === 'failures' ? objects : 1;
        const values = aligned.map(curves =>
          perObject(curves, metric.values(curves, stop)!).map(value => scale * value),
        );
        const own = values.slice(0, runs.length);
        columns[metric.name] =
          baseline === undefined ? own : own.map((list, s) => list.map((v, i) => v - values[runs.length + s][i]));
      }
      const intervals = bootstrapSeeds(columns, options);
      for (const { name: metric, title, better, unit } of metrics) {
        rows.push({
          dataset: set,
          upsampler,
          ...(baseline === undefined ? {} : { baseline }),
          ...{ metric, title, better, unit },
          objects,
          ...spread(columns[metric].map(mean)),
          interval: intervals[metric],
        });
      }
    }
  }
  return { rows, notes: [...new Set(notes)] };
}

function checkRepetition(first: StoredRun, second: StoredRun, options: CompareOptions): string[] {
  const notes = checkSameEvaluation(first, second, options);
  const lists = configDifferences({ upsamplers: first.config.upsamplers }, { upsamplers: second.config.upsamplers });
  const recipes = configDifferences(recipe(first), recipe(second)).filter(({ path }) => path !== 'seed');
  const differing = [...lists, ...recipes].map(showDifference);
  if (differing.length === 0) return notes;
  if (!options.force) {
    throw new UserError(
      `${first.root} and ${second.root} differ in more than the seed:\n${differing.map(line => `  ${line}`).join('\n')}\n` +
        'Compare them as methods with --across runs, or take them for repetitions with --force',
    );
  }
  return [...notes, `not the same experiment, taken for repetitions by --force: ${differing.join('; ')}`];
}
