import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import { drawJitter, jitterAxes, jitterMatrix } from '../upsamplers/jitter.ts';
import { jittered } from './jitter.ts';

it('is the same on a picture and as matrices, and keeps what is flat', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 6, max: 24 }), (seed, side) => {
      const axes = jitterAxes(drawJitter([side, side], Random.of(seed)), [side, side]);
      const random = Random.of(seed, 'picture');
      const data = Uint8Array.from({ length: side * side * 3 }, () => random.integer(0, 255));
      const out = jittered({ width: side, height: side, data }, axes);
      const [down, across] = axes.map(axis => jitterMatrix(axis).data);
      for (let i = 0; i < side; i++) {
        for (const matrix of [down, across]) {
          const row = matrix.subarray(i * side, (i + 1) * side);
          expect(row.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 5);
        }
      }
      const [y, x] = [random.integer(0, side - 1), random.integer(0, side - 1)];
      let red = 0;
      for (let i = 0; i < side; i++) {
        for (let j = 0; j < side; j++) red += down[y * side + i] * across[x * side + j] * data[(i * side + j) * 3];
      }
      expect(Math.abs(out.data[(y * side + x) * 3] - red)).toBeLessThan(0.51);
    }),
    { numRuns: 100 },
  );
});
