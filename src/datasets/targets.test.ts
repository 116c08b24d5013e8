import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { indexedTargets, thresholdTarget } from './targets.ts';

const maps = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }))
  .chain(([width, height]) =>
    fc
      .uint8Array({ minLength: width * height, maxLength: width * height })
      .map(data => ({ width, height, data: data.map(value => (value < 128 ? value % 4 : value)) })),
  );

describe('indexedTargets', () => {
  it('divides a map into its labels in ascending order, the ignored one in all', () => {
    fc.assert(
      fc.property(maps, fc.option(fc.constantFrom(0, 2, 255), { nil: undefined }), (map, ignored) => {
        const labels = [...new Set(map.data)].filter(label => label !== 0 && label !== ignored).sort((a, b) => a - b);
        const expected = labels.map(label => ({
          width: map.width,
          height: map.height,
          data: Int8Array.from(map.data, value => (value === ignored ? -1 : +(value === label))),
        }));
        expect(indexedTargets(map, ignored)).toEqual(expected);
      }),
    );
  });
});

describe('thresholdTarget', () => {
  it('has the values above the threshold', () => {
    const data = Uint8Array.of(0, 127, 128, 255);
    expect([...thresholdTarget({ width: 4, height: 1, data }, 127).data]).toEqual([0, 0, 1, 1]);
    expect([...thresholdTarget({ width: 4, height: 1, data }, 0).data]).toEqual([0, 1, 1, 1]);
  });
});
