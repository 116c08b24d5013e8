import { datasetKinds } from './registry.ts';

/** The table of kinds in README.md, as Markdown. */
export function kindsTable(): string {
  return table(
    ['kind', 'expects in the folder', 'what it reads'],
    datasetKinds.map(({ name, layout, description }) => [`\`${name}\``, codes(layout), codes(description)]),
  );
}

/** The table of what is published about each kind in docs/data.md, as Markdown. */
export function publishedTable(): string {
  const count = (value?: number) => value?.toLocaleString('en-GB') ?? '?';
  return table(
    ['kind', 'use', 'images / objects to train on', 'to evaluate on', 'terms', 'from'],
    datasetKinds.map(({ name, use, splits, licence, homepage }) => {
      const [train, val] = [splits.train, splits.val].map(counts =>
        counts ? `${count(counts.images)} / ${count(counts.objects)}` : '-',
      );
      return [`\`${name}\``, use, train, val, licence, homepage ? `<${homepage}>` : '-'];
    }),
  );
}

/** Puts what one types, and paths, between back-ticks. */
function codes(text: string): string {
  return text.replaceAll(/[^\s(),;]*(?:[/<]|\w:[A-Z])[^\s(),;]*/g, '`$&`').replaceAll('|', '\\|');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map(row => row[i].length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  return [line(head), line(widths.map(width => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
