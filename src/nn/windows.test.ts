import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluate, uniform } from '../../test/support/run.ts';
import { input } from '../graph/tensor.ts';
import { fromWindows, toWindows } from './windows.ts';

describe('windows', () => {
  it('are cut row by row, zeros where there is no cell', async () => {
    const x = input('x', [1, 2, 3, 1], 'image');
    const windows = toWindows(x, 2);
    expect(windows.shape).toEqual([2, 4, 1]);
    const { y } = await evaluate({ y: windows }, { x: Float32Array.of(1, 2, 3, 4, 5, 6) });
    expect([...y]).toEqual([1, 2, 4, 5, 3, 0, 6, 0]);
  });

  it('go back to the cells they were cut from', async () => {
    const size = fc.integer({ min: 1, max: 7 });
    await fc.assert(
      fc.asyncProperty(size, size, fc.integer({ min: 1, max: 4 }), async (h, w, window) => {
        const x = input('x', [2, h, w, 3], 'image');
        const data = uniform(x.shape, -1, 1, h, w);
        const { y } = await evaluate({ y: fromWindows(toWindows(x, window), x.shape) }, { x: data });
        expect(y).toEqual(data);
      }),
      { numRuns: 15 },
    );
  });
});
