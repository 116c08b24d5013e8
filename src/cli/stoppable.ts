import { StatusLine } from './progress.ts';

/** Said at the first Ctrl-C by what saves before it ends. */
export const STOPPING = 'stopping: saving after the current step (Ctrl-C again to stop at once)';

/** Lets Ctrl-C abort the signal of an action; a second one ends the process at once. */
export async function interruptible<T>(action: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const interrupt = (signal: NodeJS.Signals) => {
    if (stop.signal.aborted) {
      // as if there were no handler: leaving in an orderly way would wait for a thread that computes, or abort in it
      process.off(signal, interrupt);
      process.kill(process.pid, signal);
      return;
    }
    stop.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    return await action(stop.signal);
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

/**
 * Lets Ctrl-C stop an action in order; a second one ends at once. The exit code is the action's, 130 where it stopped.
 *
 * @param advice what to do then, for the user
 */
export async function stoppable(
  advice: string,
  action: (signal: AbortSignal, status: StatusLine) => Promise<number>,
): Promise<number> {
  const status = new StatusLine(process.stderr);
  return interruptible(async signal => {
    try {
      return await action(signal, status);
    } catch (error) {
      if (!signal.aborted) throw error;
      status.print(`stopped; ${advice}`);
      return 130;
    } finally {
      status.clear();
    }
  });
}

/** Passes on at most ten calls a second. */
export function nowAndThen<A extends unknown[]>(report: (...values: A) => void): (...values: A) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (...values) => {
    if (performance.now() - last < 100) return;
    last = performance.now();
    report(...values);
  };
}
