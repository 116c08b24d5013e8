import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import type { RgbImage, Target } from '../base/raster.ts';
import type { Dataset } from '../datasets/types.ts';
import type { ClickModel } from '../interaction/model.ts';
import { InteractiveSession } from '../interaction/session.ts';
import { simulateClicks } from '../interaction/simulate.ts';
import { evaluateDataset, type ObjectCurve } from './evaluate.ts';
import { summarize } from './summary.ts';

const [width, height] = [32, 24];

/** A rectangle of `size` x `size` pixels at (left, 2). */
function rectangle(left: number, size: number): Target {
  const inside = (i: number) =>
    i % width >= left && i % width < left + size && i >= 2 * width && i < (2 + size) * width;
  return { width, height, data: Int8Array.from({ length: width * height }, (_, i) => Number(inside(i))) };
}

class CountingDataset implements Dataset {
  name = 'rectangles';
  ids = ['a.png', 'b#2.png', 'c.png'];
  size = 3;
  loads: number[] = [];

  async load(index: number) {
    this.loads.push(index);
    const image: RgbImage = { width, height, data: new Uint8Array(3 * width * height) };
    const objects = [[rectangle(2, 15)], [rectangle(3, 9), rectangle(14, 12)], [rectangle(0, 20)]][index];
    return { id: this.ids[index], image, objects };
  }
}

/** Draws a disk at every click. */
class DiskModel implements ClickModel {
  async setImage(): Promise<void> {}

  async predict(input: Float32Array): Promise<Float32Array> {
    const area = width * height;
    return Float32Array.from(
      { length: area },
      (_, i) => 4 * (input[area + i] - input[2 * area + i]) + 3 * input[i] - 2,
    );
  }
}

let sessions = 0;
function makeSession(image: RgbImage): InteractiveSession {
  sessions++;
  return new InteractiveSession(new DiskModel(), image, { zoomIn: null, flip: false });
}

const untimed = (curves: ObjectCurve[]) => curves.map(({ seconds, ...rest }) => rest);

describe('evaluateDataset', () => {
  it('gives a curve for every object, one session per picture', async () => {
    sessions = 0;
    const dataset = new CountingDataset();
    const seen: [string, number, number, number][] = [];
    const curves = await evaluateDataset(dataset, makeSession, { maxClicks: 4 }, p => {
      seen.push([p.curve.id, p.samplesDone, p.samples, p.objectsDone]);
    });
    expect(curves.map(curve => curve.id)).toEqual(['a.png#0', 'b#2.png#0', 'b#2.png#1', 'c.png#0']);
    expect(seen).toEqual([
      ['a.png#0', 0, 3, 1],
      ['b#2.png#0', 1, 3, 2],
      ['b#2.png#1', 1, 3, 3],
      ['c.png#0', 2, 3, 4],
    ]);
    expect(sessions).toBe(3);
    for (const { ious, clicks, seconds } of curves) {
      expect([ious.length, clicks.length]).toEqual([4, 4]);
      expect(ious[0]).toBeGreaterThan(0);
      expect(seconds).toBeGreaterThan(0);
    }
    expect(curves[1].clicks[0]).toEqual([7, 6, true]);
    const { image, objects } = await dataset.load(1);
    const alone = await simulateClicks(makeSession(image), objects[1], { maxClicks: 4 });
    expect(curves[2].ious).toEqual([...alone.ious]);
    expect(JSON.parse(JSON.stringify(curves))).toEqual(curves);
  });

  it('goes on where it was stopped, with the same result', async () => {
    const whole = await evaluateDataset(new CountingDataset(), makeSession, { maxClicks: 3 });
    const stop = new AbortController();
    const finished: ObjectCurve[] = [];
    const stopped = evaluateDataset(
      new CountingDataset(),
      makeSession,
      { maxClicks: 3, signal: stop.signal },
      async ({ curve }) => {
        finished.push(curve);
        if (finished.length === 2) stop.abort();
      },
    );
    await expect(stopped).rejects.toThrow(/abort/i);
    expect(finished.length).toBe(2);
    const fresh: string[] = [];
    const resumed = await evaluateDataset(
      new CountingDataset(),
      makeSession,
      { maxClicks: 3, finished },
      ({ curve }) => {
        fresh.push(curve.id);
      },
    );
    expect(fresh).toEqual(['b#2.png#1', 'c.png#0']);
    expect(untimed(resumed)).toEqual(untimed(whole));
    expect(resumed[0]).toBe(finished[0]);
  });

  it('evaluates the samples asked for', async () => {
    const dataset = new CountingDataset();
    const curves = await evaluateDataset(dataset, makeSession, { maxClicks: 1, samples: [2, 0] });
    expect(curves.map(curve => curve.id)).toEqual(['c.png#0', 'a.png#0']);
    expect(dataset.loads).toEqual([2, 0]);
  });

  it('holds one picture at a time', async () => {
    const dataset = new CountingDataset();
    await evaluateDataset(dataset, makeSession, { maxClicks: 1 }, ({ samplesDone }) => {
      expect(dataset.loads.length).toBe(samplesDone + 1);
    });
  });

  it('refuses curves of another data set', async () => {
    const finished = [{ id: 'z.png#0', ious: [1], clicks: [], seconds: 1 }];
    const run = evaluateDataset(new CountingDataset(), makeSession, { finished });
    await expect(run).rejects.toThrow(UserError);
    await expect(run).rejects.toThrow(/z\.png.*rectangles/);
  });
});

describe('summarize', () => {
  const curves = [
    { id: 'a#0', ious: [0.5, 0.9, 0.96], seconds: 3 },
    { id: 'b#0', ious: [0.25, 0.5, 0.82], seconds: 4.5 },
    { id: 'c#0', ious: [0.875, 0.86], seconds: 0.5 },
  ];

  it('makes a table row', () => {
    const { ci, miou, ...row } = summarize(curves, { maxClicks: 3 });
    expect(row).toEqual({
      objects: 3,
      maxClicks: 3,
      iou1: (0.5 + 0.25 + 0.875) / 3,
      secondsPerClick: 1,
      noc80: (2 + 3 + 1) / 3,
      noc85: (2 + 3 + 1) / 3,
      noc90: (2 + 3 + 3) / 3,
      noc95: 3,
      nof80: 0,
      nof85: 1,
      nof90: 2,
      nof95: 2,
      atMax80: 1,
      atMax85: 1,
      atMax90: 2,
      atMax95: 3,
    });
    expect(miou.length).toBe(2);
    expect(miou[1]).toBeCloseTo((0.9 + 0.5 + 0.86) / 3, 12);
    expect(Object.keys(ci).sort()).toEqual(['iou1', 'miou', 'noc80', 'noc85', 'noc90', 'noc95']);
    expect(ci.noc80).toEqual([1, 3]);
    expect(ci.noc95).toEqual([3, 3]);
    expect(ci.iou1).toEqual(ci.miou[0]);
    expect(ci.miou.length).toBe(2);
  });

  it('refuses no curves, and curves of another limit', () => {
    expect(() => summarize([])).toThrow(UserError);
    expect(() => summarize(curves, { maxClicks: 2 })).toThrow(/a#0.*3 clicks/);
    expect(() => summarize([{ id: 'x#0', ious: [], seconds: 0 }])).toThrow(UserError);
  });
});
