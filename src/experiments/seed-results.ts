import { mean } from '../evaluation/metrics.ts';
import type { SeedRow } from '../report/comparison.ts';
import type { ResultRow } from '../report/types.ts';
import { compareSeeds } from './compare-seeds.ts';
import { readRun } from './read-run.ts';

/** One upsampler on one set over several training seeds: means, their intervals over seeds and objects, and spreads. */
export type SeedResult = Record<string, unknown> & { upsampler: string; dataset: string };

/**
 * What runs of the same configuration with other seeds say together.
 *
 * @param roots run folders
 * @param single the rows of all of them
 */
export function seedResults(
  roots: readonly string[],
  single: readonly ResultRow[],
  bootstrap: { seed: number; resamples: number },
): { rows: SeedRow[]; results: SeedResult[] } {
  const runs = roots.map(readRun);
  const options = { metrics: 'all', sharedOnly: false, force: false, ...bootstrap } as const;
  const { rows } = compareSeeds(runs, undefined, options);
  const keys = [...new Set(rows.map(({ upsampler, dataset }) => JSON.stringify([upsampler, dataset])))];
  const results = keys.map(key => {
    const [upsampler, dataset] = JSON.parse(key) as [string, string];
    const of = <T extends { upsampler: string; dataset: string }>(list: readonly T[]) =>
      list.filter(row => row.upsampler === upsampler && row.dataset === dataset);
    const own = of(rows);
    const pick = <T>(value: (row: SeedRow) => T) => Object.fromEntries(own.map(row => [row.metric, value(row)]));
    return {
      upsampler,
      dataset,
      objects: own[0].objects,
      ...pick(row => row.mean),
      secondsPerClick: mean(of(single).map(row => row.secondsPerClick)),
      ci: pick(row => row.interval),
      seeds: { count: roots.length, ...pick(({ std, min, max }) => ({ std, min, max })) },
    };
  });
  return { rows, results };
}
