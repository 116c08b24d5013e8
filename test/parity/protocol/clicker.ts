import type { Mask, Target } from '../../../src/base/raster.ts';
import type { Click } from '../../../src/clicks/maps.ts';
import { nextClick } from '../../../src/interaction/clicker.ts';
import { squaredDistances } from '../../../src/interaction/distance.ts';
import { iou } from '../../../src/interaction/iou.ts';
import { type Check, near, same } from '../case.ts';
import { listKind } from './kind.ts';
import { countOf, maximum, sha256, storedTarget } from './masks.ts';
import { missingPhotos, photoOf } from './photos.ts';
import type { Json, Source } from './source.ts';

/** Rows [y, x, is positive]. */
export const toClicks = (clicks: [number, number, boolean][]): Click[] =>
  clicks.map(([y, x, positive]) => ({ x, y, positive }));

/** One click on stored masks, with the distances that it follows from. */
export const singleClicks = listKind(
  'cases',
  first => 'expect' in first && 'clicked' in first,
  (given, source) => ({ name: `${source.stem}/${given.name}`, run: () => checkStored(given, source) }),
);

function checkStored(given: Json, source: Source): Check[] {
  const target = storedTarget(given, source.bytes(given.gt));
  const prediction = { width: given.w, height: given.h, data: source.bytes(given.pred) };
  const sizes = [given.gt, given.pred].map(key => [...source.tensor(key).shape]);
  const { checks, missed, added } = checkClick(target, prediction, toClicks(given.clicked), given.expect);
  checks.push(
    same(
      'height and width',
      sizes,
      sizes.map(() => [given.h, given.w]),
    ),
  );
  const number = String(given.id).padStart(3, '0');
  for (const [key, squares] of [
    [`fn_dt_${number}`, missed],
    [`fp_dt_${number}`, added],
  ] as const) {
    if (source.has(key)) checks.push(same(key, Float32Array.from(squares, Math.sqrt), source.floats(key)));
  }
  return checks;
}

/** One click on the mask of a photo, for a prediction that a formula gives. */
export const photoClicks = listKind(
  'cases',
  first => 'expect' in first && 'dataset' in first,
  (given, source, around) => ({
    name: `${source.stem}/${given.dataset}_${given.index}_${given.pred.kind}`,
    skip: missingPhotos(given.dataset, around),
    run: async () => {
      const { sample, check } = await photoOf(given, around);
      const [target] = sample.objects;
      const { width, height } = target;
      const prediction = { width, height, data: predicted(target, given.pred) };
      return [
        check,
        same('height and width', [height, width], [given.h, given.w]),
        same('predicted pixels', countOf(prediction, 1), given.pred.area),
        same('prediction', sha256(prediction.data), given.pred.sha),
        ...checkClick(target, prediction, [], given.expect).checks,
      ];
    },
  }),
);

function checkClick(target: Target, prediction: Mask, clicks: Click[], expected: Json) {
  const click = nextClick(target, prediction, clicks);
  const [missed, added] = (['missed', 'added'] as const).map(kind => {
    const { data } = squaredDistances(wrong(target, prediction, kind));
    for (const { x, y } of clicks) data[y * target.width + x] = 0;
    return data;
  });
  const deepest = [missed, added].map(maximum);
  const winner = expected.is_positive ? missed : added;
  const ties = winner.reduce((n, value) => n + Number(value === Math.max(...deepest)), 0);
  const checks = [
    same('click', click, { x: expected.x, y: expected.y, positive: expected.is_positive }),
    same('greatest squared distances', deepest, [expected.fn_max_sq, expected.fp_max_sq]),
    same('greatest distances', deepest.map(Math.sqrt).map(Math.fround), [expected.fn_max, expected.fp_max]),
    same('pixels as deep', ties, expected.n_argmax),
  ];
  return { checks, missed, added };
}

function wrong(target: Target, prediction: Mask, kind: 'missed' | 'added'): Mask {
  const data = new Uint8Array(target.data.length);
  for (let i = 0; i < data.length; i++) {
    const [label, isPredicted] = [target.data[i], prediction.data[i] !== 0];
    data[i] = Number(kind === 'missed' ? label === 1 && !isPredicted : label !== 1 && label !== -1 && isPredicted);
  }
  return { ...target, data };
}

function predicted({ width, height, data }: Target, how: Json): Uint8Array {
  const out = new Uint8Array(width * height);
  if (how.kind !== 'disc' && how.kind !== 'shift') throw new Error(`no prediction of the kind ${how.kind}`);
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

/** Clicks in sequence, where every prediction is the sum of Gaussians around the clicks so far. */
export const clickSequences = listKind(
  'sequences',
  first => 'steps' in first,
  (given, source, around) => ({
    name: `${source.stem}/${given.dataset ? `${given.dataset}_${given.index}` : given.name}`,
    skip: given.dataset && missingPhotos(given.dataset, around),
    run: async () => {
      if (!given.dataset) return follow(given, storedTarget(given, source.bytes(given.gt)));
      const { sample, check } = await photoOf(given, around);
      return [check, ...follow(given, sample.objects[0])];
    },
  }),
);

function follow({ h, w, sigma, thr, steps }: Json, target: Target): Check[] {
  const checks = [same('height and width', [target.height, target.width], [h, w])];
  const clicks: Click[] = [];
  const score = new Float64Array(h * w);
  let prediction: Mask = { width: w, height: h, data: new Uint8Array(h * w) };
  for (const [i, step] of steps.entries()) {
    // so near a threshold another library's exp gives another mask
    if (i > 0 && steps[i - 1].margin <= 1e-12) break;
    const click = nextClick(target, prediction, clicks);
    clicks.push(click);
    addGaussian(score, w, click, sigma);
    prediction = { width: w, height: h, data: Uint8Array.from(score, value => Number(value > thr)) };
    const margin = score.reduce((least, value) => Math.min(least, Math.abs(value - thr)), Infinity);
    checks.push(same(`click ${i}`, [click, i], [{ x: step.x, y: step.y, positive: step.is_positive }, step.indx]));
    if (step.margin <= 1e-12) continue;
    checks.push(
      near(`IoU ${i}`, iou(target, prediction, Number.NaN), step.iou, 0),
      same(`predicted pixels ${i}`, countOf(prediction, 1), step.pred_area),
      same(`prediction ${i}`, sha256(prediction.data), step.pred_sha),
      near(`margin ${i}`, margin, step.margin, 1e-12),
    );
  }
  return checks;
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
