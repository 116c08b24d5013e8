/** Where a file keeps a parameter. */
interface Source {
  /** Names in the file, their rows one after the other; null stands for zeros that the file does not hold. */
  names: readonly (string | null)[];
  /** Rows of the first part, where the parts are not of one size. */
  first?: number;
  /** The file holds the matrix transposed. */
  transposed?: boolean;
}

/** How a published file names the parameters of a family. */
export interface Layout {
  /** Whose names these are, such as `timm`. */
  name: string;
  /** Where the file keeps a parameter; undefined where the layout has none of that name. */
  source(parameter: string): Source | undefined;
  /** Our names of the parameters that a tensor of the file is part of; none for one that features do not need. */
  parameters(tensor: string): string[];
}

type Entry = string | readonly (string | null)[] | Source;

/**
 * A layout from a table of our names against the file's. In both, `#` stands for a number and `*` for `weight` or
 * `bias`. The table may hold parameters that not every network of the family has: that is how a file of another network
 * is told from one that holds more than needed.
 */
export function layout(name: string, table: Readonly<Record<string, Entry>>): Layout {
  const rules = Object.entries(table).map(([ours, entry]) => ({ ours, source: complete(entry) }));
  return {
    name,
    source(parameter) {
      for (const { ours, source } of rules) {
        const found = match(ours, parameter);
        if (found) return { ...source, names: source.names.map(theirs => theirs && fill(theirs, found)) };
      }
      return undefined;
    },
    parameters: tensor =>
      rules.flatMap(({ ours, source }) => {
        const found = source.names.map(theirs => theirs && match(theirs, tensor)).find(Boolean);
        return found ? [fill(ours, found)] : [];
      }),
  };
}

/** A table of names that are the same on both sides. */
export const unchanged = (...names: string[]): Record<string, string> =>
  Object.fromEntries(names.map(name => [name, name]));

/** A table without some of its entries. */
export const without = <T>(table: Readonly<Record<string, T>>, ...names: string[]): Record<string, T> =>
  Object.fromEntries(Object.entries(table).filter(([name]) => !names.includes(name)));

function complete(entry: Entry): Source {
  if (typeof entry === 'string') return { names: [entry] };
  return 'names' in entry ? entry : { names: entry };
}

interface Found {
  number: string;
  suffix: string;
}

function match(pattern: string, name: string): Found | null {
  const escaped = pattern.replace(/[.]/g, '\\.').replace('#', '(?<number>\\d+)').replace('*', '(?<suffix>weight|bias)');
  const groups = new RegExp(`^${escaped}$`).exec(name);
  return groups && { number: groups.groups?.number ?? '', suffix: groups.groups?.suffix ?? '' };
}

const fill = (pattern: string, { number, suffix }: Found): string => pattern.replace('#', number).replace('*', suffix);
