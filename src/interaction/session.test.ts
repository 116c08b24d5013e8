import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import type { RgbImage, Target } from '../base/raster.ts';
import type { ClickModel } from './model.ts';
import type { PointTensor } from './points.ts';
import { InteractiveSession, type SessionOptions } from './session.ts';
import { simulateClicks } from './simulate.ts';
import { zoomIn } from './zoom.ts';

/** Believes the clicks, and a little the picture and the previous map. */
class BelievingModel implements ClickModel {
  images: Float32Array[] = [];
  inputs: Float32Array[] = [];
  points: PointTensor | undefined;
  fail = false;
  private shape: readonly number[] = [];

  async setImage(image: Float32Array, shape: readonly [number, number, number, number]): Promise<void> {
    expect(image.length).toBe(shape.reduce((a, b) => a * b));
    this.shape = shape;
    this.images.push(image);
  }

  async predict(input: Float32Array, points: PointTensor): Promise<Float32Array> {
    this.points = points;
    if (this.fail) throw new Error('out of memory');
    this.inputs.push(input);
    const [batch, , height, width] = this.shape;
    const area = height * width;
    const image = this.images[this.images.length - 1];
    return Float32Array.from({ length: batch * area }, (_, i) => {
      const at = Math.floor(i / area) * 3 * area + (i % area);
      return 6 * (input[at + area] - input[at + 2 * area]) + 2 * input[at] + image[at] - 1.5;
    });
  }
}

function picture(width: number, height: number): RgbImage {
  return { width, height, data: Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 37) % 256) };
}

/** A square object of the given side at the left top. */
function square(width: number, height: number, side: number): Target {
  const data = Int8Array.from({ length: width * height }, (_, i) => Number(i % width < side && i < side * width));
  return { width, height, data };
}

const options: SessionOptions = { zoomIn: zoomIn([32, 32], { minCrop: 16 }), flip: true };

describe('InteractiveSession', () => {
  it('starts empty and refines with every click', async () => {
    const session = new InteractiveSession(new BelievingModel(), picture(40, 30), options);
    expect(session.clicks).toEqual([]);
    expect(session.probability.data.every(p => p === 0)).toBe(true);
    const map = await session.click({ x: 20, y: 10, positive: true });
    expect([map.width, map.height]).toEqual([40, 30]);
    expect(session.probability).toBe(map);
    expect(session.mask.data[10 * 40 + 20]).toBe(1);
    expect(session.mask.data[0]).toBe(0);
  });

  it('shows a map of its own at the first click, and looks where it would without', async () => {
    const model = new BelievingModel();
    const image = picture(20, 12);
    const firstMap = { width: 20, height: 12, data: new Float32Array(240).fill(0.75) };
    const session = new InteractiveSession(model, image, {
      zoomIn: zoomIn([12, 20], { minCrop: 4 }),
      flip: false,
      firstMap,
    });
    await session.click({ x: 3, y: 4, positive: true });
    expect(model.inputs[0].subarray(0, 240).every(p => p === 0.75)).toBe(true);
    expect(session.box).toEqual({ top: 0, bottom: 11, left: 0, right: 19 });
    await session.click({ x: 9, y: 4, positive: false });
    expect(model.inputs[1].subarray(0, 240).every(p => p === 0.75)).toBe(false);
    session.reset();
    await session.click({ x: 3, y: 4, positive: true });
    expect(model.inputs[2]).toEqual(model.inputs[0]);
  });

  it('gives the model previous map, positive and negative clicks, and all mirrored', async () => {
    const model = new BelievingModel();
    const session = new InteractiveSession(model, picture(20, 12), {
      zoomIn: null,
      flip: true,
      clickMaps: { form: 'disk', radius: 1 },
    });
    await session.click({ x: 3, y: 4, positive: true });
    const before = session.probability.data;
    await session.click({ x: 15, y: 7, positive: false });
    const area = 20 * 12;
    const planes = [0, 1, 2, 3, 4, 5].map(p => model.inputs[1].subarray(p * area, (p + 1) * area));
    expect(planes[0]).toEqual(before);
    const set = (plane: Float32Array) => [...plane.keys()].filter(i => plane[i] === 1);
    const disk = (y: number, x: number) => [-20, -1, 0, 1, 20].map(d => y * 20 + x + d);
    expect(set(planes[1])).toEqual(disk(4, 3));
    expect(set(planes[2])).toEqual(disk(7, 15));
    expect(set(planes[4])).toEqual(disk(4, 16));
    expect(set(planes[5])).toEqual(disk(7, 4));
    for (let y = 0; y < 12; y++) {
      expect(planes[3].slice(20 * y, 20 * y + 20)).toEqual(planes[0].slice(20 * y, 20 * y + 20).reverse());
    }
  });

  it('gives the clicks as points as well, and only the first ones where there is a limit', async () => {
    const model = new BelievingModel();
    const session = new InteractiveSession(model, picture(20, 12), { zoomIn: null, flip: true, clickLimit: 1 });
    await session.click({ x: 3, y: 4, positive: true });
    const limited = model.inputs[0].slice(20 * 12);
    await session.click({ x: 15, y: 7, positive: false });
    expect(model.points!.shape).toEqual([2, 2, 3]);
    expect([...model.points!.data]).toEqual([4, 3, 0, -1, -1, -1, 4, 16, 0, -1, -1, -1]);
    expect(model.inputs[1].slice(20 * 12, 60 * 12)).toEqual(limited.slice(0, 40 * 12));
    expect(session.clicks.length).toBe(2);
  });

  it('shows the model a crop only when it changes, even to a second session on the same picture', async () => {
    const model = new BelievingModel();
    const image = picture(200, 150);
    const first = new InteractiveSession(model, image, options);
    await first.click({ x: 20, y: 20, positive: true });
    expect(model.images.length).toBe(1);
    await first.click({ x: 22, y: 20, positive: true });
    expect(model.images.length).toBe(2);
    await first.click({ x: 21, y: 22, positive: true });
    expect(model.images.length).toBe(2);
    const second = new InteractiveSession(model, picture(200, 150), options);
    await second.click({ x: 20, y: 20, positive: true });
    expect(model.images.length).toBe(3);
    await first.click({ x: 22, y: 24, positive: true });
    expect(model.images.length).toBe(4);
    first.reset();
    await first.click({ x: 20, y: 20, positive: true });
    const third = new InteractiveSession(model, image, options);
    await third.click({ x: 70, y: 70, positive: true });
    expect(model.images.length).toBe(5);
  });

  it('undo is as if the click had never been made', async () => {
    const anyClick = fc.record({ x: fc.nat(59), y: fc.nat(44), positive: fc.boolean(), undone: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(anyClick, { maxLength: 8 }), async clicks => {
        const image = picture(60, 45);
        const session = new InteractiveSession(new BelievingModel(), image, options);
        const straight = new InteractiveSession(new BelievingModel(), image, options);
        for (const { undone, ...click } of clicks) {
          const before = { clicks: session.clicks, probability: session.probability, box: session.box };
          await session.click(click);
          if (undone) {
            session.undo();
            expect({ clicks: session.clicks, probability: session.probability, box: session.box }).toEqual(before);
          } else {
            await straight.click(click);
            expect(session.probability).toEqual(straight.probability);
          }
        }
        expect(session.clicks).toEqual(straight.clicks);
      }),
      { numRuns: 25 },
    );
  });

  it('undo stops at the start', async () => {
    const session = new InteractiveSession(new BelievingModel(), picture(10, 10), options);
    expect(session.undo()).toBe(false);
    await session.click({ x: 1, y: 1, positive: true });
    expect(session.undo()).toBe(true);
    expect(session.undo()).toBe(false);
  });

  it('stays as it was where the model fails', async () => {
    const model = new BelievingModel();
    const session = new InteractiveSession(model, picture(30, 30), options);
    const map = await session.click({ x: 5, y: 5, positive: true });
    model.fail = true;
    await expect(session.click({ x: 9, y: 9, positive: true })).rejects.toThrow('out of memory');
    expect(session.probability).toBe(map);
    expect(session.clicks.length).toBe(1);
    model.fail = false;
    await session.click({ x: 9, y: 9, positive: true });
    expect(session.clicks.length).toBe(2);
  });

  it('works on one click at a time', async () => {
    const session = new InteractiveSession(new BelievingModel(), picture(30, 30), options);
    const running = session.click({ x: 5, y: 5, positive: true });
    expect(() => session.undo()).toThrow(/await/);
    await expect(session.click({ x: 6, y: 6, positive: true })).rejects.toThrow(/await/);
    await running;
    expect(session.clicks.length).toBe(1);
  });

  it('refuses clicks that are not pixels, and says which would be', async () => {
    const session = new InteractiveSession(new BelievingModel(), picture(30, 20), options);
    for (const [x, y] of [
      [30, 0],
      [0, 20],
      [-1, 0],
      [0.5, 0],
      [Number.NaN, 0],
    ]) {
      const click = session.click({ x, y, positive: true });
      await expect(click).rejects.toThrow(UserError);
      await expect(click).rejects.toThrow(/0\.\.29/);
    }
  });

  it('refuses logits of a wrong size', async () => {
    const model: ClickModel = { setImage: async () => {}, predict: async () => new Float32Array(7) };
    const session = new InteractiveSession(model, picture(30, 20), options);
    await expect(session.click({ x: 1, y: 1, positive: true })).rejects.toThrow(/7 logits/);
  });
});

describe('simulateClicks', () => {
  const make = () => new InteractiveSession(new BelievingModel(), picture(64, 48), { ...options, zoomIn: null });
  const target = square(64, 48, 30);

  it('gives a curve, the time of each click and the masks asked for', async () => {
    const session = make();
    const seen: number[] = [];
    const result = await simulateClicks(
      session,
      target,
      { maxClicks: 5, keepMasksAt: [1, 3, 9] },
      ({ number, iou }) => {
        seen.push(number);
        expect(iou).toBeGreaterThan(0);
      },
    );
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    expect(result.clicks).toEqual(session.clicks);
    expect(result.clicks[0]).toEqual({ x: 14, y: 14, positive: true });
    expect([result.ious.length, result.seconds.length]).toEqual([5, 5]);
    expect(result.seconds.every(s => s > 0)).toBe(true);
    expect([...result.masks.keys()]).toEqual([1, 3]);
    const { data } = result.masks.get(1)!;
    const object = target.data.reduce((n, v) => n + v, 0);
    expect(result.ious[0]).toBe(Math.fround(data.reduce((n, v) => n + v, 0) / object));
  });

  it('stops at the target IoU, but not before minClicks', async () => {
    const { ious } = await simulateClicks(make(), target, { maxClicks: 12 });
    const at = ious.findIndex(value => value >= ious[5]);
    const reach = async (changes: object) =>
      (await simulateClicks(make(), target, { targetIou: ious[5], ...changes })).ious;
    expect(await reach({})).toEqual(ious.slice(0, at + 1));
    expect((await reach({ minClicks: at + 3 })).length).toBe(at + 3);
  });

  it('may compare the target as the original does, and give an empty object its NaN', async () => {
    const [first] = (await simulateClicks(make(), target, { maxClicks: 1 })).ious;
    const exact = { targetIou: first + 1e-9, maxClicks: 3 };
    expect((await simulateClicks(make(), target, exact)).ious.length).toBe(1);
    expect((await simulateClicks(make(), target, { ...exact, stopPrecision: 'float64' })).ious.length).toBeGreaterThan(
      1,
    );
    const nothing = { ...target, data: new Int8Array(target.data.length).fill(-1) };
    expect([...(await simulateClicks(make(), nothing, { maxClicks: 2, targetIou: 0.9 })).ious]).toEqual([1]);
    const asOriginal = { maxClicks: 2, targetIou: 0.9, emptyIou: Number.NaN };
    expect([...(await simulateClicks(make(), nothing, asOriginal)).ious]).toEqual([Number.NaN, Number.NaN]);
  });

  it('resets the session first', async () => {
    const session = make();
    await session.click({ x: 60, y: 40, positive: false });
    const { clicks } = await simulateClicks(session, target, { maxClicks: 2 });
    expect(clicks.length).toBe(2);
  });

  it('stops on request before the next click', async () => {
    const stop = new AbortController();
    const session = make();
    const run = simulateClicks(session, target, { signal: stop.signal }, ({ number }) => {
      if (number === 3) stop.abort();
    });
    await expect(run).rejects.toThrow(/abort/i);
    expect(session.clicks.length).toBe(3);
  });

  it('refuses a number of clicks that is none', async () => {
    await expect(simulateClicks(make(), target, { maxClicks: 0 })).rejects.toThrow(UserError);
  });
});
