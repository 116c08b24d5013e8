import { fixed } from '../../report/format.ts';
import type { Line, Outcome } from './outcome.ts';
import { type Metric, metrics } from './published.ts';

const titles: Readonly<Record<Metric, string>> = { noc80: 'NoC80', noc85: 'NoC85', noc90: 'NoC90', iou1: 'IoU@1 %' };
const decimals = (metric: Metric) => (metric === 'iou1' ? 1 : 2);

/** A table whose first `left` columns are aligned to the left. */
interface Block {
  title?: string;
  left: number;
  header: string[];
  rows: string[][];
}

/** Everything a target shows as numbers, as blocks. */
export function blocksOf(outcome: Outcome, ranking: boolean): Block[] {
  const measured = outcome.lines.some(({ ours }) => ours !== null);
  return [
    ...(measured ? [...(ranking ? rankingBlocks(outcome.lines) : []), numbersBlock(outcome.lines)] : []),
    ...(outcome.setUp.length > 0 ? [setUpBlock(outcome)] : []),
  ];
}

/** The result as GitHub-flavoured Markdown, aligned so that it reads as it is: also what a terminal shows. */
export function reproducedMarkdown(outcome: Outcome, ranking: boolean): string {
  const blocks = blocksOf(outcome, ranking).map(block => {
    const title = block.title === undefined ? '' : `${block.title}\n\n`;
    return `${title}${markdownBlock(block)}`;
  });
  return `${[
    `# ${outcome.title}`,
    legend(outcome),
    ...blocks,
    notesOf(outcome)
      .map(note => `- ${note}`)
      .join('\n'),
  ]
    .filter(part => part !== '')
    .join('\n\n')}\n`;
}

/** How to read the numbers, where there are any. */
export function legend({ source, scale, lines }: Outcome): string {
  if (lines.every(({ ours }) => ours === null)) return `After ${source}.`;
  return (
    `Published: ${source}. Ours: scale ${scale} of its data and steps; [..]: 95 % interval over objects. NoC: mean clicks ` +
    'to that IoU, lower is better; IoU@1: mean IoU after the first click, higher is better. Letters under "differs" name ' +
    'lines of the set-up below: where there are any, compare the order of rows, not their numbers.'
  );
}

/** Remarks, what was left out last. */
export const notesOf = ({ notes, leftOut }: Outcome): string[] => [
  ...notes,
  ...leftOut.map(({ upsampler, reason }) => `left out: ${upsampler} (${reason})`),
];

function numbersBlock(lines: readonly Line[]): Block {
  const published = lines.flatMap(line => (line.published ? [line.published.scores] : []));
  const shown = metrics.filter(metric => metric === 'iou1' || published.some(scores => scores[metric] !== undefined));
  return {
    left: 4,
    header: ['', 'upsampler', 'ours on', 'published on', ...shown.flatMap(m => [titles[m], 'published']), 'differs'],
    rows: lines.map(({ variant, upsampler, ours, published: other, differs }) => [
      ...[variant, upsampler, ours ? `${ours.dataset} (${ours.objects})` : 'not run', other?.set ?? '–'],
      ...shown.flatMap(metric => [ourCell(ours, metric), fixed(other?.scores[metric] ?? null, 2)]),
      differs.join(' '),
    ]),
  };
}

function ourCell(ours: Line['ours'], metric: Metric): string {
  const value = ours?.values[metric] ?? null;
  const interval = ours?.intervals[metric];
  const digits = decimals(metric);
  if (value === null) return '–';
  return `${fixed(value, digits)}${interval ? ` [${interval.map(end => fixed(end, digits)).join(', ')}]` : ''}`;
}

/** By set and metric: upsamplers down, heads across, each with its rank among the upsamplers. */
function rankingBlocks(lines: readonly Line[]): Block[] {
  const ran = lines.filter(line => line.ours !== null);
  const heads = [...new Set(ran.map(({ variant }) => variant))];
  const names = [...new Set(ran.map(({ upsampler }) => upsampler))];
  const sets = [...new Set(ran.map(({ ours }) => ours!.dataset))];
  return sets.flatMap(set =>
    (['iou1', 'noc90'] as const).map(metric => {
      const columns = heads.map(head => {
        const own = ran.filter(({ variant, ours }) => variant === head && ours!.dataset === set);
        const ranks = ranksOf(
          own.map(({ ours }) => ours!.values[metric]),
          metric !== 'iou1',
        );
        return names.map(name => {
          const at = own.findIndex(({ upsampler }) => upsampler === name);
          return at < 0 || ranks[at] === null ? '–' : `${ourCell(own[at].ours, metric)} #${ranks[at]}`;
        });
      });
      const rows = names.map((name, i) => [name, ...columns.map(column => column[i])]);
      return {
        title: `${titles[metric]} on ${set}, with the rank among the upsamplers`,
        left: 1,
        header: ['upsampler', ...heads],
        rows,
      };
    }),
  );
}

/** 1 for the best; equal values share a rank; null stays. */
export function ranksOf(values: readonly (number | null)[], lowIsBest: boolean): (number | null)[] {
  const better = (a: number, b: number) => (lowIsBest ? a < b : a > b);
  return values.map(own =>
    own === null ? null : 1 + values.filter(other => other !== null && better(other, own)).length,
  );
}

const setUpBlock = ({ setUp }: Outcome): Block => ({
  ...{ title: 'Set-up', left: 5, header: ['', 'what', 'ours', 'published', ''] },
  rows: setUp.map(({ letter, what, ours, published, differs }) => [
    letter,
    what,
    ours,
    published,
    differs ? 'differs' : '',
  ]),
});

function markdownBlock({ left, header, rows }: Block): string {
  const cells = [header, ...rows].map(row => row.map(cell => cell.replaceAll('|', '\\|').replace(/\s+/g, ' ')));
  const widths = header.map((_, i) => Math.max(3, ...cells.map(row => row[i].length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => (i < left ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`;
  const rule = `| ${widths.map((width, i) => (i < left ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(cells[0]), rule, ...cells.slice(1).map(line)].join('\n');
}
