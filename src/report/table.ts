import { styleText } from 'node:util';
import { bestRows, cellValue, columnsFor, groupByDataset, intervalText, type MetricColumn } from './columns.ts';
import { replaceControls } from './format.ts';
import type { ResultRow } from './types.ts';

/** Where the 95 % intervals stand: beside the value, on a line below it, or nowhere. */
type Layout = 'beside' | 'below' | 'none';

/** A table cell before alignment: its text, optionally a second line, and whether it holds the best value. */
interface Cell {
  text: string;
  interval?: string;
  best?: boolean;
}

/**
 * The results as a terminal table, one block per data set. The best value of each column within a data set
 * is bold green with `color` and starred without. Intervals stand beside the values; where the table is
 * wider than `width` columns they move below, then the extra columns go, then the intervals.
 */
export function resultsTable(rows: readonly ResultRow[], options: { color: boolean; width?: number }): string {
  const all = columnsFor(rows);
  const core = all.filter(column => !column.extra);
  const variants: [readonly MetricColumn[], Layout][] = [
    [all, 'beside'],
    [all, 'below'],
    [core, 'beside'],
    [core, 'below'],
    [core, 'none'],
  ];
  const render = ([columns, layout]: (typeof variants)[number]) => {
    const blocks = groupByDataset(rows).map(([, group]) => blockCells(group, columns));
    return renderTable(columnTitles(columns), blocks, layout, options.color);
  };
  const fits = (text: string) => displayWidth(text.slice(0, text.indexOf('\n'))) <= (options.width ?? Infinity);
  const chosen = variants.find(variant => fits(render(variant))) ?? variants[variants.length - 1];
  const left = all.filter(column => !chosen[0].includes(column)).map(column => column.title);
  return `${render(chosen)}\n${legend(rows, chosen[1], left, options.color)}\n`;
}

/** The results as a GitHub-flavoured Markdown table; the best values of each data set are bold. */
export function markdownTable(rows: readonly ResultRow[]): string {
  const columns = columnsFor(rows);
  const lines = groupByDataset(rows)
    .flatMap(([, group]) => blockCells(group, columns))
    .map(cells =>
      cells.map(({ text, interval, best }) => {
        const value = escapeMarkdown(text);
        return (best ? `**${value}**` : value) + (interval ? ` ${interval}` : '');
      }),
    );
  const table = [columnTitles(columns), ...lines];
  const widths = table[0].map((_, i) => Math.max(3, ...table.map(line => displayWidth(line[i]))));
  const row = (cells: string[]) => `| ${cells.map((cell, i) => pad(cell, widths[i], isLeft(i))).join(' | ')} |`;
  const rule = widths.map((width, i) => (isLeft(i) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [row(table[0]), row(rule), ...lines.map(row), ''].join('\n');
}

const isLeft = (column: number) => column < 2;

function columnTitles(columns: readonly MetricColumn[]): string[] {
  return ['Upsampler', 'Dataset', 'Objects', ...columns.map(column => column.title)];
}

function blockCells(rows: ResultRow[], columns: readonly MetricColumn[]): Cell[][] {
  const best = new Map(columns.map(column => [column, bestRows(rows, column)]));
  return rows.map(row => [
    { text: oneLine(row.upsampler) },
    { text: oneLine(row.dataset) },
    { text: String(row.objects) },
    ...columns.map(column => metricCell(column, row, best.get(column)!.has(row))),
  ]);
}

function metricCell(column: MetricColumn, row: ResultRow, best: boolean): Cell {
  const interval = intervalText(column, row);
  return { text: column.format(cellValue(column, row)), interval: interval && `[${interval.join(', ')}]`, best };
}

function renderTable(titles: string[], blocks: Cell[][][], layout: Layout, color: boolean): string {
  const star = (column: number) => (column >= 3 && !color ? 1 : 0);
  const columns = titles.map((title, i) => {
    const cells = blocks.flat().map(row => row[i]);
    const value = Math.max(0, ...cells.map(cell => displayWidth(cell.text))) + star(i);
    const interval = layout === 'none' ? 0 : Math.max(0, ...cells.map(cell => displayWidth(cell.interval ?? '')));
    const content = layout === 'beside' && interval > 0 ? value + 1 + interval : Math.max(value, interval);
    return { value, interval, width: Math.max(content, displayWidth(title)) };
  });
  const paint = (style: Parameters<typeof styleText>[0], text: string) =>
    color ? styleText(style, text, { validateStream: false }) : text;
  const spaces = (count: number) => ' '.repeat(Math.max(0, count));

  const valueLine = (row: Cell[]) =>
    row.map((cell, i) => {
      const { interval, width } = columns[i];
      const mark = star(i) ? (cell.best ? '*' : ' ') : '';
      const value = (cell.best ? paint(['bold', 'green'], cell.text) : cell.text) + mark;
      const used = displayWidth(cell.text) + star(i);
      if (isLeft(i)) return value + spaces(width - used);
      if (layout !== 'beside' || interval === 0) return spaces(width - used) + value;
      const beside = paint('dim', pad(cell.interval ?? '', interval, false));
      return `${spaces(width - interval - 1 - used)}${value} ${beside}`;
    });
  const intervalLine = (row: Cell[]) =>
    row.map((cell, i) => paint('dim', pad(i >= 3 ? (cell.interval ?? '') : '', columns[i].width, false)));

  const total = columns.reduce((sum, column) => sum + column.width, 0) + 2 * (columns.length - 1);
  const rule = paint('dim', '─'.repeat(total));
  const header = titles.map((title, i) => paint('bold', pad(title, columns[i].width, isLeft(i))));
  const lines = blocks.map(rows =>
    rows.flatMap(row => (layout === 'below' ? [valueLine(row), intervalLine(row)] : [valueLine(row)])),
  );
  const body = lines.map(block => block.map(cells => cells.join('  ').trimEnd()).join('\n'));
  return [header.join('  '), rule, body.join(`\n${rule}\n`), rule].join('\n');
}

function legend(rows: readonly ResultRow[], layout: Layout, left: string[], color: boolean): string {
  const limits = [...new Set(rows.map(row => row.maxClicks))].sort((a, b) => a - b).join(' or ');
  const parts = [
    color ? 'green: best of its data set' : '*: best of its data set',
    layout === 'none' ? 'the 95 % intervals need a wider terminal' : '[..]: 95 % interval',
    `NoC: mean clicks to that IoU, at most ${limits}`,
    'NoF90: objects that never reach 90 %',
    ...(left.length > 0 ? [`a wider terminal also shows ${left.join(', ')}`] : []),
  ];
  const text = parts.join('; ');
  return color ? styleText('dim', text, { validateStream: false }) : text;
}

function oneLine(text: string): string {
  return replaceControls(text.replace(/\s+/g, ' '));
}

function escapeMarkdown(text: string): string {
  return text.replace(/[\\|*_`[\]<>]/g, char => `\\${char}`);
}

function pad(text: string, width: number, left: boolean): string {
  const fill = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return left ? text + fill : fill + text;
}

/** Terminal columns of a text: combining marks take none, East Asian wide characters and emoji two, escapes none. */
function displayWidth(text: string): number {
  let width = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the colour escapes this file writes
  for (const char of text.replace(/\x1b\[\d+m/g, '')) {
    if (/\p{M}|\u200d/u.test(char)) continue;
    width += /[\u1100-\u115f\u3000-\u30ff\u3400-\u9fff\uac00-\ud7a3\uff01-\uff60\p{Emoji_Presentation}]/u.test(char)
      ? 2
      : 1;
  }
  return width;
}
