import { type Case, type Check, strain, worst } from './case.ts';

/** What became of a case. */
export interface Result {
  name: string;
  verdict: 'passed' | 'failed' | 'skipped';
  /** What came nearest to failing, or failed worst: its name, its error and what it may be. */
  what?: string;
  error?: number;
  tolerance?: number;
  /** How many comparisons were made. */
  checks?: number;
  /** Why it was skipped or how it failed. */
  reason?: string;
}

/** Runs a case; where it throws, it has failed. */
export async function runCase({ name, skip, run }: Case): Promise<Result> {
  if (skip !== undefined) return { name, verdict: 'skipped', reason: skip };
  let checks: Check[];
  try {
    checks = await run();
  } catch (error) {
    return { name, verdict: 'failed', reason: error instanceof Error ? error.message : String(error) };
  }
  if (checks.length === 0) return { name, verdict: 'failed', reason: 'nothing was compared' };
  const { what, error, tolerance, note } = worst(checks);
  const beyond = checks.filter(check => !(strain(check) <= 1)).length;
  const found = { name, what, error, tolerance, checks: checks.length };
  if (beyond === 0) return { ...found, verdict: 'passed' };
  const reason = `${beyond} of ${checks.length} comparisons fail; ${what}: ${note ?? `error ${error}`}`;
  return { ...found, verdict: 'failed', reason };
}

/** One line for people. */
export function resultLine({ name, verdict, what, error, tolerance, reason }: Result): string {
  const number = (value: number) => (Number.isFinite(value) ? Number(value.toPrecision(3)).toString() : 'unequal');
  const numbers =
    error === undefined || tolerance === undefined ? [] : [`error ${number(error)} of ${number(tolerance)} in ${what}`];
  const words = { passed: 'pass', failed: 'FAIL', skipped: 'skip' };
  return [words[verdict], name.padEnd(48), ...numbers, ...(reason === undefined ? [] : [reason])].join('  ');
}

/** "N passed, M failed, K skipped" */
export function summaryLine(results: readonly Result[]): string {
  const count = (verdict: Result['verdict']) => results.filter(result => result.verdict === verdict).length;
  return `${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`;
}
