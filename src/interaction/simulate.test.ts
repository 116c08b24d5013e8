import { describe, expect, it } from 'vitest';
import type { Mask, ProbabilityMap, Target } from '../base/raster.ts';
import type { Click } from '../clicks/maps.ts';
import { type ClickSession, simulateClicks } from './simulate.ts';

const [width, height] = [8, 6];
const target: Target = { width, height, data: new Int8Array(width * height).fill(1) };

/** Not a probe: fills whole rows, from the top to the click. */
class RowSession implements ClickSession {
  clicks: readonly Click[] = [];
  probability: ProbabilityMap = { width, height, data: new Float32Array(width * height) };
  readonly threshold = 0.5;

  async click(click: Click): Promise<ProbabilityMap> {
    this.clicks = [...this.clicks, click];
    const data = Float32Array.from(this.probability.data, (_, i) => Number(i < (click.y + 1) * width));
    this.probability = { width, height, data };
    return this.probability;
  }

  reset(): void {
    this.clicks = [];
    this.probability = { width, height, data: new Float32Array(width * height) };
  }
}

describe('simulateClicks', () => {
  it('clicks where the rule says, at any session', async () => {
    const seen: number[] = [];
    const clickRule = (_: Target, prediction: Mask, clicked: readonly Click[]) => {
      seen.push(prediction.data.reduce((sum, v) => sum + v, 0));
      return { x: 0, y: 2 * clicked.length, positive: true };
    };
    const { clicks, ious, boundary } = await simulateClicks(new RowSession(), target, { maxClicks: 3, clickRule });
    expect(clicks.map(({ y }) => y)).toEqual([0, 2, 4]);
    expect(seen).toEqual([0, width, 3 * width]);
    expect(ious).toEqual(Float32Array.of(1 / 6, 3 / 6, 5 / 6));
    expect(boundary).toBeUndefined();
  });

  it('measures the edge after each click, outside the time of the click', async () => {
    const measure = (given: Target, mask: Mask) => {
      const until = performance.now() + 20;
      while (performance.now() < until);
      return given === target ? mask.data.filter(v => v === 1).length / 7 : Number.NaN;
    };
    const clickRule = (_: Target, __: Mask, clicked: readonly Click[]) => ({ x: 0, y: clicked.length, positive: true });
    const { boundary, seconds } = await simulateClicks(new RowSession(), target, {
      maxClicks: 2,
      clickRule,
      boundary: measure,
    });
    expect(boundary).toEqual(Float32Array.of(8 / 7, 16 / 7));
    expect(Math.min(...seconds)).toBeLessThan(0.02);
  });
});
