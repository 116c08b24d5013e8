import { suggest, UserError } from '../base/errors.ts';
import { type MetricName, objectMetrics } from '../evaluation/object-metrics.ts';
import type { CompareOptions } from '../experiments/comparable-runs.ts';
import { compareRuns, compareUpsamplers } from '../experiments/compare.ts';
import { compareSeeds } from '../experiments/compare-seeds.ts';
import { readRun } from '../experiments/read-run.ts';
import { comparisonText, seedText, seedVerdict, verdict } from '../report/comparison.ts';

export interface CompareCommandOptions {
  across?: string;
  baseline?: string;
  metric?: string[];
  upsamplers?: string[];
  sharedOnly: boolean;
  force: boolean;
  seed: number;
  resamples: number;
  json: boolean;
}

const ways = ['runs', 'upsamplers', 'seeds'] as const;

/** Runs `clickprobe compare`: prints what differs between methods and whether it could be chance. */
export function compareCommand(roots: readonly string[], options: CompareCommandOptions): void {
  const across = ways.find(way => way === (options.across ?? (roots.length === 1 ? 'upsamplers' : 'runs')));
  if (!across) throw new UserError(`--across ${options.across}: ${suggest(options.across!, ways)}`);
  if (across === 'upsamplers' ? roots.length !== 1 : roots.length < 2) {
    const needed = across === 'upsamplers' ? 'exactly one run folder' : 'at least two run folders';
    throw new UserError(`--across ${across} needs ${needed}, got ${roots.length}: ${roots.join(', ')}`);
  }
  const { upsamplers, sharedOnly, force, seed, resamples } = options;
  const request: CompareOptions = {
    metrics:
      options.metric === undefined ? 'usual' : options.metric.includes('all') ? 'all' : options.metric.map(findMetric),
    ...{ upsamplers, sharedOnly, force, seed, resamples },
  };
  const runs = roots.map(readRun);
  if (across === 'seeds') {
    const { rows, notes } = compareSeeds(runs, options.baseline, request);
    const lines = rows.map(row => (row.baseline === undefined ? row : { ...row, verdict: seedVerdict(row) }));
    print(options.json, lines, notes, seedText(rows, notes));
  } else {
    const { comparisons, notes } =
      across === 'runs'
        ? compareRuns(runs, options.baseline, request)
        : compareUpsamplers(runs[0], options.baseline, request);
    const lines = comparisons.map(comparison => ({ ...comparison, verdict: verdict(comparison) }));
    print(options.json, lines, notes, comparisonText(comparisons, notes));
  }
}

function findMetric(name: string): MetricName {
  const known = objectMetrics.map(metric => metric.name);
  const found = known.find(metric => metric === name.toLowerCase());
  if (!found) throw new UserError(`unknown metric "${name}": ${suggest(name, [...known, 'all'])}`);
  return found;
}

/** JSON lines leave standard output to programs; the notes then go to standard error. */
function print(json: boolean, lines: readonly object[], notes: readonly string[], text: string): void {
  if (!json) {
    process.stdout.write(text);
    return;
  }
  for (const note of notes) process.stderr.write(`note: ${note}\n`);
  for (const line of lines) process.stdout.write(`${JSON.stringify(line)}\n`);
}
