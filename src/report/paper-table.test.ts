import { expect, it } from 'vitest';
import { duration, type PaperRow, paperMiou, paperTable, paperTarget } from './paper-table.ts';

const row: PaperRow = {
  upsampler: 'Bilinear',
  label: 'NoBRS',
  dataset: 'DAVIS',
  noc: [4.125, 5.375, 6.625],
  atMax: [0, 5, 77],
  maxClicks: 20,
  iou1: 0.125,
  secondsPerClick: 0.0625,
  elapsedSeconds: 86400,
};

it('prints a row in the layout of the original', () => {
  const { header, row: line } = paperTable(row, { model: 'm' });
  expect(header.split('\n')[0]).toBe('Eval results for model: m');
  expect(header).toContain('|   Upsampler Type   |  BRS Type   |  Dataset  | NoC@80% |');
  expect(line).toBe(
    '|      Bilinear      |    NoBRS    |   DAVIS   |  4.12   |  5.38   |  6.62   |  0.12   |    5    |   77    | 0.062 |1 day, 0:00:00|',
  );
});

it('marks what is not known, and widens a cell for a long name', () => {
  const { header, row: line } = paperTable({ ...row, label: 'a'.repeat(15), noc: [1], atMax: [3], maxClicks: 100 });
  expect(header).toMatch(/^-+\n\|.*\|>=100@85%\|>=100@90%\|.*\|\n-+$/);
  expect(line).toContain(`|${'a'.repeat(15)}|   DAVIS   |  1.00   |    ?    |    ?    |  0.12   |    ?    |    ?    |`);
});

it('adds the target beyond 90 %, and mean IoUs', () => {
  expect(paperTarget(row, 0.9)).toBe('');
  const further = { ...row, noc: [...row.noc, 13.5], atMax: [...row.atMax, 3] };
  expect(paperTarget(further, 0.95)).toBe(' NoC@95.0% = 13.50; >=20@95.0% = 3');
  expect(paperMiou([0.6293, Number.NaN])).toBe('mIoU@1=62.93%; mIoU@2=nan%;');
});

it('prints durations as Python does', () => {
  expect([0.2, 61.7, 3599.999, 90061.7, 200000].map(duration)).toEqual([
    '0:00:00',
    '0:01:01',
    '0:59:59',
    '1 day, 1:01:01',
    '2 days, 7:33:20',
  ]);
});
