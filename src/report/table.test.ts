import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { markdownTable, resultsTable } from './table.ts';
import type { ResultRow } from './types.ts';

function row(upsampler: string, dataset: string, noc90: number, changes: Partial<ResultRow> = {}): ResultRow {
  const ci: ResultRow['ci'] = { noc80: [1, 2.5], noc85: [2, 3], noc90: [noc90 - 0.5, noc90 + 0.5], iou1: [0.7, 0.8] };
  const values = { noc80: 1.625, noc85: 2.5, noc90, nof90: 3, iou1: 0.754, secondsPerClick: 0.123 };
  return { upsampler, dataset, objects: 50, miou: [0.754], maxClicks: 20, ci, ...values, ...changes };
}

const rows = [row('low-res', 'GrabCut', 8.4), row('LoftUp', 'GrabCut', 4.25), row('LoftUp', 'DAVIS', 10.5)];

describe('resultsTable', () => {
  it('shows values, intervals and the best of each data set', () => {
    const text = resultsTable(rows, { color: false });
    expect(text).toMatch(/^Upsampler {2}Dataset {2}Objects +NoC80 +NoC85 +NoC90 +IoU@1 % {2}NoF90 {2}s\/click\n─+\n/);
    expect(text).toContain(
      'LoftUp     GrabCut       50  1.62  [1.00, 2.50]  2.50  [2.00, 3.00]   4.25*   [3.75, 4.75]',
    );
    expect(text).not.toContain('8.40*');
    expect(text).not.toContain('10.50*');
    expect(text).toContain('at most 20');
  });

  it('ends every column at the same place in every line', () => {
    const wide = [...rows, row('日本語 é', 'Berkeley', 12.34, { objects: 6671, secondsPerClick: 12.5 })];
    for (const color of [true, false]) {
      const lines = stripVTControlCharacters(resultsTable(wide, { color })).split('\n');
      const data = lines.filter(line => /GrabCut|DAVIS|Berkeley/.test(line));
      expect(data).toHaveLength(4);
      // the wide characters take two columns, so the line is three code points shorter
      const ends = data.map(line => [...line.matchAll(/\]/g)].map(m => m.index + (line.includes('日') ? 3 : 0)));
      expect(new Set(ends.map(String)).size).toBe(1);
      expect(ends[0]).toHaveLength(4);
    }
  });

  it('moves intervals below, then leaves them out, as the terminal narrows', () => {
    const wide = resultsTable(rows, { color: false, width: 140 });
    const middle = resultsTable(rows, { color: false, width: 110 });
    const narrow = resultsTable(rows, { color: false, width: 80 });
    const body = (text: string) => text.split('\n').slice(0, -2);
    expect(body(wide)[2]).toContain('[1.00, 2.50]');
    expect(body(middle)[2]).not.toContain('[');
    expect(body(middle)[3].trimStart()).toMatch(/^\[1\.00, 2\.50\]/);
    expect(narrow).not.toContain('[');
    expect(narrow).toContain('need a wider terminal');
    for (const [text, width] of [
      [middle, 110],
      [narrow, 80],
    ] as const) {
      for (const line of body(text)) expect(line.length).toBeLessThanOrEqual(width);
    }
  });

  it('shows the extra columns where a row has them and the terminal is wide enough', () => {
    const interval: [number, number] = [0.8, 0.9];
    const ci = { ...rows[0].ci, miou5: interval, noc95: null };
    const more = [row('a', 'X', 5, { miou5: 0.854, noc95: null, ci }), row('b', 'X', 6)];
    const wide = resultsTable(more, { color: false });
    expect(wide).toContain('IoU@1 %');
    expect(wide).toMatch(/5-mIoU % {2}NoF90/);
    expect(wide).not.toMatch(/NoC95|BIoU/);
    expect(wide.split('\n')[2]).toContain('85.4* [80.0, 90.0]');
    expect(wide.split('\n')[3]).toMatch(/ – {13,} /);
    const narrow = resultsTable(more, { color: false, width: 112 });
    expect(narrow).not.toContain('5-mIoU %  ');
    expect(narrow).toContain('[70.0, 80.0]');
    expect(narrow).toContain('a wider terminal also shows 5-mIoU %');
    expect(markdownTable(more)).toMatch(/\| +5-mIoU % \|/);
  });

  it('prints a dash for a threshold above the IoU at which objects were stopped', () => {
    const ci = { ...rows[0].ci, noc90: null };
    const text = resultsTable([row('a', 'X', 5, { noc90: null, nof90: null, ci })], { color: false });
    const cells = text
      .split('\n')[2]
      .trim()
      .split(/\s{2,}/);
    expect(cells.filter(cell => cell === '–')).toHaveLength(2);
  });

  it('uses escapes only with color and lets names bring none', () => {
    const hostile = [row('\u001b[2J\u0007evil\nname', 'a\tb', 3)];
    for (const control of ['\u001b', '\u0007', '\t']) {
      expect(resultsTable(hostile, { color: false })).not.toContain(control);
    }
    expect(resultsTable(hostile, { color: false })).toContain('evil name');
    expect(resultsTable(rows, { color: true })).toContain('\u001b[1m\u001b[32m4.25');
  });

  it('prints a dash for what is not known and no mark where all tie', () => {
    const ci = { ...rows[0].ci, noc80: [Number.NaN, Number.NaN] as [number, number] };
    const text = resultsTable([row('a', 'X', 5, { noc80: Number.NaN, ci }), row('b', 'X', 5)], { color: false });
    expect(text.split('\n')[2]).toMatch(/^a {10}X {13}50 {5}– {16}2\.50/);
    expect(text).not.toContain('5.00*');
  });

  it('survives an empty list', () => {
    expect(resultsTable([], { color: true })).toContain('Upsampler');
  });
});

describe('markdownTable', () => {
  it('is a GitHub table with the best in bold', () => {
    const lines = markdownTable(rows).trimEnd().split('\n');
    expect(lines).toHaveLength(5);
    expect(lines[1]).toMatch(/^\| -+ \| -+ \| -+: \|/);
    expect(lines[3]).toContain('| **4.25** [3.75, 4.75] |');
    expect(new Set(lines.map(line => line.length)).size).toBe(1);
  });

  it('escapes what would break a row', () => {
    const line = markdownTable([row('a|b <i>*x*', 'y\nz', 3)]).split('\n')[2];
    expect(line).toContain('| a\\|b \\<i\\>\\*x\\* | y z ');
  });
});
