import { Random } from '../../../src/base/random.ts';
import { chamferDistance } from '../../../src/training/chamfer.ts';
import { clickCandidates, nextPoints, PAPER_NEXT_POINTS } from '../../../src/training/next-points.ts';
import type { Point } from '../../../src/training/points.ts';
import { type Check, same } from '../case.ts';
import type { ProtocolKind } from './kind.ts';
import { maximum } from './masks.ts';
import type { Json, Source } from './source.ts';

/** The corrective clicks of training. */
export const correctiveClicks: ProtocolKind = {
  sections: json => (Array.isArray(json.next_points?.cases) ? ['next_points'] : []),
  cases: source =>
    source.json.next_points.cases.map((given: Json) => ({
      name: `${source.stem}/${given.i}`,
      run: () => checkCase(given, source),
    })),
};

const config = { ...PAPER_NEXT_POINTS, clickIgnored: true };

function checkCase(given: Json, source: Source): Check[] {
  const { i, h, w, click_indx } = given;
  const size = { width: w, height: h };
  const prediction = { ...size, data: source.floats(`pred_${i}`) };
  const target = { ...size, data: source.floats(`gt_${i}`) };
  const { positive, pixels } = clickCandidates(prediction, target, config);
  const admissible = new Uint8Array(h * w);
  for (const pixel of pixels) admissible[pixel] = 1;
  const checks = [
    same('sign', positive, given.is_positive),
    same('number of candidates', pixels.length, given.n_admissible),
    same('candidates', admissible, source.bytes(`admissible_${i}`)),
  ];

  const limit = Math.fround(config.threshold);
  const isObject = (at: number) => target.data[at] > 0.5;
  const errors = {
    fn: prediction.data.map((p, at) => Number(isObject(at) && p < limit)),
    fp: prediction.data.map((p, at) => Number(!isObject(at) && p > limit)),
  };
  for (const kind of ['fn', 'fp'] as const) {
    const distances = chamferDistance({ ...size, data: Uint8Array.from(errors[kind]) });
    checks.push(same(`greatest distance, ${kind}`, maximum(distances), given[`${kind}_max`]));
    const key = `${kind}_dt_${i}`;
    if (source.has(key)) checks.push(same(key, distances, source.floats(key)));
  }

  // all places taken, so that the one that is given up shows
  const full: Point[] = Array.from({ length: 2 * config.maxPoints }, (_, col) => {
    return { row: -1, col, positive: col < config.maxPoints, round: 0 };
  });
  const points = nextPoints(full, prediction, target, click_indx, config, Random.of(i));
  const changed = points.flatMap((point, place) => (point === full[place] ? [] : [{ place, ...point }]));
  checks.push(
    same('places of points', [1, 2 * config.maxPoints, 3], [...source.tensor(`points_${i}`).shape]),
    same(
      'place of the click',
      changed.map(({ place }) => place),
      given.slot === null ? [] : [given.slot],
    ),
    same(
      'the click is a candidate',
      changed.every(({ row, col }) => admissible[row * w + col] === 1),
      true,
    ),
    same(
      'round of the click',
      changed.map(({ round }) => round),
      given.slot === null ? [] : [given.index_value],
    ),
  );
  return checks;
}
