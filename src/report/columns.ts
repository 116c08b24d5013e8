import { fixed } from './format.ts';
import type { ResultRow } from './types.ts';

type MetricKey = 'noc80' | 'noc85' | 'noc90' | 'iou1' | 'nof90' | 'secondsPerClick';

/** One measured column of the results table, the same in the terminal, Markdown and HTML. */
export interface MetricColumn {
  key: MetricKey;
  title: string;
  meaning: string;
  better: 'low' | 'high';
  format: (value: number) => string;
  /** The 95 % interval, where the column has one. */
  interval?: (row: ResultRow) => [number, number];
}

const percent = (value: number) => fixed(value * 100, 1);
const clicks = (value: number) => fixed(value, 2);

export const metricColumns: readonly MetricColumn[] = [
  noc('noc80', 80),
  noc('noc85', 85),
  noc('noc90', 90),
  {
    key: 'iou1',
    title: 'IoU@1 %',
    meaning: 'mean IoU after the first click, in percent',
    better: 'high',
    format: percent,
    interval: row => row.ci.iou1,
  },
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

function noc(key: 'noc80' | 'noc85' | 'noc90', threshold: number): MetricColumn {
  return {
    key,
    title: `NoC${threshold}`,
    meaning: `mean number of clicks to an IoU of ${threshold} %`,
    better: 'low',
    format: clicks,
    interval: row => row.ci[key],
  };
}

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
  const finite = rows.filter(row => Number.isFinite(row[column.key]));
  const values = finite.map(row => row[column.key]);
  const best = column.format(column.better === 'low' ? Math.min(...values) : Math.max(...values));
  const winners = finite.filter(row => column.format(row[column.key]) === best);
  return new Set(winners.length < rows.length ? winners : []);
}
