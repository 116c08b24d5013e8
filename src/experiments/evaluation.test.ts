import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import type { RgbImage, Target } from '../base/raster.ts';
import type { Dataset } from '../datasets/types.ts';
import type { ObjectCurve } from '../evaluation/evaluate.ts';
import type { ClickModel } from '../interaction/model.ts';
import { InteractiveSession } from '../interaction/session.ts';
import type { Clickable } from './clickables.ts';
import { evaluateOn, readCurves } from './evaluation.ts';
import { resolveConfig } from './resolve-config.ts';
import type { TestSet } from './test-sets.ts';

const [width, height] = [24, 16];
const config = resolveConfig({ preset: 'quick', set: ['evaluation.maxClicks=3'] });

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clickprobe-evaluate-'));
  path = join(folder, 'curves.json');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function square(left: number): Target {
  const inside = (i: number) => i % width >= left && i % width < left + 9 && i >= 2 * width && i < 11 * width;
  return { width, height, data: Int8Array.from({ length: width * height }, (_, i) => Number(inside(i))) };
}

/** Three pictures; the second has two objects. */
const dataset: Dataset = {
  name: 'squares',
  size: 3,
  ids: ['a', 'b', 'c'],
  load: async index => ({
    id: 'abc'[index],
    image: { width, height, data: new Uint8Array(3 * width * height) },
    objects: [[square(2)], [square(0), square(12)], [square(6)]][index],
  }),
};

const set: TestSet = { name: 'squares', spec: 'squares', dataset, clickers: [{ kind: 'centre' }] };

/** Gives disks at the clicks; `sessions` counts the pictures it looked at. */
function diskProbe() {
  let sessions = 0;
  const area = width * height;
  const model: ClickModel = {
    async setImage() {},
    predict: async input =>
      Float32Array.from({ length: area }, (_, i) => 4 * input[area + i] - 4 * input[2 * area + i] - 2),
  };
  const open: Clickable['open'] = async () => (image: RgbImage) => {
    sessions++;
    return new InteractiveSession(model, image, { zoomIn: null, flip: false });
  };
  return { open, sessions: () => sessions };
}

async function run(signal = new AbortController().signal, onProgress?: (done: number, curve?: ObjectCurve) => void) {
  const { open, sessions } = diskProbe();
  const told: [number, string?][] = [];
  const curves = await evaluateOn(config, set, open, path, signal, (done, curve) => {
    told.push(curve ? [done, curve.id] : [done]);
    onProgress?.(done, curve);
  });
  return { curves, told, sessions: sessions() };
}

const untimed = (curves: readonly ObjectCurve[]) => curves.map(({ seconds: _, ...curve }) => curve);

describe('evaluateOn', () => {
  it('stores a curve for every object, and tells how far it is', async () => {
    const { curves, told, sessions } = await run();
    expect(curves.map(({ id }) => id)).toEqual(['a#0', 'b#0', 'b#1', 'c#0']);
    for (const { ious } of curves) expect(ious).toHaveLength(3);
    expect(told).toEqual([[0], [0, 'a#0'], [1, 'b#0'], [1, 'b#1'], [2, 'c#0']]);
    expect(sessions).toBe(3);
    expect(readCurves(path)).toEqual({ complete: true, curves });
  });

  it('does not evaluate a finished set again, and tells so at once', async () => {
    const { curves } = await run();
    const again = await run();
    expect(again).toEqual({ curves, told: [[3]], sessions: 0 });
  });

  it.each([1, 2, 3])('goes on after a stop at object %d, telling first what was done', async stopAt => {
    const whole = await run();
    rmSync(path);
    const stop = new AbortController();
    let objects = 0;
    const stopped = run(stop.signal, (_, curve) => {
      if (curve && ++objects === stopAt) stop.abort(new Error('enough'));
    });
    await expect(stopped).rejects.toThrow('enough');
    expect(readCurves(path).complete).toBe(false);
    expect(readCurves(path).curves).toHaveLength(stopAt);
    const { curves, told } = await run();
    expect(untimed(curves)).toEqual(untimed(whole.curves));
    // the picture stopped at counts as not done
    expect(told[0]).toEqual([[0], [1], [1]][stopAt - 1]);
    expect(told.slice(1).map(([, id]) => id)).toEqual(whole.curves.slice(stopAt).map(({ id }) => id));
    expect(told.map(([done]) => done)).toEqual(told.map(([done]) => done).toSorted());
  });
});

describe('readCurves', () => {
  it('gives none where nothing is stored', () => {
    expect(readCurves(path)).toEqual({ complete: false, curves: [] });
    expect(existsSync(path)).toBe(false);
  });

  it('says what to do with a damaged file', () => {
    writeFileSync(path, '{"complete": tr');
    expect(() => readCurves(path)).toThrow(`${path} is damaged`);
    expect(() => readCurves(path)).toThrow(UserError);
    expect(readFileSync(path, 'utf8')).toBe('{"complete": tr');
  });

  it('keeps an IoU that is NaN, which JSON writes as null', () => {
    const curve = { id: 'a#0', ious: [Number.NaN, 0.5], clicks: [], seconds: 1 };
    writeFileSync(path, JSON.stringify({ complete: true, curves: [curve] }));
    expect(readCurves(path).curves).toEqual([curve]);
  });
});
