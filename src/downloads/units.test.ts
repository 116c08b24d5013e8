import { describe, expect, it } from 'vitest';
import { byteSize } from './units.ts';

describe('byteSize', () => {
  it.each([
    [0, '0 bytes'],
    [1, '1 byte'],
    [999, '999 bytes'],
    [1000, '1.0 kB'],
    [999_949, '999.9 kB'],
    [999_950, '1.0 MB'],
    [19_336_861_798, '19.3 GB'],
    [1e18, '1000000.0 TB'],
  ])('%d: %s', (bytes, text) => expect(byteSize(bytes)).toBe(text));
});
