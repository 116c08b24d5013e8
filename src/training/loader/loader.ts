import type { Dataset } from '../../datasets/types.ts';
import { SampleCache } from '../sample-cache.ts';
import { type SampleOptions, type TrainingSample, trainingSample } from '../samples.ts';

/** What decides a sample, beside its dataset. Plain data: it crosses threads. */
export type SampleRequest = Omit<SampleOptions, 'cache'>;

/** Draws the training samples of one dataset, and keeps what it has decoded. */
export interface SampleLoader {
  /** Batches to draw before they are asked for; 0 where drawing takes the caller's own time. */
  readonly ahead: number;
  /** The same sample for the same request, whatever the loader. @throws UserError as `trainingSample` */
  draw(request: SampleRequest): Promise<TrainingSample>;
  /** Ends the loader's threads; what is still being drawn fails. */
  close(): Promise<void>;
}

/** Draws in the thread that asks, when it asks. */
export function inThisThread(dataset: Dataset): SampleLoader {
  const cache = new SampleCache(dataset);
  return {
    ahead: 0,
    draw: request => trainingSample(dataset, { ...request, cache }),
    close: async () => undefined,
  };
}
