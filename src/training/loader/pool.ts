// sharp asks to be loaded by the thread that starts others which use it, so that its libraries outlive them
import 'sharp';
import type { Dataset } from '../../datasets/types.ts';
import { CACHE_BYTES } from '../sample-cache.ts';
import { sampleIndex, type TrainingSample } from '../samples.ts';
import { DataThread } from './data-thread.ts';
import type { SampleLoader, SampleRequest } from './loader.ts';

export interface PoolOptions {
  /** What the threads open, each for itself, for training. */
  spec: string;
  seed: number;
  /** The same set, opened here. */
  dataset: Dataset;
  /** Number of threads, at least 1. */
  threads: number;
  /** Bound on decoded samples kept by all threads together. */
  cacheBytes?: number;
  /** The compiled `worker.ts`. */
  script?: URL;
}

/**
 * Draws in worker threads. They start with the first sample they are asked for. An image always goes to the same
 * thread, so that no two keep it decoded.
 */
export class WorkerPool implements SampleLoader {
  readonly ahead = 2;
  private readonly threads = new Map<number, DataThread>();
  private closed = false;

  constructor(private readonly options: PoolOptions) {}

  async draw(request: SampleRequest): Promise<TrainingSample> {
    if (this.closed) throw new Error('the loader is closed');
    return this.thread(sampleIndex(this.options.dataset, request) % this.options.threads).draw(request);
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([...this.threads.values()].map(thread => thread.close()));
  }

  private thread(number: number): DataThread {
    const { spec, seed, threads, cacheBytes = CACHE_BYTES } = this.options;
    const script = this.options.script ?? new URL('./worker.js', import.meta.url);
    const thread =
      this.threads.get(number) ?? new DataThread(script, { spec, seed, cacheBytes: Math.floor(cacheBytes / threads) });
    this.threads.set(number, thread);
    return thread;
  }
}
