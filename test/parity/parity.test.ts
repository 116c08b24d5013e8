import { describe, expect, it } from 'vitest';
import { caseName, goldenFiles } from '../support/golden.ts';
import { caseFor, parityCases, runCase } from './cases.ts';

const files = goldenFiles();

describe.skipIf(files.length === 0)('parity with the reference', () => {
  const covered = files.flatMap(path => {
    const found = caseFor(caseName(path));
    return found ? [{ name: caseName(path), path, found }] : [];
  });

  // another folder may hold a part of the cases
  it.skipIf(process.env.CLICKPROBE_GOLDEN)('finds a file for every kind of case', () => {
    const unused = parityCases.filter(({ pattern }) => !files.some(path => pattern.test(caseName(path))));
    expect(unused.map(({ pattern }) => String(pattern))).toEqual([]);
  });

  for (const { name, found } of covered.filter(({ found }) => found.skip)) {
    console.warn(`skipped: ${name}, ${found.skip}`);
    it.skip(`${name}: ${found.skip}`, () => undefined);
  }

  it.each(covered.filter(({ found }) => !found.skip))('$name', async ({ path, found }) => {
    const checks = await runCase(path, found);
    expect(checks.length).toBeGreaterThan(0);
    const beyond = checks.filter(({ error, tolerance }) => !(error <= tolerance));
    expect(beyond).toEqual([]);
  });
});
