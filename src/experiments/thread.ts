import { parentPort, Worker, workerData } from 'node:worker_threads';
import { UserError } from '../base/errors.ts';
import { Stopped } from './events.ts';

/** What a working thread answers beside the events of its task. */
type Outcome = { type: 'done' } | { type: 'stopped' } | { type: 'failed'; message: string; exitCode: number | null };
type Message<Event> = { event: Event } | { outcome: Outcome };

/**
 * Runs a script in a worker thread, so that this one stays free to answer: sessions block theirs. The script calls
 * `serve`.
 *
 * @throws UserError; Stopped where `signal` asked for a stop and the task has come to an end in order
 */
export async function runInThread<Event>(
  script: URL,
  request: object,
  emit: (event: Event) => void,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) throw new Stopped('stopped on request');
  const worker = new Worker(script, { workerData: request });
  const stop = () => worker.postMessage('stop');
  signal.addEventListener('abort', stop);
  try {
    await new Promise<void>((resolve, reject) => {
      worker.on('message', (message: Message<Event>) => {
        if ('event' in message) emit(message.event);
        else if (message.outcome.type === 'done') resolve();
        else if (message.outcome.type === 'stopped') reject(new Stopped('stopped on request'));
        else {
          const { message: text, exitCode } = message.outcome;
          reject(exitCode === null ? new Error(text) : new UserError(text, { exitCode }));
        }
      });
      worker.on('error', reject);
      worker.on('exit', code => reject(new Error(`the working thread ended unexpectedly with code ${code}`)));
    });
  } finally {
    signal.removeEventListener('abort', stop);
    await worker.terminate();
  }
}

/** The other side of `runInThread`: does the task that this thread was started for, and answers how it ended. */
export async function serve<Request, Event>(
  task: (request: Request, control: { emit(event: Event): void; signal: AbortSignal }) => Promise<unknown>,
): Promise<void> {
  const port = parentPort!;
  const stop = new AbortController();
  port.on('message', () => stop.abort(new Stopped('stopped on request')));
  const answer = (message: Message<Event>) => port.postMessage(message);
  try {
    await task(workerData as Request, { emit: event => answer({ event }), signal: stop.signal });
    answer({ outcome: { type: 'done' } });
  } catch (error) {
    answer({ outcome: outcomeOf(error) });
  }
  port.close();
}

function outcomeOf(error: unknown): Outcome {
  if (error instanceof Stopped) return { type: 'stopped' };
  if (error instanceof UserError) return { type: 'failed', message: error.message, exitCode: error.exitCode };
  const message = error instanceof Error ? (error.stack ?? error.message) : `${error}`;
  return { type: 'failed', message, exitCode: null };
}
