import { UserError } from '../base/errors.ts';
import type { Dataset } from './types.ts';

export interface OpenOptions {
  /** Decides what the synthetic set draws; sets of photos do not depend on it. */
  seed: number;
  /** Chooses the part of a set that has parts: to train on, or to evaluate on. A set that is only for evaluation is the same for both. */
  split: 'train' | 'val';
  /** Take the first so many samples. */
  limit?: number;
}

/**
 * Opens kinds written KIND:DIR or KIND:DIR#PART.
 *
 * @param example a part, for the message
 * @param parts what to open without #PART, by split
 * @throws UserError (when opened) where the folder or what follows # is empty
 */
export function withPart<P extends string | undefined>(
  kind: string,
  example: string,
  parts: { train: P; val: P },
  open: (path: string, part: string | P, options: OpenOptions) => Dataset | Promise<Dataset>,
): (argument: string, options: OpenOptions) => Dataset | Promise<Dataset> {
  return (argument, options) => {
    const hash = argument.lastIndexOf('#');
    if (hash < 0) return open(argument, parts[options.split], options);
    const [path, part] = [argument.slice(0, hash), argument.slice(hash + 1)];
    if (path !== '' && part !== '') return open(path, part, options);
    throw new UserError(
      `dataset "${kind}:${argument}": expected ${kind}:DIR or ${kind}:DIR#PART, e.g. ${kind}:data/${kind}#${example}`,
    );
  };
}
