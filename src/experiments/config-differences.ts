/** An entry that two configurations have with different values; undefined where one lacks it. */
export interface Difference {
  /** `training.epochs`. */
  path: string;
  first: unknown;
  second: unknown;
}

/** The entries in which two trees differ, in the order of the first; lists are compared whole. */
export function configDifferences(first: unknown, second: unknown, path: readonly string[] = []): Difference[] {
  if (isTree(first) && isTree(second)) {
    const keys = new Set([...Object.keys(first), ...Object.keys(second)]);
    return [...keys].flatMap(key => configDifferences(first[key], second[key], [...path, key]));
  }
  return JSON.stringify(first) === JSON.stringify(second) ? [] : [{ path: path.join('.'), first, second }];
}

const isTree = (x: unknown): x is Record<string, unknown> => typeof x === 'object' && x !== null && !Array.isArray(x);

/** `training.epochs 10 and 20`. */
export const showDifference = ({ path, first, second }: Difference): string =>
  `${path} ${show(first)} and ${show(second)}`;

const show = (value: unknown): string => (value === undefined ? 'absent' : JSON.stringify(value));
