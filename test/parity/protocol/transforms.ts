import type { ProbabilityMap } from '../../../src/base/raster.ts';
import {
  cropClick,
  cropProbability,
  cropSize,
  mirrorClick,
  pasteProbability,
  planCrop,
} from '../../../src/interaction/crop.ts';
import { pointTensor } from '../../../src/interaction/points.ts';
import { toProbability } from '../../../src/interaction/session.ts';
import {
  cutTiles,
  mergeTiles,
  planTiles,
  tileClick,
  tileCorners,
  tileOffsets,
} from '../../../src/interaction/tiles.ts';
import {
  type Box,
  boxIou,
  clampBox,
  expandBox,
  fitSize,
  holdsPositives,
  objectBox,
  wholeBox,
  zoomIn,
} from '../../../src/interaction/zoom.ts';
import { allNear, near, same } from '../case.ts';
import { checkClickMaps } from '../click-maps.ts';
import { toClicks } from './clicker.ts';
import { type ProtocolKind, sectionKind } from './kind.ts';
import { rows } from './sessions.ts';
import type { Json } from './source.ts';

/** Some roundings of a number below 1 to float32. */
const ROUNDED = 5e-7;

const toBox = ([top, bottom, left, right]: [number, number, number, number]): Box => ({ top, bottom, left, right });

function mapOf(width: number, height: number, value: (y: number, x: number) => number): ProbabilityMap {
  const data = Float32Array.from({ length: width * height }, (_, i) => value(Math.floor(i / width), i % width));
  return { width, height, data };
}

/** A channel of the picture that the reference's cases are made of (`image_formula`). */
const picture = (width: number, height: number, channel: number, batch = 0): ProbabilityMap =>
  mapOf(width, height, (y, x) => ((17 * batch + 5 * channel + 3 * y + 7 * x + ((y * x) % 11)) % 64) / 64);

/** Channels of it, [batch * channels, H, W]. */
function pictures(batch: number, channels: number, height: number, width: number): Float32Array {
  const area = height * width;
  const out = new Float32Array(batch * channels * area);
  for (let i = 0; i < batch * channels; i++) {
    out.set(picture(width, height, i % channels, Math.floor(i / channels)).data, i * area);
  }
  return out;
}

/** Zoom-in, flip, limits and tiles, step by step. */
export const transforms: readonly ProtocolKind[] = [
  sectionKind('expand_clamp', ({ cases }) =>
    cases.flatMap(({ bbox, ratio, min_crop, h, w, expanded, clamped }: Json, i: number) => {
      const grown = expandBox(toBox(bbox), ratio, min_crop ?? 0);
      return [
        same(`box ${i} grown`, grown, toBox(expanded)),
        same(`box ${i} clamped`, clampBox(grown, h, w), toBox(clamped)),
      ];
    }),
  ),
  sectionKind('bbox_iou', ({ cases }) =>
    cases.map(({ a, b, iou }: Json, i: number) => near(`IoU ${i}`, boxIou(toBox(a), toBox(b)), iou, 1e-15)),
  ),
  sectionKind('object_roi', ({ cases }) =>
    cases.map(({ h, w, pixels, rect, clicks, ratio, min_crop, roi }: Json, i: number) => {
      const [top, bottom, left, right] = rect ?? [0, -1, 0, -1];
      const map = mapOf(w, h, (y, x) => Number(y >= top && y <= bottom && x >= left && x <= right));
      for (const [y, x] of pixels) map.data[y * w + x] = 1;
      const found = objectBox(toClicks(clicks), map, { threshold: 0.5, expansion: ratio, minCrop: min_crop ?? 0 });
      return same(`box ${i}`, found, toBox(roi));
    }),
  ),
  sectionKind('check_object_roi', ({ cases }) =>
    cases.map(({ roi, clicks, ok }: Json, i: number) =>
      same(`box ${i} holds its clicks`, holdsPositives(toBox(roi), toClicks(clicks)), ok),
    ),
  ),
  // the reference lets a side of a very long box shrink to 0; one pixel is the least that can be shown
  sectionKind('roi_size_int_target', ({ rows: sizes }) =>
    sizes.map(([height, width, target, newHeight, newWidth]: number[], i: number) =>
      same(`size ${i}`, fitSize([height, width], target), [Math.max(1, newHeight), Math.max(1, newWidth)]),
    ),
  ),
  sectionKind('roi_images', ({ cases }, source) =>
    cases.flatMap(({ h, w, c, roi, target, out, key }: Json) => {
      const crop = planCrop([h, w], toBox(roi), zoomIn(target), Infinity);
      const [height, width] = cropSize(crop);
      const found = new Float32Array(c * height * width);
      for (let channel = 0; channel < c; channel++) {
        cropProbability(picture(w, h, channel), crop, found, channel * height * width, false);
      }
      return [same(`size of ${key}`, [1, c, height, width], out), allNear(key, found, source.floats(key), ROUNDED)];
    }),
  ),
  sectionKind('transform_clicks', ({ cases }) =>
    cases.flatMap(({ roi, size, click, out, flipped_col }: Json, i: number) => {
      const placed = cropClick({ y: click[0], x: click[1], positive: true }, { box: toBox(roi), sizes: [size] });
      return [
        same(`click ${i}`, [placed.y, placed.x], out),
        near(`mirrored column ${i}`, mirrorClick(placed, size[1]).x, flipped_col, 0),
      ];
    }),
  ),
  sectionKind('zoom_inv', ({ cases }, source) =>
    cases.flatMap(({ h, w, roi, key, out }: Json) => {
      const { shape } = source.tensor('zoom_inv_input');
      const crop = { box: toBox(roi), sizes: [[shape[2], shape[3]]] as const };
      const found = pasteProbability(source.floats('zoom_inv_input'), crop, [h, w]);
      return [
        same(`size of ${key}`, [1, 1, found.height, found.width], out),
        allNear(key, found.data, source.floats(key), ROUNDED),
      ];
    }),
  ),
  sectionKind('flip', ({ clicks: [given, mirrored] }, source) => {
    const [, channels, height, width] = source.tensor('flip_image').shape;
    const whole = { box: wholeBox(height, width), sizes: [[height, width]] as const };
    const found = new Float32Array(2 * channels * height * width);
    for (let i = 0; i < 2 * channels; i++) {
      cropProbability(picture(width, height, i % channels), whole, found, i * height * width, i >= channels);
    }
    const [, , h, w] = source.tensor('flip_inv_input').shape;
    const probability = toProbability(source.floats('flip_inv_input'), true, h, w);
    const logits = source.floats('flip_inv_output');
    return [
      allNear('picture and mirror image', found, source.floats('flip_image'), 0),
      same(
        'mirrored clicks',
        toClicks(given).map(click => mirrorClick(click, width)),
        toClicks(mirrored),
      ),
      allNear('mean of logits', probability, toProbability(logits, false, h, w), ROUNDED),
      allNear('probability', probability, source.floats('flip_inv_sigmoid'), ROUNDED),
    ];
  }),
  sectionKind('limit_longest', ({ cases }) =>
    cases.flatMap(({ h, w, max_size, out, roi, changed, click_in, click_out }: Json, i: number) => {
      const crop = planCrop([h, w], null, null, max_size);
      const placed = cropClick({ y: click_in[0], x: click_in[1], positive: true }, crop);
      return [
        same(`size ${i}`, cropSize(crop), out),
        same(`picture ${i} changed`, crop.sizes.length > 1, changed),
        same(`box ${i}`, changed ? crop.box : null, roi && toBox(roi)),
        allNear(`click ${i}`, [placed.y, placed.x], click_out, 1e-12),
      ];
    }),
  ),
  sectionKind('crops_offsets', ({ cases }) =>
    cases.map(({ length, crop, min_overlap, offsets }: Json) =>
      same(`offsets of ${crop} in ${length}`, tileOffsets(length, crop, min_overlap), offsets),
    ),
  ),
  sectionKind('crops', ({ cases }, source) =>
    cases.flatMap(({ h, w, crop, n, shape, crop_sums, y_offsets, x_offsets, clicks, inv_key }: Json, i: number) => {
      const tiles = planTiles([h, w], crop);
      const corners = tileCorners(tiles);
      const cut = cutTiles(pictures(1, shape[1], h, w), tiles);
      const length = cut.length / corners.length;
      const sums = corners.map((_, t) => cut.subarray(t * length, (t + 1) * length).reduce((a, b) => a + b, 0));
      const placed = corners.map(corner => toClicks(clicks[0]).map(click => tileClick(click, corner)));
      return [
        same(`tiles ${i}`, [corners.length, [corners.length, shape[1], ...tiles.size]], [n, shape]),
        same(`offsets ${i}`, [tiles.tops, tiles.lefts], [y_offsets ?? [0], x_offsets ?? [0]]),
        allNear(`sums ${i}`, sums, crop_sums, 1e-6),
        same(`clicks ${i}`, placed, clicks.map(toClicks)),
        allNear(inv_key, mergeTiles(pictures(n, 1, shape[2], shape[3]), tiles), source.floats(inv_key), ROUNDED),
      ];
    }),
  ),
  sectionKind('points_nd', ({ cases }) =>
    cases.map(({ limit, clicks, points }: Json, i: number) =>
      same(`points ${i}`, rows(pointTensor([toClicks(clicks)], limit ?? Infinity)), points),
    ),
  ),
  sectionKind('dist_maps', ({ cases }, source) =>
    cases.flatMap(({ h, w, key, points, use_disks, norm_radius }: Json) => {
      const expected = source.tensor(key) as { shape: readonly number[]; data: ArrayLike<number> };
      const given = source.tensor(points) as { shape: readonly number[]; data: ArrayLike<number | bigint> };
      const options = { form: use_disks ? 'disk' : 'tanh', radius: norm_radius } as const;
      return [same(`size of ${key}`, expected.shape.slice(2), [h, w]), checkClickMaps(key, given, expected, options)];
    }),
  ),
];
