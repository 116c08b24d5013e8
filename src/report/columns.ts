import { fixed } from './format.ts';
import type { ResultRow } from './types.ts';

type IntervalKey = 'noc80' | 'noc85' | 'noc90' | 'noc95' | 'iou1' | 'miou5' | 'biou1' | 'biou5';
type MetricKey = IntervalKey | 'nof90' | 'secondsPerClick';

/** One measured column of the results table, the same in the terminal, Markdown and HTML. */
export interface MetricColumn {
  key: MetricKey;
  title: string;
  meaning: string;
  better: 'low' | 'high';
  format: (value: number) => string;
  /** The 95 % interval, where the column has one. */
  interval?: (row: ResultRow) => [number, number] | null | undefined;
  /** Shown only where a row has a value, and given up first where a terminal is narrow. */
  extra?: boolean;
}

const percent = (value: number) => fixed(value * 100, 1);
const clicks = (value: number) => fixed(value, 2);

const metricColumns: readonly MetricColumn[] = [
  noc('noc80', 80),
  noc('noc85', 85),
  noc('noc90', 90),
  { ...noc('noc95', 95), extra: true },
  fraction('iou1', 'IoU@1 %', 'mean IoU after the first click, in percent'),
  { ...fraction('miou5', '5-mIoU %', 'mean IoU after the fifth click, in percent'), extra: true },
  { ...fraction('biou1', 'BIoU@1 %', 'mean boundary IoU after the first click, in percent'), extra: true },
  { ...fraction('biou5', '5-mBIoU %', 'mean boundary IoU after the fifth click, in percent'), extra: true },
  {
    key: 'nof90',
    title: 'NoF90',
    meaning: 'objects that never reach an IoU of 90 %',
    better: 'low',
    format: value => fixed(value, 0),
  },
  {
    key: 'secondsPerClick',
    title: 's/click',
    meaning: 'seconds per click',
    better: 'low',
    format: value => fixed(value, 3),
  },
];

function noc(key: IntervalKey, threshold: number): MetricColumn {
  const meaning = `mean number of clicks to an IoU of ${threshold} %`;
  return { key, title: `NoC${threshold}`, meaning, better: 'low', format: clicks, interval: row => row.ci[key] };
}

function fraction(key: IntervalKey, title: string, meaning: string): MetricColumn {
  return { key, title, meaning, better: 'high', format: percent, interval: row => row.ci[key] };
}

/** The columns of a table with these rows: the extra ones as far as any row has a value. */
export function columnsFor(rows: readonly ResultRow[]): readonly MetricColumn[] {
  return metricColumns.filter(column => !column.extra || rows.some(row => Number.isFinite(cellValue(column, row))));
}

/** A row's number in a column; NaN where it is not known, which prints as a dash. */
export const cellValue = (column: MetricColumn, row: ResultRow): number => row[column.key] ?? Number.NaN;

/** Low and high end as printed, or undefined where the column or the row has no interval. */
export function intervalText(column: MetricColumn, row: ResultRow): [string, string] | undefined {
  const interval = column.interval?.(row);
  if (!interval?.every(Number.isFinite)) return undefined;
  return [column.format(interval[0]), column.format(interval[1])];
}

/** Rows by data set, both in order of first appearance. */
export function groupByDataset<T extends { dataset: string }>(items: readonly T[]): [string, T[]][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(item.dataset);
    if (group) group.push(item);
    else groups.set(item.dataset, [item]);
  }
  return [...groups];
}

/**
 * The rows of one data set that print the best value of a column: all that tie as printed, and none where
 * all rows tie, because then there is nothing to point out.
 */
export function bestRows(rows: readonly ResultRow[], column: MetricColumn): Set<ResultRow> {
  const finite = rows.filter(row => Number.isFinite(cellValue(column, row)));
  const values = finite.map(row => cellValue(column, row));
  const best = column.format(column.better === 'low' ? Math.min(...values) : Math.max(...values));
  const winners = finite.filter(row => column.format(cellValue(column, row)) === best);
  return new Set(winners.length < rows.length ? winners : []);
}
