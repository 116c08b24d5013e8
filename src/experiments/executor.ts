import { Worker } from 'node:worker_threads';
import { UserError } from '../base/errors.ts';
import type { RunEvent } from './events.ts';
import { Stopped } from './events.ts';
import type { WorkerMessage, WorkerRequest } from './worker.ts';

/**
 * Runs a bench in a worker thread, so that this one stays free to answer.
 *
 * @throws UserError; Stopped where `signal` asked for a stop and the run has saved
 */
export async function runInWorker(
  request: WorkerRequest,
  emit: (event: RunEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: request });
  const stop = () => worker.postMessage('stop');
  signal.addEventListener('abort', stop);
  try {
    await new Promise<void>((resolve, reject) => {
      worker.on('message', (message: WorkerMessage) => {
        if (message.type === 'done') resolve();
        else if (message.type === 'stopped') reject(new Stopped('stopped on request'));
        else if (message.type === 'failed') {
          const { message: text, exitCode } = message;
          reject(exitCode === null ? new Error(text) : new UserError(text, { exitCode }));
        } else emit(message);
      });
      worker.on('error', reject);
      worker.on('exit', code => reject(new Error(`the working thread ended unexpectedly with code ${code}`)));
    });
  } finally {
    signal.removeEventListener('abort', stop);
    await worker.terminate();
  }
}
