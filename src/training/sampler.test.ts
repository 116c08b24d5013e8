import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import type { Mask } from '../base/raster.ts';
import { readSafetensors } from '../weights/safetensors.ts';
import { type LabelMap, mapLabels, packLabels } from './labels.ts';
import {
  borderBand,
  countProbabilities,
  erodeUnlessTiny,
  PAPER_SAMPLER,
  type Selection,
  sampleClicks,
} from './sampler.ts';

const GOLDEN = join(import.meta.dirname, '../../../shared/golden');
const NAME = 'sampler.json';
const found = existsSync(GOLDEN) ? readdirSync(GOLDEN, { recursive: true, encoding: 'utf8' }) : [];
const goldens = found.filter(path => path.endsWith(`/${NAME}`)).map(path => join(GOLDEN, path));
if (goldens.length === 0) console.warn(`skipped: no ${NAME} under ${GOLDEN}`);

interface MaskCase {
  i: number;
  h: number;
  w: number;
  border_area: number;
  eroded_area: number;
}

interface Distribution {
  sample: string;
  draws: number;
  pos_mean: number;
  pos_std: number;
  neg_mean: number;
  neg_std: number;
  neg_region_share: Record<string, number>;
  neg_total: number;
  selected: Record<string, number>;
  merged_pos_mean: number | null;
  single_pos_mean: number;
}

/** The label map of separate objects numbered from 1. */
function fromNumbers(numbers: Uint8Array, [height, width]: number[]): LabelMap {
  const count = numbers.reduce((a, b) => Math.max(a, b), 0);
  const objects = Array.from({ length: count }, (_, object) => ({
    width,
    height,
    data: Int8Array.from(numbers, number => +(number === object + 1)),
  }));
  return packLabels(objects, { width, height });
}

const positives = ({ points }: Selection) => points.filter(point => point.positive);
const negatives = ({ points }: Selection) => points.filter(point => !point.positive);
const bytes = (data: Int8Array) => new Uint8Array(data.buffer);
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe.skipIf(goldens.length === 0)('parity with the paper', () => {
  it.each(goldens)('probabilities and masks: %s', path => {
    const golden = JSON.parse(readFileSync(path, 'utf8'));
    const { tensors } = readSafetensors(path.replace('.json', '.safetensors'));
    for (const [key, expected] of Object.entries(golden.generate_probs as Record<string, number[]>)) {
      const [n, decay] = key.split(',').map(Number);
      const probabilities = countProbabilities(n, decay);
      expect(probabilities).toHaveLength(expected.length);
      probabilities.forEach((p, i) => {
        expect(p).toBeCloseTo(expected[i], 14);
      });
    }
    const cases = golden.masks.cases as MaskCase[];
    expect(cases.length).toBeGreaterThan(0);
    for (const { i, w, h, border_area, eroded_area } of cases) {
      const mask: Mask = { width: w, height: h, data: tensors.get(`mask_${i}`)?.data as Uint8Array };
      const border = borderBand(mask, PAPER_SAMPLER.borderWidth).data;
      const eroded = erodeUnlessTiny(mask, PAPER_SAMPLER).data;
      expect(border, `border ${i}`).toEqual(tensors.get(`border_${i}`)?.data);
      expect(eroded, `eroded ${i}`).toEqual(tensors.get(`eroded_${i}`)?.data);
      expect([border, eroded].map(data => data.filter(value => value === 1).length)).toEqual([
        border_area,
        eroded_area,
      ]);
    }
  });

  // Both sides are random: bounds of 4.5 standard deviations of a difference.
  it.each(goldens)('distribution: %s', path => {
    const { tensors } = readSafetensors(path.replace('.json', '.safetensors'));
    const cases = JSON.parse(readFileSync(path, 'utf8')).distribution.cases as Distribution[];
    for (const given of cases) {
      const tensor = tensors.get(`dist_${given.sample}`)!;
      const labels = fromNumbers(tensor.data as Uint8Array, tensor.shape);
      const candidates = Array.from({ length: labels.objects }, (_, i) => i);
      const draws = 600;
      const all = Array.from({ length: draws }, (_, i) =>
        sampleClicks(labels, candidates, PAPER_SAMPLER, Random.of(1, given.sample, i)),
      );
      const near = (value: number, expected: number, deviation: number, what: string) =>
        expect(Math.abs(value - expected), `${given.sample}: ${what}, ${value}, ${expected}`).toBeLessThanOrEqual(
          4.5 * deviation,
        );
      const ofMean = (std: number, n: number) => std * Math.sqrt(1 / n + 1 / given.draws);
      const ofShare = (p: number, n: number, m: number) => Math.sqrt(p * (1 - p) * (1 / n + 1 / m));
      near(mean(all.map(s => positives(s).length)), given.pos_mean, ofMean(given.pos_std, draws), 'positives');
      near(mean(all.map(s => negatives(s).length)), given.neg_mean, ofMean(given.neg_std, draws), 'negatives');

      const chosen = new Map<string, number>();
      for (const { selected } of all) {
        const key = selected.map(object => object + 1).sort();
        const name = key.length === 1 ? `(${key[0]},)` : `(${key.join(', ')})`;
        chosen.set(name, (chosen.get(name) ?? 0) + 1);
      }
      expect([...chosen.keys()].sort(), given.sample).toEqual(Object.keys(given.selected).sort());
      for (const [name, count] of Object.entries(given.selected)) {
        const p = count / given.draws;
        near(chosen.get(name)! / draws, p, ofShare(p, draws, given.draws), name);
      }
      const merged = all.filter(({ selected }) => selected.length > 1);
      if (given.merged_pos_mean !== null) {
        const theirs = given.draws * (merged.length / draws);
        const deviation = given.pos_std * Math.sqrt(1 / merged.length + 1 / theirs);
        near(mean(merged.map(s => positives(s).length)), given.merged_pos_mean, deviation, 'positives of merged');
      }

      const regions = new Map<string, number>();
      let total = 0;
      const borders = new Map<string, Uint8Array>();
      const objects = mapLabels(labels, values => +values.includes(1));
      for (const selection of all) {
        const own: Mask = { ...labels, data: new Uint8Array(selection.target) };
        const key = String(selection.selected.toSorted());
        const border = borders.get(key) ?? borderBand(own, PAPER_SAMPLER.borderWidth).data;
        borders.set(key, border);
        for (const { row, col } of negatives(selection)) {
          const at = row * labels.width + col;
          const other = objects[at] === 1;
          let region = 'bg';
          if (own.data[at] === 1) region = 'inside_selected';
          else if (border[at] === 1) region = other ? 'border_and_other' : 'border';
          else if (other) region = 'other_only';
          regions.set(region, (regions.get(region) ?? 0) + 1);
          total++;
        }
        const outside = positives(selection).filter(({ row, col }) => own.data[row * labels.width + col] !== 1);
        expect(outside).toEqual([]);
      }
      for (const [region, p] of Object.entries(given.neg_region_share)) {
        near((regions.get(region) ?? 0) / total, p, ofShare(p, total, given.neg_total), region);
      }
    }
  });
});

describe('sampleClicks', () => {
  const size = { width: 40, height: 40 };
  const rectangle = (x0: number, x1: number, fill = 1) => ({
    ...size,
    data: Int8Array.from({ length: 1600 }, (_, i) => (i % 40 >= x0 && i % 40 < x1 ? fill : 0)),
  });
  const runs = (labels: LabelMap, candidates: number[], config = PAPER_SAMPLER) =>
    Array.from({ length: 150 }, (_, i) => sampleClicks(labels, candidates, config, Random.of(i)));

  it('keeps within the places and starts with at least one click on each object', () => {
    const labels = packLabels([rectangle(0, 10), rectangle(20, 30)], size);
    const slow = { ...PAPER_SAMPLER, countDecay: 1, maxPoints: 5 };
    for (const selection of runs(labels, [0, 1], slow)) {
      const on = positives(selection).map(({ col }) => (col < 10 ? 0 : 1));
      expect(positives(selection).length).toBeLessThanOrEqual(5);
      expect(negatives(selection).length).toBeLessThanOrEqual(5);
      expect(new Set(on)).toEqual(new Set(selection.selected));
      expect(selection.points.findIndex(point => !point.positive)).toBeOneOf([-1, on.length]);
      expect(selection.points.filter(point => point.round !== 0)).toEqual([]);
    }
  });

  it('keeps overlapping objects apart', () => {
    const labels = packLabels([rectangle(0, 25), rectangle(15, 40)], size);
    for (const { selected, target } of runs(labels, [0, 1])) {
      const [from, to] = selected.length > 1 ? [0, 40] : selected[0] === 0 ? [0, 25] : [15, 40];
      expect(Buffer.compare(bytes(target), bytes(rectangle(from, to).data))).toBe(0);
    }
  });

  it('keeps ignored pixels in the target and clicks them only if told to', () => {
    const object = rectangle(0, 10);
    for (let i = 0; i < 1600; i++) if (i % 40 >= 10 && i % 40 < 14) object.data[i] = -1;
    const labels = packLabels([object, rectangle(12, 30)], size);
    const clicked = (config: typeof PAPER_SAMPLER) =>
      runs(labels, [0], config).some(selection => {
        expect(Buffer.compare(bytes(selection.target), bytes(object.data))).toBe(0);
        return negatives(selection).some(({ col }) => col >= 10 && col < 14);
      });
    expect(clicked(PAPER_SAMPLER)).toBe(false);
    expect(clicked({ ...PAPER_SAMPLER, clickIgnored: true })).toBe(true);
  });

  it('ignores in a merged target what one object ignores and none covers', () => {
    const labels = packLabels([rectangle(0, 20, -1), rectangle(10, 40)], size);
    const both = { ...PAPER_SAMPLER, mergeProbability: 1 };
    const expected = rectangle(0, 10, -1).data.map((value, i) => (i % 40 >= 10 ? 1 : value));
    expect(sampleClicks(labels, [0, 1], both, Random.of(0)).target).toEqual(expected);
  });

  it('clicks the plain background where there is no object to choose', () => {
    const labels = packLabels([rectangle(0, 3), rectangle(3, 6, -1)], size);
    let count = 0;
    for (const selection of runs(labels, [])) {
      expect([selection.selected, positives(selection)]).toEqual([[], []]);
      expect(Buffer.compare(bytes(selection.target), bytes(rectangle(3, 6, -1).data))).toBe(0);
      expect(selection.points.filter(({ col }) => col < 6)).toEqual([]);
      count += selection.points.length;
    }
    expect(count).toBeGreaterThan(150);
  });

  it('never merges where one object is allowed', () => {
    const labels = packLabels([rectangle(0, 10), rectangle(20, 30)], size);
    const alone = { ...PAPER_SAMPLER, maxMerged: 1, mergeProbability: 1 };
    for (const { selected } of runs(labels, [0, 1], alone)) expect(selected).toHaveLength(1);
  });
});
