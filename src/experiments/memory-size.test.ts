import { describe, expect, it } from 'vitest';
import { resolveConfig } from './resolve-config.ts';

const memory = (given: unknown) => resolveConfig({ preset: 'quick', overrides: { memory: given } }).memory;

describe('memory', () => {
  it('is given in bytes or with a unit', () => {
    expect(['2GB', '500 MB', '1.5GiB', 64e6, '3e9'.replace('e9', '000000000'), '100000kb'].map(memory)).toEqual([
      2e9,
      5e8,
      1.5 * 2 ** 30,
      64e6,
      3e9,
      1e8,
    ]);
    expect(resolveConfig({ preset: 'quick', set: ['memory=1GB'] }).memory).toBe(1e9);
    expect(resolveConfig({ preset: 'paper' }).memory).toBe(2e9);
  });

  it.each(['2', 'much', '-1GB', 0, '1TB', null])('%s is refused', given => {
    expect(() => memory(given)).toThrow(/memory/);
  });
});
