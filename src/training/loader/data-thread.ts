import { Worker } from 'node:worker_threads';
import { UserError } from '../../base/errors.ts';
import type { TrainingSample } from '../samples.ts';
import type { SampleRequest } from './loader.ts';
import { type DrawMessage, type DrawnMessage, type ThreadSetup, unpackError } from './messages.ts';

interface Waiting {
  resolve(sample: TrainingSample): void;
  reject(error: Error): void;
}

const WHAT_TO_DO =
  'Run the same command again: it goes on from the last checkpoint. If it ends there again, ' +
  'draw samples in the training thread with --set training.workers=0';

/** A worker thread that draws samples. Once it has ended, for whatever reason, every draw fails with that reason. */
export class DataThread {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private asked = 0;
  private ended: Error | null = null;

  constructor(script: URL, setup: ThreadSetup) {
    this.worker = new Worker(script, { workerData: setup });
    this.worker.on('message', message => this.receive(message));
    this.worker.on('error', error => this.end(reasonOf(error)));
    this.worker.on('exit', code => {
      this.end(new UserError(`a data thread ended unexpectedly with code ${code}. ${WHAT_TO_DO}`, { exitCode: 1 }));
    });
  }

  draw(request: SampleRequest): Promise<TrainingSample> {
    if (this.ended) return Promise.reject(this.ended);
    const id = this.asked++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      const message: DrawMessage = { id, request };
      this.worker.postMessage(message);
    });
  }

  async close(): Promise<void> {
    this.end(new Error('the loader is closed'));
    await this.worker.terminate();
  }

  private receive(message: DrawnMessage): void {
    const waiting = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if ('sample' in message) waiting?.resolve(message.sample);
    else waiting?.reject(unpackError(message.error));
  }

  private end(reason: Error): void {
    this.ended ??= reason;
    for (const { reject } of this.waiting.values()) reject(this.ended);
    this.waiting.clear();
  }
}

/** An error that nothing in the thread caught: a defect of ours keeps its stack, a lack of memory needs none. */
function reasonOf(error: unknown): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== 'ERR_WORKER_OUT_OF_MEMORY') return error instanceof Error ? error : new Error(String(error));
  return new UserError(`a data thread ran out of memory (${message}). Use fewer, or ${WHAT_TO_DO}`, { exitCode: 1 });
}
