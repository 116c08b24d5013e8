import { fixed, replaceControls } from './format.ts';

/** A metric as tables show it. */
interface Measure {
  /** As on the command line: `noc90`. */
  metric: string;
  /** As in tables: NoC90. */
  title: string;
  better: 'low' | 'high';
  /** Clicks, number of objects, or fractions 0..1. */
  unit: 'clicks' | 'failures' | 'fraction';
}

interface MethodValue {
  run: string;
  upsampler: string;
  value: number;
}

/** A method against another on the same objects of one set. */
export interface Comparison extends Measure {
  dataset: string;
  first: MethodValue;
  second: MethodValue;
  objects: number;
  /** Second minus first. */
  difference: number;
  /** 95 %, of the difference. */
  interval: [number, number];
  /** Two-sided. */
  p: number;
  /** Corrected for `family` comparisons of this metric. */
  adjustedP: number;
  family: number;
}

/** An upsampler, or its difference to a baseline, over several training seeds on one set. */
export interface SeedRow extends Measure {
  dataset: string;
  upsampler: string;
  /** Where given, the numbers are differences to it. */
  baseline?: string;
  objects: number;
  seeds: number;
  mean: number;
  std: number | null;
  min: number;
  max: number;
  /** 95 %, of the mean, over seeds and objects. */
  interval: [number, number];
}

const ALPHA = 0.05;

/** Whether a difference could be chance, in words. */
export function verdict(comparison: Comparison): string {
  const { difference, better, p, adjustedP, family } = comparison;
  if (difference === 0) return 'no difference';
  if (adjustedP < ALPHA) {
    const isBetter = difference < 0 === (better === 'low');
    return `${secondName(comparison)} is ${isBetter ? 'better' : 'worse'}, unlikely to be chance`;
  }
  return p < ALPHA ? `could be chance among ${family} comparisons` : 'could be chance';
}

/** The same for seeds, by the interval; empty where the numbers are no differences. */
export function seedVerdict({ upsampler, baseline, mean, better, interval: [low, high] }: SeedRow): string {
  if (baseline === undefined) return '';
  if (low === 0 && high === 0) return 'no difference';
  if (low <= 0 && high >= 0) return 'could be chance';
  return `${upsampler} is ${mean < 0 === (better === 'low') ? 'better' : 'worse'}, unlikely to be chance`;
}

function secondName({ first, second }: Comparison): string {
  return first.upsampler === second.upsampler ? second.run : second.upsampler;
}

/** The comparisons as text, one block for each pair and set. */
export function comparisonText(comparisons: readonly Comparison[], notes: readonly string[]): string {
  const blocks = grouped(comparisons, heading).map(([title, group]) => {
    const lines = group.map(c => [
      c.title,
      number(c.first.value, c),
      '->',
      number(c.second.value, c),
      signed(c.difference, c),
      `[${signed(c.interval[0], c)}, ${signed(c.interval[1], c)}]`,
      `p ${fixed(c.p, 4)}`,
      ...(c.family > 1 ? [`(Holm ${fixed(c.adjustedP, 4)})`] : []),
      verdict(c),
    ]);
    return `${title}\n${aligned(lines)}`;
  });
  const most = Math.max(1, ...comparisons.map(({ family }) => family));
  const legend = [
    'Second minus first with its 95 % interval; p: how often chance alone would give as much (sign-flip test).',
    ...(most > 1 ? [`Holm: p corrected for the ${most} comparisons of each metric; the words follow it.`] : []),
    'IoUs in percent, NoF in objects.',
  ];
  return sections(notes, blocks, legend);
}

function heading(c: Comparison): string {
  const { dataset, objects, first, second } = c;
  const pair =
    first.upsampler === second.upsampler
      ? `${first.upsampler}, ${first.run} -> ${second.run}`
      : `${first.upsampler} -> ${second.upsampler} in ${second.run}`;
  return `${dataset} (${count(objects, 'object')}): ${pair}`;
}

/** The seeds as text, one block for each upsampler and set. */
export function seedText(rows: readonly SeedRow[], notes: readonly string[]): string {
  const title = ({ dataset, objects, seeds, upsampler, baseline }: SeedRow) =>
    `${dataset} (${count(objects, 'object')}, ${count(seeds, 'seed')}): ${upsampler}` +
    (baseline === undefined ? '' : ` minus ${baseline}`);
  const blocks = grouped(rows, title).map(([heading, group]) => {
    const lines = group.map(row => {
      const show = (value: number) => (row.baseline === undefined ? number(value, row) : signed(value, row));
      return [
        row.title,
        show(row.mean),
        row.std === null ? '' : `± ${number(row.std, row)}`,
        `${show(row.min)} to ${show(row.max)}`,
        `[${show(row.interval[0])}, ${show(row.interval[1])}]`,
        seedVerdict(row),
      ];
    });
    return `${heading}\n${aligned(lines)}`;
  });
  const legend = [
    'Mean over seeds ± sample standard deviation, range over seeds, [95 % interval of the mean over seeds and objects].',
    'IoUs in percent, NoF in objects.',
  ];
  return sections(notes, blocks, legend);
}

function sections(notes: readonly string[], blocks: readonly string[], legend: readonly string[]): string {
  const head = notes.length > 0 ? [notes.map(note => `Note: ${note}.`).join('\n')] : [];
  return replaceControls(`${[...head, ...blocks, legend.join('\n')].join('\n\n')}\n`);
}

function grouped<T>(items: readonly T[], key: (item: T) => string): [string, T[]][] {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return [...groups];
}

/** Columns padded to the left, but for the first and the last. */
function aligned(lines: readonly string[][]): string {
  const widths = lines[0].map((_, i) => Math.max(...lines.map(line => line[i].length)));
  const cell = (text: string, i: number, last: number) =>
    i === 0 ? text.padEnd(widths[i]) : i === last ? text : text.padStart(widths[i]);
  return lines
    .map(line => `  ${line.map((text, i) => cell(text, i, line.length - 1)).join('  ')}`.trimEnd())
    .join('\n');
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

function number(value: number, { unit }: Measure): string {
  return unit === 'fraction' ? fixed(100 * value, 2) : fixed(value, unit === 'clicks' ? 2 : 1);
}

/** With its sign, and none for what rounds to zero. */
function signed(value: number, measure: Measure): string {
  const text = number(value, measure);
  if (/^-?0\.?0*$/.test(text)) return text.replace('-', '');
  return value > 0 ? `+${text}` : text;
}
