import { UserError } from '../base/errors.ts';
import { openDataset } from '../datasets/registry.ts';
import type { Dataset } from '../datasets/types.ts';
import { type Clicker, randomClickers } from '../interaction/clickers.ts';
import type { Config } from './config.ts';

/** A data set to evaluate on, with the simulated users that click at it. */
export interface TestSet {
  /** What tables and files call it; no other test set of the run has the same. */
  name: string;
  spec: string;
  dataset: Dataset;
  clickers: readonly Clicker[];
  /** The best of all granularities counts, for clicks up to this IoU: see `granularityOracle`. */
  oracle?: number;
}

/**
 * The test sets of a run: those of the configuration, each once more with random clicks where these are asked for.
 *
 * @throws UserError where there are none, or one cannot be opened
 */
export async function openTestSets({ evaluation, granularity, seed, dataSeed }: Config): Promise<TestSet[]> {
  if (evaluation.datasets.length === 0) {
    throw new UserError('no data set to evaluate on: name some with --datasets, such as --datasets synthetic');
  }
  const sets: TestSet[] = [];
  for (const spec of evaluation.datasets) {
    const limit = evaluation.limit ?? undefined;
    const dataset = await openDataset(spec, { seed: dataSeed, split: 'val', limit });
    const base = dataset.name.replace(/[^\w.-]+/g, '_');
    const same = sets.filter(s => s.name === base || s.name.startsWith(`${base}-`)).length;
    sets.push({ name: same === 0 ? base : `${base}-${same + 1}`, spec, dataset, clickers: [{ kind: 'centre' }] });
  }
  const clickers = randomClickers(seed, evaluation.randomClicks);
  const oracles = granularity?.oracle ?? [];
  return sets.flatMap(set => [
    set,
    ...oracles.map(oracle => ({ ...set, name: `${set.name}_oracle-${Math.round(100 * oracle)}`, oracle })),
    ...(clickers.length === 0 ? [] : [{ ...set, name: `${set.name}_random-clicks`, clickers }]),
  ]);
}

/** Whether the protocol's user clicks, once: pictures of other users' clicks are not shown. */
export const isProtocol = ({ clickers, oracle }: TestSet): boolean =>
  oracle === undefined && clickers.every(({ kind }) => kind === 'centre');
