import { describe, expect, it } from 'vitest';
import { type Comparison, comparisonText, type SeedRow, seedText, seedVerdict, verdict } from './comparison.ts';

const side = (upsampler: string, value: number, run = 'runs/a') => ({ run, upsampler, value });
const base: Comparison = {
  dataset: 'GrabCut',
  metric: 'noc90',
  title: 'NoC90',
  better: 'low',
  unit: 'clicks',
  first: side('bilinear', 5.2),
  second: side('jbu', 4.8),
  objects: 50,
  difference: -0.4,
  interval: [-0.71, -0.1],
  p: 0.012,
  adjustedP: 0.024,
  family: 2,
};

describe('verdict', () => {
  it.each([
    [{}, 'jbu is better, unlikely to be chance'],
    [{ better: 'high' as const }, 'jbu is worse, unlikely to be chance'],
    [{ adjustedP: 0.05 }, 'could be chance among 2 comparisons'],
    [{ p: 0.3, adjustedP: 0.6 }, 'could be chance'],
    [{ difference: 0, p: 1, adjustedP: 1 }, 'no difference'],
    [{ second: side('bilinear', 4.8, 'runs/b') }, 'runs/b is better, unlikely to be chance'],
  ])('%o: %s', (changes, expected) => expect(verdict({ ...base, ...changes })).toBe(expected));
});

describe('comparisonText', () => {
  it('aligns a block for each pair and set', () => {
    const iou: Comparison = {
      ...base,
      ...{ metric: 'iou1', title: 'IoU@1', better: 'high', unit: 'fraction' },
      ...{ first: side('bilinear', 0.5), second: side('jbu', 0.50001), difference: 0.00001, interval: [-0.1, 0.1] },
      ...{ p: 0.9, adjustedP: 1 },
    };
    const text = comparisonText([base, iou, { ...base, dataset: 'DAVIS', objects: 1, family: 1 }], ['look out']);
    expect(text.split('\n').slice(0, 7)).toEqual([
      'Note: look out.',
      '',
      'GrabCut (50 objects): bilinear -> jbu in runs/a',
      '  NoC90   5.20  ->   4.80  -0.40    [-0.71, -0.10]  p 0.0120  (Holm 0.0240)  jbu is better, unlikely to be chance',
      '  IoU@1  50.00  ->  50.00   0.00  [-10.00, +10.00]  p 0.9000  (Holm 1.0000)  could be chance',
      '',
      'DAVIS (1 object): bilinear -> jbu in runs/a',
    ]);
    expect(text).toContain('corrected for the 2 comparisons');
    expect(comparisonText([{ ...base, family: 1 }], [])).not.toContain('Holm');
  });

  it('lets names bring no escapes', () => {
    expect(comparisonText([{ ...base, dataset: '\u001b[2J' }], [])).not.toContain('\u001b');
  });
});

describe('seedText', () => {
  const row: SeedRow = {
    ...{ dataset: 'GrabCut', upsampler: 'jbu', metric: 'noc90', title: 'NoC90', better: 'low', unit: 'clicks' },
    ...{ objects: 50, seeds: 3, mean: 4.8, std: 0.125, min: 4.7, max: 4.9, interval: [4.5, 5.2] },
  };

  it('shows mean, deviation, range and interval', () => {
    expect(seedText([row], []).split('\n').slice(0, 2)).toEqual([
      'GrabCut (50 objects, 3 seeds): jbu',
      '  NoC90  4.80  ± 0.12  4.70 to 4.90  [4.50, 5.20]',
    ]);
  });

  it('tells differences from chance by the interval', () => {
    const difference: SeedRow = {
      ...row,
      baseline: 'bilinear',
      mean: -0.3,
      min: -0.4,
      max: 0.1,
      interval: [-0.6, -0.05],
    };
    expect(seedText([difference], [])).toContain(
      'jbu minus bilinear\n  NoC90  -0.30  ± 0.12  -0.40 to +0.10  [-0.60, -0.05]  jbu is better, unlikely to be chance',
    );
    expect(seedVerdict({ ...difference, interval: [-0.6, 0.05] })).toBe('could be chance');
    expect(seedVerdict({ ...difference, interval: [0, 0] })).toBe('no difference');
    expect(seedVerdict(row)).toBe('');
  });
});
