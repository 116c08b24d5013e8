import { isDeepStrictEqual } from 'node:util';
import { maxDifference } from '../support/differences.ts';

/** How far one thing is from the reference. */
export interface Check {
  what: string;
  error: number;
  tolerance: number;
  /** What was found and what was expected, where these can be shown. */
  note?: string;
}

/** One reference case. */
export interface Case {
  name: string;
  /** Why it cannot be run. */
  skip?: string;
  run(): Promise<Check[]> | Check[];
}

/** Where the things are that cases refer to but do not hold. */
export interface Surroundings {
  /** The folder of the image sets. */
  data: string;
  /** The folder of real checkpoints. */
  weights: string;
}

/** Why a case is skipped that nothing here can compute. */
export const unknownKind = (what: string): string => `skipped by kind: there is no code for ${what} yet`;

type Numbers = ArrayLike<number>;

/** Equal in every part; NaN equals NaN. */
export function same(what: string, found: unknown, expected: unknown): Check {
  const equal = isDeepStrictEqual(found, expected);
  const note = `${brief(found)}, expected ${brief(expected)}`;
  return { what, error: equal ? 0 : Infinity, tolerance: 0, ...(!equal && { note }) };
}

/** A number within a tolerance; the reference writes NaN as null. */
export function near(what: string, found: number, expected: number | null, tolerance: number): Check {
  const bothNaN = expected === null && Number.isNaN(found);
  const difference = bothNaN ? 0 : Math.abs(found - (expected ?? Number.NaN));
  const error = Number.isNaN(difference) ? Infinity : difference;
  return { what, error, tolerance, note: `${found}, expected ${expected ?? Number.NaN}` };
}

/** Arrays of one length, all numbers within a tolerance. */
export function allNear(what: string, found: Numbers, expected: Numbers, tolerance: number): Check {
  const note = found.length === expected.length ? {} : { note: `${found.length} numbers, expected ${expected.length}` };
  return { what, error: maxDifference(found, expected), tolerance, ...note };
}

/** The share of the tolerance that an error takes; above 1 it is too large. */
export function strain({ error, tolerance }: Check): number {
  return error === 0 ? 0 : error / tolerance;
}

/** The check that comes nearest to failing, or fails worst. */
export function worst(checks: readonly Check[]): Check {
  return checks.reduce((a, b) => (strain(b) > strain(a) || Number.isNaN(strain(b)) ? b : a));
}

function brief(value: unknown): string {
  const text = JSON.stringify(value, (_, part) => (ArrayBuffer.isView(part) ? `[${part.byteLength} bytes]` : part));
  return text === undefined ? String(value) : text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
