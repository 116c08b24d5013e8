/**
 * An error a user can act on: what was given, what was expected, what to do. The command line prints
 * its message alone and exits with `exitCode`; every other error is a defect of ours and keeps its stack.
 */
export class UserError extends Error {
  override name = 'UserError';
  readonly exitCode: number;

  constructor(message: string, options: { exitCode?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exitCode = options.exitCode ?? 2;
  }
}

/** The nearest name to a misspelt one, as "did you mean X?", or the list of all where none is near. */
export function suggest(given: string, known: readonly string[]): string {
  const near = known
    .map(name => ({ name, distance: editDistance(given.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0];
  const all = `known: ${known.join(', ')}`;
  return near && near.distance <= Math.max(1, Math.floor(given.length / 3))
    ? `did you mean "${near.name}"? (${all})`
    : all;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}
