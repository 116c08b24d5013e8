import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import type { Mask } from '../base/raster.ts';
import { depthProbabilities, drawFirstClick, innerPixels } from './first-click.ts';

/** A square of 5x5 with its corner at (1, 1), in 7x7: depths 1, 2, 3 from the edge inwards. */
const square: Mask = {
  width: 7,
  height: 7,
  data: Uint8Array.from({ length: 49 }, (_, i) => +(i % 7 > 0 && i % 7 < 6 && i > 6 && i < 42)),
};

describe('the first click', () => {
  it('may go where the object is deep', () => {
    expect([...innerPixels(square, 1.7)]).toEqual([16, 17, 18, 23, 24, 25, 30, 31, 32]);
    expect([...innerPixels(square, 1.2)]).toEqual([24]);
    expect(innerPixels({ ...square, data: new Uint8Array(49) }, 1.7)).toHaveLength(0);
  });

  it('goes by depth where no share of it is given', () => {
    const probabilities = depthProbabilities(square);
    expect(probabilities[24]).toBeCloseTo(3 / 35, 6);
    expect(probabilities[8]).toBeCloseTo(1 / 35, 6);
    expect(probabilities[0]).toBe(0);
    expect(probabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 6);
  });

  it('is drawn inside, and anywhere on the object with the probability for that', () => {
    const draws = (inner: number, anywhere: number) =>
      Array.from({ length: 2000 }, (_, i) => drawFirstClick(square, { inner, anywhere }, Random.of(i)));
    expect(new Set(draws(1.2, 0))).toEqual(new Set([24]));
    expect(new Set(draws(1.2, 1)).size).toBe(25);
    const share = draws(0, 0).filter(pixel => pixel === 24).length / 2000;
    expect(Math.abs(share - 3 / 35)).toBeLessThan(5 * Math.sqrt(0.086 * 0.914 * 0.0005));
  });
});
