import { Random } from '../../../src/base/random.ts';
import type { Mask } from '../../../src/base/raster.ts';
import { depthProbabilities, depths, innerPixels } from '../../../src/training/first-click.ts';
import { type LabelMap, mapLabels, packLabels } from '../../../src/training/labels.ts';
import {
  borderBand,
  countProbabilities,
  erodeUnlessTiny,
  PAPER_SAMPLER,
  type SamplerConfig,
  type Selection,
  sampleClicks,
} from '../../../src/training/sampler.ts';
import { allNear, type Check, near, same } from '../case.ts';
import { type ProtocolKind, sectionKind } from './kind.ts';
import { countOf, maximum } from './masks.ts';
import type { Json, Source } from './source.ts';

/** How training draws objects and their first clicks. */
export const sampler: readonly ProtocolKind[] = [
  sectionKind('generate_probs', (lists: Record<string, number[]>) =>
    Object.entries(lists).map(([key, expected]) => {
      const [n, decay] = key.split(',').map(Number);
      return allNear(`${n} probabilities, ${decay}`, countProbabilities(n, decay), expected, 1e-14);
    }),
  ),
  sectionKind('expected_counts', ({ pos, neg }) => {
    const { maxPoints, countDecay } = PAPER_SAMPLER;
    const expectation = (n: number, first: number) =>
      countProbabilities(n, countDecay).reduce((sum, p, i) => sum + (first + i) * p, 0);
    return [
      near('positive clicks', expectation(maxPoints, 1), pos, 1e-12),
      near('negative clicks', expectation(maxPoints + 1, 0), neg, 1e-12),
    ];
  }),
  {
    sections: json =>
      Array.isArray(json.masks?.cases) && 'border_area' in (json.masks.cases[0] ?? {}) ? ['masks'] : [],
    cases: source =>
      source.json.masks.cases.map((given: Json) => ({
        name: `${source.stem}/mask_${given.i}`,
        run: () => checkMask(given, source),
      })),
  },
  {
    sections: json => (Array.isArray(json.distribution?.cases) ? ['distribution'] : []),
    cases: source =>
      source.json.distribution.cases.map((given: Json) => ({
        name: `${source.stem}/distribution_${given.sample}`,
        run: () => checkDistribution(given, source, samplerOf(source.json.distribution.about)),
      })),
  },
];

function checkMask(given: Json, source: Source): Check[] {
  const { i, h, w } = given;
  const mask: Mask = { width: w, height: h, data: source.bytes(`mask_${i}`) };
  const border = borderBand(mask, PAPER_SAMPLER.borderWidth);
  const eroded = erodeUnlessTiny(mask, PAPER_SAMPLER);
  const area = countOf(mask, 1);
  const deep = depths(mask);
  const checks = [
    same('size', mask.data.length, h * w),
    same('area', area, given.area),
    same('width of the band', Math.ceil(PAPER_SAMPLER.borderWidth * Math.sqrt(area)), given.expand_r),
    same('band', border.data, source.bytes(`border_${i}`)),
    same('area of the band', countOf(border, 1), given.border_area),
    same('eroded', eroded.data, source.bytes(`eroded_${i}`)),
    same('area eroded', countOf(eroded, 1), given.eroded_area),
    same('original kept', area === countOf(eroded, 1), given.erosion_kept_original),
    same('greatest depth', maximum(deep), given.dt_max),
  ];
  if (source.has(`dt_${i}`)) checks.push(same('depths', deep, source.floats(`dt_${i}`)));
  const prob = `k0_prob_${i}`;
  if (source.has(prob))
    checks.push(allNear('probabilities by depth', depthProbabilities(mask), source.floats(prob), 1e-7));
  for (const key of source.keys()) {
    const name = /^cand_(\d+)_(\d+)_(\d+)$/.exec(key);
    if (Number(name?.[3] ?? -1) !== i) continue;
    const candidates = new Uint8Array(h * w);
    for (const pixel of innerPixels(mask, Number(`${name![1]}.${name![2]}`))) candidates[pixel] = 1;
    checks.push(
      same(key, candidates, source.bytes(key)),
      same(`number of ${key}`, countOf({ ...mask, data: candidates }, 1), given.n_candidates),
    );
  }
  return checks;
}

/** How often we draw. Both sides are random: bounds are 4.5 standard deviations of a difference. */
const DRAWS = 600;
const DEVIATIONS = 4.5;

/** The paper's sampler with the settings that a text names, as in "MultiPointSampler(24, prob_gamma=0.8, ..". */
function samplerOf(about: unknown): SamplerConfig {
  const named = (pattern: RegExp, otherwise: number) => Number(pattern.exec(String(about))?.[1] ?? otherwise);
  return {
    ...PAPER_SAMPLER,
    maxPoints: named(/MultiPointSampler\((\d+)/, PAPER_SAMPLER.maxPoints),
    countDecay: named(/prob_gamma=([\d.]+)/, PAPER_SAMPLER.countDecay),
    mergeProbability: named(/merge_objects_prob=([\d.]+)/, PAPER_SAMPLER.mergeProbability),
    maxMerged: named(/max_num_merged_objects=(\d+)/, PAPER_SAMPLER.maxMerged),
  };
}

function checkDistribution(given: Json, source: Source, config: SamplerConfig): Check[] {
  const { sample, draws } = given;
  const tensor = source.tensor(`dist_${sample}`);
  const labels = fromNumbers(tensor.data as Uint8Array, tensor.shape);
  const candidates = Array.from({ length: labels.objects }, (_, i) => i);
  const all = Array.from({ length: DRAWS }, (_, i) =>
    sampleClicks(labels, candidates, config, Random.of(1, sample, i)),
  );
  const counts = (positive: boolean) => all.map(({ points }) => points.filter(p => p.positive === positive).length);
  const means = (what: string, values: number[], expected: number | null, std: number, theirs: number) =>
    expected === null || values.length === 0
      ? same(what, values.length, expected === null ? 0 : theirs)
      : near(what, average(values), expected, DEVIATIONS * std * Math.sqrt(1 / values.length + 1 / theirs) + 1e-12);
  const share = (what: string, found: number, p: number, n: number, m: number) =>
    near(what, found, p, DEVIATIONS * Math.sqrt(p * (1 - p) * (1 / n + 1 / m)));

  const merged = all.map(({ selected }) => selected.length > 1);
  const positive = counts(true);
  const ofMerged = draws * given.merged_share;
  const chosen = tally(all.map(({ selected }) => tuple(selected.map(object => object + 1).sort((a, b) => a - b))));
  const regions = regionShares(labels, all);
  return [
    ...ownFacts(given),
    means('positive clicks', positive, given.pos_mean, given.pos_std, draws),
    means('negative clicks', counts(false), given.neg_mean, given.neg_std, draws),
    means(
      'positive clicks of merged',
      positive.filter((_, i) => merged[i]),
      given.merged_pos_mean,
      given.pos_std,
      ofMerged,
    ),
    means(
      'positive clicks of single',
      positive.filter((_, i) => !merged[i]),
      given.single_pos_mean,
      given.pos_std,
      draws - ofMerged,
    ),
    histogram('positive clicks', positive, given.pos_hist),
    histogram('negative clicks', counts(false), given.neg_hist),
    same('selections that occur', [...chosen.keys()].sort(), Object.keys(given.selected).sort()),
    ...Object.entries(given.selected as Record<string, number>).map(([name, count]) =>
      share(`selection ${name}`, (chosen.get(name) ?? 0) / DRAWS, count / draws, DRAWS, draws),
    ),
    share('merged', merged.filter(Boolean).length / DRAWS, given.merged_share, DRAWS, draws),
    ...Object.entries(given.neg_region_share as Record<string, number>).map(([region, p]) =>
      share(
        `negative clicks, ${region}`,
        (regions.get(region) ?? 0) / regions.total,
        p,
        regions.total,
        given.neg_total,
      ),
    ),
    same('positive clicks outside the object', outside(labels, all), 0),
  ];
}

/** What the reference says of its own draws agrees with itself. */
function ownFacts(given: Json): Check[] {
  const { draws, pos_hist, neg_hist, selected } = given;
  const moments = (histogram: number[]) => {
    const middle = histogram.reduce((sum, n, i) => sum + n * i, 0) / draws;
    return [middle, Math.sqrt(histogram.reduce((sum, n, i) => sum + n * (i - middle) ** 2, 0) / draws)];
  };
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
  const mergedCount = sum(
    Object.entries(selected as Record<string, number>).map(([k, n]) => (/\d, \d/.test(k) ? n : 0)),
  );
  const blend = given.merged_share * (given.merged_pos_mean ?? 0) + (1 - given.merged_share) * given.single_pos_mean;
  return [
    allNear('positive clicks: mean, deviation and histogram', moments(pos_hist), [given.pos_mean, given.pos_std], 1e-9),
    allNear('negative clicks: mean, deviation and histogram', moments(neg_hist), [given.neg_mean, given.neg_std], 1e-9),
    allNear('draws', [sum(pos_hist), sum(neg_hist), sum(Object.values(selected))], [draws, draws, draws], 0),
    same('merged ones have a mean', given.merged_pos_mean !== null, mergedCount > 0),
    near('share of merged', mergedCount / draws, given.merged_share, 1e-12),
    near('mean of merged and single', blend, given.pos_mean, 1e-9),
    near('number of negative clicks', sum(neg_hist.map((n: number, i: number) => n * i)), given.neg_total, 0),
    near('shares of regions', sum(Object.values(given.neg_region_share)), 1, 1e-9),
  ];
}

/** The greatest distance of two distributions; the bound is Kolmogorov's and Smirnov's for 1 in 20,000. */
function histogram(what: string, found: readonly number[], expected: readonly number[]): Check {
  const total = expected.reduce((a, b) => a + b, 0);
  let [ours, theirs, largest] = [0, 0, 0];
  for (const [value, count] of expected.entries()) {
    ours += found.filter(each => each === value).length / found.length;
    theirs += count / total;
    largest = Math.max(largest, Math.abs(ours - theirs));
  }
  return near(`distribution of ${what}`, largest, 0, 2.3 * Math.sqrt(1 / found.length + 1 / total));
}

/** Where negative clicks land. */
function regionShares(labels: LabelMap, all: readonly Selection[]): Map<string, number> & { total: number } {
  const borders = new Map<string, Uint8Array>();
  const objects = mapLabels(labels, values => Number(values.includes(1)));
  const regions = all.flatMap(({ selected, target, points }) => {
    const own: Mask = { ...labels, data: new Uint8Array(target) };
    const key = String(selected.toSorted());
    const border = borders.get(key) ?? borderBand(own, PAPER_SAMPLER.borderWidth).data;
    borders.set(key, border);
    return points.flatMap(({ row, col, positive }) => {
      if (positive) return [];
      const at = row * labels.width + col;
      if (own.data[at] === 1) return ['inside_selected'];
      if (border[at] === 1) return [objects[at] === 1 ? 'border_and_other' : 'border'];
      return [objects[at] === 1 ? 'other_only' : 'bg'];
    });
  });
  return Object.assign(tally(regions), { total: regions.length });
}

const outside = (labels: LabelMap, all: readonly Selection[]): number =>
  all.reduce(
    (sum, { target, points }) =>
      sum + points.filter(({ row, col, positive }) => positive && target[row * labels.width + col] !== 1).length,
    0,
  );

/** The label map of separate objects numbered from 1. */
function fromNumbers(numbers: Uint8Array, [height, width]: readonly number[]): LabelMap {
  const objects = Array.from({ length: maximum(numbers) }, (_, object) => ({
    width,
    height,
    data: Int8Array.from(numbers, number => Number(number === object + 1)),
  }));
  return packLabels(objects, { width, height });
}

/** As Python prints a tuple. */
const tuple = (values: number[]) => (values.length === 1 ? `(${values[0]},)` : `(${values.join(', ')})`);

function tally(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

const average = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
