import { availableParallelism } from 'node:os';
import type { Dataset } from '../../datasets/types.ts';
import { inThisThread, type SampleLoader } from './loader.ts';
import { WorkerPool } from './pool.ts';

/** A thread draws far faster than a training step takes; each opens the dataset for itself, so more cost memory. */
const mostByDefault = 4;

/**
 * @param source a dataset and what opens it again in another thread
 * @param workers threads that draw samples; 0: the caller's own; null: one for every four processor cores, 1 to 4
 */
export function openLoader(
  source: { spec: string; seed: number; dataset: Dataset },
  workers: number | null,
): SampleLoader {
  const threads = workers ?? Math.min(mostByDefault, Math.max(1, Math.floor(availableParallelism() / 4)));
  return threads === 0 ? inThisThread(source.dataset) : new WorkerPool({ ...source, threads });
}
