import { parentPort, workerData } from 'node:worker_threads';
import { UserError } from '../base/errors.ts';
import { type BenchRequest, bench } from './bench.ts';
import { type RunEvent, Stopped } from './events.ts';
import { RunFolder } from './run-folder.ts';

/** What the worker answers beside events. */
export type WorkerMessage =
  | RunEvent
  | { type: 'done' }
  | { type: 'stopped' }
  | { type: 'failed'; message: string; exitCode: number | null };

export interface WorkerRequest extends BenchRequest {
  out: string;
}

// runs a bench in its own thread: sessions block theirs, and the main one must answer Ctrl-C
const port = parentPort!;
const { out, ...request } = workerData as WorkerRequest;
const stop = new AbortController();
port.on('message', () => stop.abort(new Stopped('stopped on request')));

const answer = (message: WorkerMessage) => port.postMessage(message);
try {
  await bench(request, new RunFolder(out), { emit: answer, signal: stop.signal });
  answer({ type: 'done' });
} catch (error) {
  if (error instanceof Stopped) answer({ type: 'stopped' });
  else if (error instanceof UserError) answer({ type: 'failed', message: error.message, exitCode: error.exitCode });
  else
    answer({
      type: 'failed',
      message: error instanceof Error ? (error.stack ?? error.message) : `${error}`,
      exitCode: null,
    });
}
port.close();
