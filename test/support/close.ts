import { expect } from 'vitest';
import { maxAbsolute, maxDifference } from './differences.ts';

/** Every element within `tolerance`, relative to the largest number expected (at least 1). */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  const allowed = tolerance * Math.max(1, maxAbsolute(expected));
  expect(maxDifference(actual, expected), `largest error of ${what}`).toBeLessThanOrEqual(allowed);
}
