import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Mask, Target } from '../base/raster.ts';
import type { Click } from '../clicks/maps.ts';
import { berkeleyDataset } from '../datasets/berkeley.ts';
import { grabcutDataset } from '../datasets/grabcut.ts';
import { readSafetensors } from '../weights/safetensors.ts';
import { nextClick } from './clicker.ts';
import { squaredDistances } from './distance.ts';
import { iou } from './iou.ts';

const shared = join(import.meta.dirname, '../../../shared');
const golden = join(shared, 'golden/protocol');
const hasGolden = existsSync(golden);
if (!hasGolden) console.warn(`skipped: parity of clicks, ${golden} is absent`);
const hasData = hasGolden && existsSync(join(shared, 'data/GrabCut')) && existsSync(join(shared, 'data/Berkeley'));
if (!hasData) console.warn(`skipped: parity of clicks on real masks, ${join(shared, 'data')} is absent`);

/** '#' object, '?' ignored, anything else background. */
function targetOf(...rows: string[]): Target {
  const data = Int8Array.from(rows.join(''), c => (c === '#' ? 1 : c === '?' ? -1 : 0));
  return { width: rows[0].length, height: rows.length, data };
}

function maskOf(...rows: string[]): Mask {
  return { width: rows[0].length, height: rows.length, data: Uint8Array.from(rows.join(''), c => (c === '#' ? 1 : 0)) };
}

function wrong(target: Target, prediction: Mask, kind: 'missed' | 'added'): Mask {
  const data = new Uint8Array(target.data.length);
  for (let i = 0; i < data.length; i++) {
    const [label, predicted] = [target.data[i], prediction.data[i] !== 0];
    data[i] = Number(kind === 'missed' ? label === 1 && !predicted : label !== 1 && label !== -1 && predicted);
  }
  return { ...target, data };
}

const toClicks = (clicks: [number, number, boolean][]): Click[] =>
  clicks.map(([y, x, positive]) => ({ x, y, positive }));
const sha = (data: Int8Array | Uint8Array) => createHash('sha256').update(data).digest('hex');

describe('nextClick', () => {
  const empty = maskOf('.......', '.......', '.......');

  it('clicks the middle of what is missed', () => {
    expect(nextClick(targetOf('.#####.', '.#####.', '.#####.'), empty, [])).toEqual({ x: 2, y: 1, positive: true });
  });

  it('prefers the negative click in a tie, and the first pixel', () => {
    expect(nextClick(targetOf('###....', '###....', '###....'), maskOf('....###', '....###', '....###'), [])).toEqual({
      x: 5,
      y: 1,
      positive: false,
    });
  });

  it('does not click a pixel twice', () => {
    const target = targetOf('.......', '.##.##.', '.......');
    const clicked: Click[] = [{ x: 1, y: 1, positive: true }];
    expect(nextClick(target, empty, clicked)).toEqual({ x: 2, y: 1, positive: true });
  });

  it('leaves ignored pixels out', () => {
    const target = targetOf('???????', '??#????', '???????');
    const full = maskOf('#######', '#######', '#######');
    expect(nextClick(target, empty, [])).toEqual({ x: 2, y: 1, positive: true });
    expect(nextClick(target, full, [])).toEqual({ x: 0, y: 0, positive: false });
  });

  it('refuses a prediction of another size', () => {
    expect(() => nextClick(targetOf('##'), empty, [])).toThrow(/7x3/);
  });

  it('always lands in an error where one is left', () => {
    const cases = fc
      .record({ width: fc.integer({ min: 1, max: 12 }), height: fc.integer({ min: 1, max: 12 }) })
      .chain(({ width, height }) => {
        const cells = (max: number) => fc.array(fc.nat(max), { minLength: width * height, maxLength: width * height });
        return fc.record({
          width: fc.constant(width),
          height: fc.constant(height),
          labels: cells(5),
          predicted: cells(1),
        });
      });
    fc.assert(
      fc.property(cases, ({ width, height, labels, predicted }) => {
        const target = { width, height, data: Int8Array.from(labels, v => (v === 0 ? -1 : v > 3 ? 1 : 0)) };
        const prediction = { width, height, data: Uint8Array.from(predicted) };
        const clicked: Click[] = [];
        let errors = target.data.filter((label, i) => label !== -1 && (label === 1) !== (predicted[i] === 1)).length;
        for (; errors > 0; errors--) {
          const click = nextClick(target, prediction, clicked);
          const at = click.y * width + click.x;
          expect(target.data[at]).toBe(click.positive ? 1 : 0);
          expect(predicted[at]).toBe(click.positive ? 0 : 1);
          expect(clicked.some(({ x, y }) => x === click.x && y === click.y)).toBe(false);
          clicked.push(click);
        }
        expect(nextClick(target, prediction, clicked)).toEqual({ x: 0, y: 0, positive: false });
      }),
      { numRuns: 50 },
    );
  });
});

describe('iou', () => {
  it('leaves ignored pixels out', () => {
    expect(iou(targetOf('##??..'), maskOf('#.##.#'))).toBe(1 / 3);
  });

  it('is 1 where nothing is there and nothing predicted', () => {
    expect(iou(targetOf('..??'), maskOf('..##'))).toBe(1);
    expect(iou(targetOf('..??'), maskOf('#.##'))).toBe(0);
  });
});

interface Expected {
  y: number;
  x: number;
  is_positive: boolean;
  fn_max_sq: number;
  fp_max_sq: number;
}

describe.skipIf(!hasGolden)('parity with the reference', () => {
  it('single clicks and distances', () => {
    const { cases } = JSON.parse(readFileSync(join(golden, 'clicker_single.json'), 'utf8'));
    const masks = readSafetensors(join(golden, 'clicker_masks.safetensors')).tensors;
    const distances = readSafetensors(join(golden, 'clicker_dt.safetensors')).tensors;
    expect(cases.length).toBeGreaterThan(0);
    for (const { id, name, h, w, gt, pred, clicked, expect: expected } of cases) {
      const labels = masks.get(gt)!.data as Uint8Array;
      // other labels than 1 and 255 (ignored) are background
      const target = { width: w, height: h, data: Int8Array.from(labels, v => (v === 255 ? -1 : v === 1 ? 1 : 0)) };
      const prediction = { width: w, height: h, data: masks.get(pred)!.data as Uint8Array };
      const clicks = toClicks(clicked);
      expect({ name, ...nextClick(target, prediction, clicks) }).toEqual({
        name,
        x: expected.x,
        y: expected.y,
        positive: expected.is_positive,
      });
      for (const [kind, prefix] of [
        ['missed', 'fn'],
        ['added', 'fp'],
      ] as const) {
        const found = squaredDistances(wrong(target, prediction, kind)).data;
        for (const { x, y } of clicks) found[y * w + x] = 0;
        expect({ name, max: Math.max(...found) }).toEqual({ name, max: expected[`${prefix}_max_sq`] });
        const stored = distances.get(`${prefix}_dt_${String(id).padStart(3, '0')}`);
        if (stored) expect(Float32Array.from(found, Math.sqrt)).toEqual(stored.data);
      }
    }
  });

  it.skipIf(!hasData)('single clicks on real masks', async () => {
    const { cases } = JSON.parse(readFileSync(join(golden, 'clicker_real.json'), 'utf8'));
    for (const { dataset, index, mask_sha, h, w, pred, expect: expected } of cases) {
      const target = await realTarget(dataset, index, mask_sha);
      expect([target.height, target.width]).toEqual([h, w]);
      const prediction = { width: w, height: h, data: predicted(target, pred) };
      expect(sha(prediction.data)).toBe(pred.sha);
      const { x, y, is_positive, fn_max_sq, fp_max_sq } = expected as Expected;
      expect(nextClick(target, prediction, [])).toEqual({ x, y, positive: is_positive });
      expect(greatest(squaredDistances(wrong(target, prediction, 'missed')).data)).toBe(fn_max_sq);
      expect(greatest(squaredDistances(wrong(target, prediction, 'added')).data)).toBe(fp_max_sq);
    }
  });

  const { sequences } = hasGolden
    ? JSON.parse(readFileSync(join(golden, 'clicker_sequences.json'), 'utf8'))
    : { sequences: [] };
  for (const [i, sequence] of sequences.entries()) {
    it.skipIf(sequence.dataset && !hasData)(`sequence ${i} ${sequence.name}`, () => follow(sequence));
  }
});

// biome-ignore lint/suspicious/noExplicitAny: the golden JSON
async function follow(sequence: any): Promise<void> {
  const { h, w, sigma, thr, gt, dataset, index, mask_sha, steps } = sequence;
  const target: Target = dataset
    ? await realTarget(dataset, index, mask_sha)
    : { width: w, height: h, data: sequenceMask(gt) };
  const clicks: Click[] = [];
  const score = new Float64Array(h * w);
  let prediction: Mask = { width: w, height: h, data: new Uint8Array(h * w) };
  for (const step of steps) {
    const click = nextClick(target, prediction, clicks);
    expect(click).toEqual({ x: step.x, y: step.y, positive: step.is_positive });
    clicks.push(click);
    addGaussian(score, w, click, sigma);
    prediction = { width: w, height: h, data: above(score, thr) };
    expect(sha(prediction.data)).toBe(step.pred_sha);
    expect(iou(target, prediction)).toBe(step.iou ?? 1);
  }
}

const cache = new Map<string, Promise<Target>>();
function realTarget(dataset: string, index: number, expectedSha: string): Promise<Target> {
  const key = `${dataset}/${index}`;
  if (!cache.has(key)) cache.set(key, load());
  return cache.get(key)!;

  async function load() {
    const open = { GrabCut: grabcutDataset, Berkeley: berkeleyDataset }[dataset];
    if (!open) throw new Error(`no reader for ${dataset}`);
    const [target] = (await open(join(shared, 'data', dataset)).load(index)).objects;
    expect(sha(target.data)).toBe(expectedSha);
    return target;
  }
}

function sequenceMask(key: string): Int8Array {
  const { data } = readSafetensors(join(golden, 'clicker_seq_masks.safetensors')).tensors.get(key)!;
  return Int8Array.from(data as Uint8Array, v => (v === 255 ? -1 : v === 1 ? 1 : 0));
}

type Prediction = { kind: 'shift'; dy: number; dx: number } | { kind: 'disc'; cy: number; cx: number; r2: number };

function predicted({ width, height, data }: Target, how: Prediction): Uint8Array {
  const out = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (how.kind === 'disc') out[y * width + x] = Number((y - how.cy) ** 2 + (x - how.cx) ** 2 <= how.r2);
      else if (data[y * width + x] === 1) {
        const [v, u] = [y + how.dy, x + how.dx];
        if (v >= 0 && v < height && u >= 0 && u < width) out[v * width + u] = 1;
      }
    }
  }
  return out;
}

function addGaussian(score: Float64Array, width: number, click: Click, sigma: number): void {
  const along = (length: number, centre: number) =>
    Float64Array.from({ length }, (_, i) => Math.exp(-((i - centre) ** 2) / (2 * sigma * sigma)));
  const columns = along(width, click.x);
  const rows = along(score.length / width, click.y);
  const sign = click.positive ? 1 : -1;
  for (let y = 0; y < rows.length; y++) {
    for (let x = 0; x < width; x++) score[y * width + x] += sign * rows[y] * columns[x];
  }
}

function above(score: Float64Array, threshold: number): Uint8Array {
  const out = new Uint8Array(score.length);
  for (let i = 0; i < score.length; i++) out[i] = Number(score[i] > threshold);
  return out;
}

function greatest(values: Int32Array): number {
  let max = 0;
  for (const value of values) if (value > max) max = value;
  return max;
}
