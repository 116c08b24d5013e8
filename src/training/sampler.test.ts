import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import { type LabelMap, packLabels } from './labels.ts';
import {
  borderBand,
  countProbabilities,
  erodeUnlessTiny,
  PAPER_SAMPLER,
  type Selection,
  sampleClicks,
} from './sampler.ts';

const positives = ({ points }: Selection) => points.filter(point => point.positive);
const negatives = ({ points }: Selection) => points.filter(point => !point.positive);
const bytes = (data: Int8Array) => new Uint8Array(data.buffer);
describe('masks for clicks', () => {
  const rows = (...lines: string[]) => ({
    width: lines[0].length,
    height: lines.length,
    data: Uint8Array.from(lines.join(''), c => +(c === '#')),
  });
  const full = '##########';

  it('erode away from the frame, unless too little remains', () => {
    const block = rows(...Array.from({ length: 10 }, () => '#########.'));
    const eroded = erodeUnlessTiny(block, { erosion: 3, minEroded: 10 });
    expect(eroded.data.filter(value => value === 1)).toHaveLength(60);
    const thin = rows(full, full, '..........', '..........', '..........');
    expect(erodeUnlessTiny(thin, { erosion: 3, minEroded: 10 })).toBe(thin);
  });

  it('have a band around them, wider for larger objects', () => {
    const dot = rows('.....', '.....', '..#..', '.....', '.....');
    expect([...borderBand(dot, 0.1).data].join('')).toBe('0000001110010100111000000');
    expect(borderBand(dot, 1.1).data.filter(value => value === 1)).toHaveLength(24);
  });

  it('are clicked with falling probability', () => {
    expect(countProbabilities(3, 0.5)).toEqual([4 / 7, 2 / 7, 1 / 7]);
    expect(countProbabilities(1, 0.8)).toEqual([1]);
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

  it('starts in the middle of each object where told to', () => {
    const labels = packLabels([rectangle(0, 11), rectangle(20, 31)], size);
    const centred = { ...PAPER_SAMPLER, erodeProbability: 0, firstClick: { inner: 1.1, anywhere: 0 } };
    for (const { selected, points } of runs(labels, [0, 1], centred)) {
      const columns = points.slice(0, selected.length).map(({ col }) => col);
      expect(columns.toSorted((a, b) => a - b)).toEqual(selected.toSorted().map(object => 5 + 20 * object));
    }
  });

  it('never merges where one object is allowed', () => {
    const labels = packLabels([rectangle(0, 10), rectangle(20, 30)], size);
    const alone = { ...PAPER_SAMPLER, maxMerged: 1, mergeProbability: 1 };
    for (const { selected } of runs(labels, [0, 1], alone)) expect(selected).toHaveLength(1);
  });
});
