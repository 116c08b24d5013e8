import { describe, expect, it } from 'vitest';
import type { Feeds, Program } from '../runtime/program.ts';
import { pointTensor } from './points.ts';
import { probeClickModel } from './probe-model.ts';

/** Adds the first numbers of picture and clicks; remembers what it was fed. */
function recorder() {
  const fed: Record<string, number>[] = [];
  const kept = { image: Number.NaN, clicks: Number.NaN };
  let broken = false;
  const program: Program = {
    async run(group: string, feeds: Feeds) {
      expect(group).toBe('predict');
      if (broken) throw new Error('out of memory');
      const first = Object.fromEntries(Object.entries(feeds).map(([name, data]) => [name, data[0]]));
      fed.push(first);
      Object.assign(kept, first);
      return { logits: Float32Array.of(kept.image + kept.clicks) };
    },
    async release() {},
  };
  return {
    fed,
    model: probeClickModel(program),
    breakDown: (value: boolean) => {
      broken = value;
    },
  };
}

const shape = [1, 3, 1, 1] as const;
const picture = (value: number) => Float32Array.of(value, 0, 0);
const noPoints = pointTensor([[]]);

describe('probeClickModel', () => {
  it('feeds the picture only when it changes', async () => {
    const { fed, model } = recorder();
    await model.setImage(picture(10), shape);
    expect(fed).toEqual([]);
    const logits = [];
    for (const click of [1, 2, 3]) logits.push(...(await model.predict(picture(click), noPoints)));
    await model.setImage(picture(20), shape);
    for (const click of [4, 5]) logits.push(...(await model.predict(picture(click), noPoints)));
    expect(logits).toEqual([11, 12, 13, 24, 25]);
    expect(fed).toEqual([
      { clicks: 1, image: 10 },
      { clicks: 2 },
      { clicks: 3 },
      { clicks: 4, image: 20 },
      { clicks: 5 },
    ]);
  });

  it('feeds the last of several pictures', async () => {
    const { fed, model } = recorder();
    await model.setImage(picture(10), shape);
    await model.setImage(picture(20), shape);
    expect([...(await model.predict(picture(1), noPoints))]).toEqual([21]);
    expect(fed).toHaveLength(1);
  });

  it('feeds the picture again where the run failed', async () => {
    const { fed, model, breakDown } = recorder();
    await model.setImage(picture(10), shape);
    breakDown(true);
    await expect(model.predict(picture(1), noPoints)).rejects.toThrow('out of memory');
    breakDown(false);
    expect([...(await model.predict(picture(2), noPoints))]).toEqual([12]);
    expect(fed).toEqual([{ clicks: 2, image: 10 }]);
  });
});
