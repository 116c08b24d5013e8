import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import type { RgbImage, Target } from '../base/raster.ts';
import type { Dataset } from '../datasets/types.ts';
import { type Clicker, randomClickers } from '../interaction/clickers.ts';
import type { ClickModel } from '../interaction/model.ts';
import { InteractiveSession } from '../interaction/session.ts';
import { simulateClicks } from '../interaction/simulate.ts';
import { boundaryIou } from './boundary.ts';
import { evaluateDataset, type ObjectCurve } from './evaluate.ts';

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
      seen.push([p.curve.id, p.samplesDone, p.samples, p.curvesDone]);
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

  it('lets several users click at every object, and keeps their curves apart', async () => {
    sessions = 0;
    const clickers: Clicker[] = [{ kind: 'centre' }, ...randomClickers(5, 2)];
    const curves = await evaluateDataset(new CountingDataset(), makeSession, { maxClicks: 3, clickers });
    expect(curves.slice(0, 6).map(({ id, repetition }) => [id, repetition])).toEqual([
      ['a.png#0', undefined],
      ['a.png#0', 0],
      ['a.png#0', 1],
      ['b#2.png#0', undefined],
      ['b#2.png#0', 0],
      ['b#2.png#0', 1],
    ]);
    expect(sessions).toBe(3);
    const centre = await evaluateDataset(new CountingDataset(), makeSession, { maxClicks: 3 });
    expect(untimed(curves.filter(curve => curve.repetition === undefined))).toEqual(untimed(centre));
    expect(new Set(curves.slice(0, 3).map(({ clicks }) => String(clicks[0]))).size).toBe(3);
  });

  it('draws random clicks that no other object and no stop changes', async () => {
    const clickers = randomClickers(5, 2);
    const whole = await evaluateDataset(new CountingDataset(), makeSession, { maxClicks: 3, clickers });
    const one = await evaluateDataset(new CountingDataset(), makeSession, {
      maxClicks: 3,
      clickers: [clickers[1]],
      samples: [1],
    });
    expect(untimed(one)).toEqual(untimed([whole[3], whole[5]]));
    const fresh: [string, number | undefined][] = [];
    const finished = whole.filter((_, i) => i !== 3);
    const resumed = await evaluateDataset(
      new CountingDataset(),
      makeSession,
      { maxClicks: 3, clickers, finished },
      ({ curve }) => {
        fresh.push([curve.id, curve.repetition]);
      },
    );
    expect(fresh).toEqual([['b#2.png#0', 1]]);
    expect(untimed(resumed)).toEqual(untimed(whole));
  });

  it('refuses clickers whose curves could not be told apart', async () => {
    for (const clickers of [
      [...randomClickers(0, 2), ...randomClickers(1, 1)],
      [{ kind: 'centre' }, { kind: 'centre' }],
    ] satisfies Clicker[][]) {
      const run = evaluateDataset(new CountingDataset(), makeSession, { clickers });
      await expect(run).rejects.toThrow(UserError);
      await expect(run).rejects.toThrow(/(repetition 0|centre clicker) is there twice/);
    }
  });

  it('measures boundaries where it is asked to', async () => {
    const options = { maxClicks: 3, samples: [1], boundary: boundaryIou };
    const curves = await evaluateDataset(new CountingDataset(), makeSession, options);
    const { image, objects } = await new CountingDataset().load(1);
    for (const [i, { boundary }] of curves.entries()) {
      const session = makeSession(image);
      const expected: number[] = [];
      for (const [x, y, positive] of curves[i].clicks) {
        await session.click({ x, y, positive });
        expected.push(Math.fround(boundaryIou(objects[i], session.mask)));
      }
      expect(boundary).toEqual(expected);
    }
    expect(JSON.parse(JSON.stringify(curves))).toEqual(curves);
    const [without] = await evaluateDataset(new CountingDataset(), makeSession, { maxClicks: 1 });
    expect(Object.keys(without)).toEqual(['id', 'ious', 'clicks', 'seconds']);
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
