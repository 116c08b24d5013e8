import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { granular, heads, main, multiScale, type PublishedScores } from './published.ts';

const facts = new URL('../../../../shared/facts/published-results.md', import.meta.url);
if (!existsSync(facts))
  console.warn('skipped: ../shared/facts/published-results.md, to compare published numbers with');

/** The lines of a section's table, by their first cell; numbers of each cell. */
function table(section: string): Map<string, number[][]> {
  const text = readFileSync(facts, 'utf8')
    .split('\n## ')
    .find(part => part.includes(section))!;
  const lines = text.split('\n').filter(line => line.startsWith('|') && /\d\.\d/.test(line));
  return new Map(
    lines.map(line => {
      const [name, ...cells] = line
        .split('|')
        .slice(1, -1)
        .map(cell => cell.trim());
      return [name, cells.map(cell => cell.split('/').map(Number))];
    }),
  );
}

const four = (scores: PublishedScores, set: keyof PublishedScores) => {
  const { noc80, noc85, noc90, iou1 } = scores[set]!;
  return [noc80, noc85, noc90, iou1];
};

describe.skipIf(!existsSync(facts))('published numbers', () => {
  it('are those of supplementary table 1', () => {
    const lines = table('Supplementary Table 1');
    const names = {
      simpleFpn: 'SimpleClick FPN',
      bilinear: 'upsampler-based, bilinear',
      loftup: 'upsampler-based, LoftUp (not final)',
    };
    expect(lines.size).toBe(3);
    for (const [key, name] of Object.entries(names)) {
      const own = multiScale[key as keyof typeof names];
      expect(lines.get(name)).toEqual([four(own, 'grabcut'), four(own, 'berkeley'), four(own, 'davis')]);
    }
  });

  it('are those of supplementary tables 2 and 3', () => {
    const check = (section: string, rows: Record<string, PublishedScores>) => {
      const lines = table(section);
      expect([...lines.keys()].sort()).toEqual(Object.keys(rows).sort());
      for (const [name, scores] of Object.entries(rows))
        expect(lines.get(name)?.flat()).toEqual(four(scores, 'grabcut'));
    };
    check('Supplementary Table 2', { Linear: heads.linear, 'Simple Conv': heads.simpleConv, Conv: heads.conv });
    check('Supplementary Table 3', {
      'low-res': granular.none,
      FeatUp: granular.featup,
      'low-res + granularity': granular.noneGranular,
      'FeatUp + granularity': granular.featupGranular,
    });
  });

  it('are those of the main table', () => {
    const lines = table('Main table');
    const names = { none: 'low-res', bilinear: 'bilinear', lift: 'LiFT', featup: 'FeatUp', loftup: 'LoftUp' };
    expect(lines.size).toBe(5);
    const sets = ['grabcut', 'berkeley', 'davis', 'sbd'] as const;
    for (const [key, name] of Object.entries(names)) {
      const own = (['early', 'late'] as const).map(where => sets.map(set => main[where][key][set]?.noc90));
      expect(lines.get(name)).toEqual(own);
    }
  });
});
