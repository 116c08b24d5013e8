import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { upsamplers } from '../registry.ts';

/** An upsampler of one's own as it is named among others. */
export interface OwnEntry {
  /** In tables, folders and options. */
  name: string;
  /** As it was given. */
  path: string;
}

/** What a run records of the file of an upsampler. */
export interface FileRecord {
  path: string;
  /** SHA-256 (hex) of its bytes. */
  sha256: string;
}

/** Endings of files that are upsamplers. */
const ENDINGS = ['.ts', '.mts', '.js', '.mjs', '.onnx'];

/** What stands for several upsamplers, or for the features before them. */
const RESERVED = ['all', 'unlearned', 'low-res'];

/**
 * An entry of a list of upsamplers that is a file: FILE or NAME=FILE; without a name it is called as the file. Null where
 * it is the name of a built-in one.
 *
 * @throws UserError where it is neither, or the name cannot be that of a folder.
 */
export function ownEntry(entry: string): OwnEntry | null {
  const [, given, path] = /^(?:([^=/\\]*)=)?(.*)$/s.exec(entry)!;
  const ending = extname(path).toLowerCase();
  const isFile = /[/\\]/.test(path) || ENDINGS.includes(ending);
  if (!isFile && given === undefined) return null;
  if (!ENDINGS.includes(ending)) {
    throw new UserError(`${entry}: "${path}" is no upsampler's file; expected one that ends in ${ENDINGS.join(' ')}`);
  }
  const name = given ?? basename(path, extname(path));
  if (!/^\w[\w.+-]*$/.test(name)) {
    throw new UserError(
      `${entry}: an upsampler cannot be called "${name}", expected letters, digits and ._+-. Name it: NAME=FILE`,
    );
  }
  return { name, path };
}

/** What an entry's row is called: that of a file by its own name, a built-in one as it stands. */
export const rowName = (entry: string): string => ownEntry(entry)?.name ?? entry;

/**
 * Entries of a list by the names of their rows; what is there twice is one.
 *
 * @param taken names of other rows.
 * @throws UserError where a file's name is that of another row or of a built-in upsampler.
 */
export function entriesByName(entries: readonly string[], taken: readonly string[] = []): Map<string, string> {
  const builtIn = [...upsamplers.map(({ name }) => name), ...RESERVED];
  const byName = new Map<string, string>();
  for (const entry of new Set(entries)) {
    const own = ownEntry(entry);
    const name = own?.name ?? entry;
    const other = own && (builtIn.includes(name) || taken.includes(name)) ? name : byName.get(name);
    if (other !== undefined) {
      throw new UserError(
        `two upsamplers are called ${name}: ${other === name ? 'a built-in one' : other} and ${entry}. ` +
          `Give the file another name: NAME=${own?.path ?? entry}`,
      );
    }
    byName.set(name, entry);
  }
  return byName;
}

/** @throws UserError where the file cannot be read. */
export function recordOf(path: string): FileRecord {
  try {
    return { path, sha256: createHash('sha256').update(readFileSync(path)).digest('hex') };
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new UserError(
      `${missing ? 'there is no file' : 'cannot read'} ${path}${missing ? '' : ` (${(error as Error).message})`}; ` +
        `an upsampler of your own is a file that ends in ${ENDINGS.join(' ')}`,
      { cause: error },
    );
  }
}

/** The files among the entries of a list, by the names of their rows. @throws UserError as `ownEntry` and `recordOf` */
export function recordsOf(entries: readonly string[]): Record<string, FileRecord> {
  const own = entries.flatMap(entry => ownEntry(entry) ?? []);
  return Object.fromEntries(own.map(({ name, path }) => [name, recordOf(path)]));
}
