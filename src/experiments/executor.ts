import type { RunEvent } from './events.ts';
import { runInThread } from './thread.ts';
import type { WorkerRequest } from './worker.ts';

/**
 * Runs a bench in a worker thread, so that this one stays free to answer.
 *
 * @throws UserError; Stopped where `signal` asked for a stop and the run has saved
 */
export const runInWorker = (
  request: WorkerRequest,
  emit: (event: RunEvent) => void,
  signal: AbortSignal,
): Promise<void> => runInThread(new URL('./worker.js', import.meta.url), request, emit, signal);
