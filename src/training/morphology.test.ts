import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Mask } from '../base/raster.ts';
import { dilate, erode } from './morphology.ts';

const masks = fc
  .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }))
  .chain(([width, height]) =>
    fc
      .uint8Array({ min: 0, max: 1, minLength: width * height, maxLength: width * height })
      .map((data): Mask => ({ width, height, data })),
  );

function step(mask: Mask, pick: (...values: number[]) => number): Mask {
  const data = mask.data.map((_, i) => {
    const around: number[] = [];
    for (let dy = -1; dy <= 1; dy++) {
      for (let dx = -1; dx <= 1; dx++) {
        const [x, y] = [(i % mask.width) + dx, Math.floor(i / mask.width) + dy];
        if (x >= 0 && y >= 0 && x < mask.width && y < mask.height) around.push(mask.data[y * mask.width + x]);
      }
    }
    return pick(...around);
  });
  return { ...mask, data };
}

it('equals 3x3 steps repeated, the outside never counting', () => {
  fc.assert(
    fc.property(masks, fc.integer({ min: 0, max: 4 }), (mask, radius) => {
      let [grown, shrunk] = [mask, mask];
      for (let i = 0; i < radius; i++) [grown, shrunk] = [step(grown, Math.max), step(shrunk, Math.min)];
      expect(dilate(mask, radius)).toEqual(grown);
      expect(erode(mask, radius)).toEqual(shrunk);
    }),
  );
});
