import type { ProbabilityMap, RgbImage, Target } from '../../../src/base/raster.ts';
import { planCrop } from '../../../src/interaction/crop.ts';
import type { PointTensor } from '../../../src/interaction/points.ts';
import { InteractiveSession, thresholded } from '../../../src/interaction/session.ts';
import { type SimulatedClick, simulateClicks } from '../../../src/interaction/simulate.ts';
import { type ZoomIn, zoomIn } from '../../../src/interaction/zoom.ts';
import { allNear, type Check, near, same } from '../case.ts';
import { listKind } from './kind.ts';
import { countOf, sha256, storedTarget } from './masks.ts';
import { missingPhotos, photoOf } from './photos.ts';
import { ScriptedModel } from './scripted-model.ts';
import type { Json, Source } from './source.ts';

/** Whole simulations: clicks, boxes, points, maps and IoUs of a scripted network. */
export const simulations = listKind(
  'cases',
  first => 'cfg' in first && 'clicks' in first,
  (given, source, around) => ({
    name: `${source.stem}/${given.name}${given.dataset ? `_${given.dataset}_${given.index}` : ''}`,
    skip: given.dataset && missingPhotos(given.dataset, around),
    run: async () => {
      if (!given.dataset)
        return simulate(given, source, drawnPicture(given), storedTarget(given, source.bytes(given.gt)));
      const { sample, check } = await photoOf(given, around);
      return [check, ...(await simulate(given, source, sample.image, sample.objects[0]))];
    },
  }),
);

async function simulate(given: Json, source: Source, image: RgbImage, target: Target): Promise<Check[]> {
  const { cfg } = given;
  const checks: Check[] = [same('height and width', [image.height, image.width], [given.h, given.w])];
  const model = new ScriptedModel(cfg.net);
  const session = new InteractiveSession(model, image, {
    zoomIn: cfg.zoom_in_params ? zoomOf(cfg.zoom_in_params) : null,
    flip: cfg.via === 'get_predictor' || cfg.with_flip === true,
    maxSize: cfg.max_size,
    clickLimit: cfg.net_clicks_limit ?? cfg.predictor_params?.net_clicks_limit,
    threshold: cfg.pred_thr,
  });
  // beyond the click where the reference itself hangs on the last bit, or is at fault, there is nothing to compare
  const comparable: number = given.reference_bug ? 1 : (given.fragile_from_click ?? given.clicks.length);
  let lastBox = session.box;
  const { ious, clicks } = await simulateClicks(
    session,
    target,
    {
      maxClicks: cfg.max_clicks,
      targetIou: cfg.max_iou_thr,
      minClicks: cfg.min_clicks,
      stopPrecision: 'float64',
      emptyIou: Number.NaN,
    },
    step => {
      const changed = cfg.zoom_in_params ? session.box !== null && session.box !== lastBox : null;
      lastBox = session.box;
      if (step.number > comparable) return;
      const expected = given.clicks[step.number - 1];
      checks.push(
        ...checkClick(step, expected, session, model, cfg.pred_thr),
        same(`image changed ${step.number - 1}`, changed, expected.image_changed),
        ...checkLimit(expected, session, cfg),
        ...checkMap(given, source, step.number - 1, session.probability),
      );
    },
  );
  if (comparable === given.clicks.length && !given.reference_bug && !given.error) {
    checks.push(same('number of clicks', clicks.length, given.n_clicks));
    const expected = given.ious_f32.map((value: number | null) => value ?? Number.NaN);
    const pixel = given.clicks.some((click: Json) => click.near_1e6 > 0) ? 1e-3 : 0;
    for (const [i, value] of expected.entries()) {
      checks.push(near(`IoU ${i} in float32`, ious[i], Number.isNaN(value) ? null : value, pixel));
    }
  }
  checks.push(same('clicks at most', clicks.length <= cfg.max_clicks, true));
  return checks;
}

function checkClick(
  { click, number, iou }: SimulatedClick,
  expected: Json,
  session: InteractiveSession,
  model: ScriptedModel,
  threshold: number,
): Check[] {
  const i = number - 1;
  const box = session.box && [session.box.top, session.box.bottom, session.box.left, session.box.right];
  const [batch, , height, width] = model.shape;
  const mask = thresholded(session.probability, threshold);
  const checks = [
    same(`click ${i}`, [click.y, click.x, click.positive], expected.click),
    same(`box ${i}`, box, expected.roi),
    same(`network input ${i}`, [batch, height, width], [expected.net_input[0], ...expected.net_input.slice(2)]),
    same(`network calls ${i}`, model.calls, expected.net_calls),
    same(
      `points ${i}`,
      expected.last_point ? lastPoints(model.points!) : rows(model.points!),
      expected.last_point ?? expected.points,
    ),
    near(`predicted pixels ${i}`, countOf(mask, 1), expected.pred_area, expected.near_1e6),
  ];
  if (expected.near_1e6 > 0) return checks;
  const exact = expected.iou === null ? null : Math.fround(expected.iou);
  return [...checks, near(`IoU ${i}`, iou, exact, 0), same(`prediction ${i}`, sha256(mask.data), expected.pred_sha)];
}

/** What is shrunk to the longest side allowed: the whole crop, or nothing. */
function checkLimit(expected: Json, session: InteractiveSession, cfg: Json): Check[] {
  if (!('limit_roi' in expected)) return [];
  const { height, width } = session.image;
  const zoom = cfg.zoom_in_params ? zoomOf(cfg.zoom_in_params) : null;
  const { sizes } = planCrop([height, width], session.box, zoom, cfg.max_size);
  const shrunk = sizes.length > 1 ? [0, sizes[0][0] - 1, 0, sizes[0][1] - 1] : null;
  return [same('crop that is shrunk', [shrunk, sizes.length > 1], [expected.limit_roi, expected.limit_changed])];
}

/** The mean of the map, the sums over 8x8 cells, and where it is stored the whole map. */
function checkMap(given: Json, source: Source, i: number, map: ProbabilityMap): Check[] {
  const id = String(given.id).padStart(2, '0');
  const grid = source.doubles(`grid_${id}`).subarray(64 * i, 64 * (i + 1));
  const checks = [
    same(`height and width of map ${i}`, [map.height, map.width], [given.h, given.w]),
    near(`mean of map ${i}`, map.data.reduce((a, b) => a + b, 0) / map.data.length, given.clicks[i].mean, 2e-7),
    allNear(`cells of map ${i}`, cellSums(map).map(relative), grid.map(relative), 2e-6),
  ];
  const whole = `prob_${id}_${String(i).padStart(2, '0')}`;
  if (given.full_probs?.includes(i)) checks.push(allNear(`map ${i}`, map.data, source.floats(whole), 1e-6));
  return checks;

  function relative(value: number, cell: number): number {
    return value / Math.max(1, Math.abs(grid[cell]));
  }
}

function zoomOf(params: Json): ZoomIn {
  return zoomIn(params.target_size, {
    skipClicks: params.skip_clicks ?? 1,
    expansion: params.expansion_ratio ?? 1.4,
    minCrop: params.min_crop_size ?? 200,
    recomputeIou: params.recompute_thresh_iou ?? 0.5,
    threshold: params.prob_thresh ?? 0.5,
  });
}

/** [B][2N][3] */
export function rows({ shape: [batch, count], data }: PointTensor): number[][][] {
  return Array.from({ length: batch }, (_, b) =>
    Array.from({ length: count }, (_, i) => [...data.subarray(3 * (b * count + i), 3 * (b * count + i + 1))]),
  );
}

/** The newest point of each batch row. */
function lastPoints(points: PointTensor): number[][] {
  return rows(points).map(row => row.reduce((last, point) => (point[2] > last[2] ? point : last)));
}

function drawnPicture({ h, w }: Json): RgbImage {
  const data = new Uint8Array(3 * h * w);
  for (let i = 0; i < data.length; i++) {
    const [y, x, c] = [Math.floor(i / 3 / w), Math.floor(i / 3) % w, i % 3];
    data[i] = (x * (3 + 2 * c) + y * (5 - c) + 17 * c) % 256;
  }
  return { width: w, height: h, data };
}

function cellSums({ width, height, data }: ProbabilityMap): Float64Array {
  const sums = new Float64Array(64);
  for (let i = 0; i < 8; i++) {
    for (let j = 0; j < 8; j++) {
      for (let y = Math.floor((i * height) / 8); y < Math.floor(((i + 1) * height) / 8); y++) {
        for (let x = Math.floor((j * width) / 8); x < Math.floor(((j + 1) * width) / 8); x++) {
          sums[8 * i + j] += data[y * width + x];
        }
      }
    }
  }
  return sums;
}
