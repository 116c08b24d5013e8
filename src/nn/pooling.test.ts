import fc from 'fast-check';
import { expect, it } from 'vitest';
import { at, nd, tabulate } from '../../test/support/nd.ts';
import { evaluate, uniform } from '../../test/support/run.ts';
import { input } from '../graph/tensor.ts';
import { adaptiveMax } from './pooling.ts';

it('adaptiveMax takes the largest of every range, smaller, equal and larger than the input', async () => {
  const size = fc.integer({ min: 1, max: 9 });
  await fc.assert(
    fc.asyncProperty(size, size, size, size, async (h, w, height, width) => {
      const x = input('x', [2, 2, h, w], 'image');
      const data = uniform(x.shape, -1, 1, 'pool', h, w);
      const expected = tabulate([2, 2, height, width], ([b, c, i, j]) => {
        let best = Number.NEGATIVE_INFINITY;
        for (let y = Math.floor((i * h) / height); y < Math.ceil(((i + 1) * h) / height); y++) {
          for (let z = Math.floor((j * w) / width); z < Math.ceil(((j + 1) * w) / width); z++) {
            best = Math.max(best, at(nd(x.shape, data), [b, c, y, z]));
          }
        }
        return best;
      });
      const { y } = await evaluate({ y: adaptiveMax(x, [height, width]) }, { x: data });
      expect([...y]).toEqual([...expected.data]);
    }),
    { numRuns: 30, seed: 5 },
  );
});
