import { describe, expect, it } from 'vitest';
import type { ProbabilityMap, Target } from '../base/raster.ts';
import type { Click } from '../clicks/maps.ts';
import type { Dataset } from '../datasets/types.ts';
import type { ClickSession } from '../interaction/simulate.ts';
import { evaluateDataset } from './evaluate.ts';
import { granularityOracle } from './oracle.ts';

const width = 20;
const target: Target = { width, height: 1, data: new Int8Array(width).fill(1) };

/** A session whose IoU after k clicks is `ious[granularity][k - 1]`, in twentieths. */
function scripted(ious: Record<number, number[]>) {
  const given: [number, number][] = [];
  const clicks: Click[] = [];
  const map = (pixels: number): ProbabilityMap => ({
    width,
    height: 1,
    data: Float32Array.from({ length: width }, (_, i) => Number(i < pixels)),
  });
  const session: ClickSession & { granularity: number } = {
    granularity: 1,
    clicks,
    probability: map(0),
    threshold: 0.5,
    reset: () => {
      clicks.length = 0;
    },
    async click(click) {
      clicks.push(click);
      given.push([session.granularity, clicks.length]);
      const curve = ious[session.granularity] ?? [1];
      return map(curve[Math.min(clicks.length, curve.length) - 1]);
    },
  };
  return { session, given };
}

const oracle = async (ious: Record<number, number[]>, goal = 0.85, maxClicks = 6) => {
  const { session, given } = scripted(ious);
  const found = await granularityOracle(goal)(session, target, { maxClicks });
  const asked = new Map<number, number>();
  for (const [granularity, number] of given) asked.set(granularity, number);
  return { granularity: found.granularity, ious: [...found.ious].map(iou => Math.round(iou * width)), asked };
};

describe('granularityOracle', () => {
  it('takes the session with the fewest clicks to the target', async () => {
    const { granularity, ious } = await oracle({ 0.1: [3, 5, 9, 18], 0.4: [2, 17], 0.7: [4, 9, 19] });
    expect({ granularity, ious }).toEqual({ granularity: 0.4, ious: [2, 17] });
  });

  it('of equals the one with the better first click, of these the smallest granularity', async () => {
    const { granularity } = await oracle({ 0.2: [8, 18], 0.3: [12, 17], 0.5: [12, 20] });
    expect(granularity).toBe(0.3);
  });

  it('tries every granularity, none longer than the best so far', async () => {
    const { asked } = await oracle({ 0.1: [1, 2, 3, 18], 0.2: [1, 18] });
    expect([...asked.keys()]).toEqual([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]);
    expect([...asked.values()]).toEqual([4, 2, 2, 2, 2, 2, 2, 2, 2, 2]);
  });

  it('takes the best first click where no session reaches the target', async () => {
    const { granularity, ious } = await oracle({ 0.6: [9, 3], 0.8: [4, 16] });
    expect({ granularity, ious }).toEqual({ granularity: 0.6, ious: [9, 3, 3, 3, 3, 3] });
  });

  it('prefers reaching the target with the last click to not reaching it', async () => {
    const { granularity } = await oracle({ 0.1: [16, 16], 0.9: [1, 18] }, 0.85, 2);
    expect(granularity).toBe(0.9);
  });

  it('is stored with the granularity that it chose', async () => {
    const { session } = scripted({ 0.4: [2, 17] });
    const image = { width, height: 1, data: new Uint8Array(3 * width) };
    const dataset: Dataset = {
      name: 'one',
      size: 1,
      ids: ['a'],
      load: async () => ({ id: 'a', image, objects: [target] }),
    };
    const [curve] = await evaluateDataset(dataset, () => session, {
      maxClicks: 4,
      simulate: granularityOracle(0.85),
    });
    expect([curve.id, curve.granularity, curve.ious.length]).toEqual(['a#0', 0.4, 2]);
  });
});
