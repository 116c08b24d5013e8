import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../base/errors.ts';

/**
 * The names in folder `root/name`, sorted by code unit as the field's loaders sort them.
 *
 * @param layout what `root` must contain, for the message
 * @throws UserError where `root` or the folder is missing
 */
export function listFolder(root: string, name: string, layout: string): string[] {
  requireFolder(root, name, layout);
  return readdirSync(join(root, name)).sort();
}

/** Checks that the folder `root/name` is there. Throws as `listFolder`. */
export function requireFolder(root: string, name: string, layout: string): void {
  if (!isFolder(root)) {
    throw new UserError(`no such dataset folder: ${root}; expected a folder with ${layout}. Check the path`);
  }
  if (!isFolder(join(root, name))) {
    throw new UserError(
      `${root} has no folder ${name}; expected ${layout}, found ${contents(root)}. ` +
        'Check that the path is the folder that directly contains them',
    );
  }
}

/**
 * Checks that files are there, listing each of their folders once.
 *
 * @param files relative to `root`
 * @param why they are expected, for the message: "<list> lists it"
 * @throws UserError with the first that is missing and the number of them
 */
export function requireFiles(root: string, files: readonly string[], why: string): void {
  const folders = new Map<string, Set<string>>();
  const missing = files.filter(file => {
    const folder = dirname(file);
    let names = folders.get(folder);
    if (!names) {
      names = new Set(isFolder(join(root, folder)) ? readdirSync(join(root, folder)) : []);
      folders.set(folder, names);
    }
    return !names.has(basename(file));
  });
  if (missing.length === 0) return;
  throw new UserError(
    `${join(root, missing[0])} does not exist, but ${why} (${missing.length} of ${files.length} files are ` +
      'missing). Get the missing files, or do without what asks for them',
  );
}

/**
 * The first of some paths that exists.
 *
 * @param candidates relative to `root`
 * @throws UserError naming all of them where none does
 */
export function firstExisting(root: string, candidates: readonly string[], layout: string): string {
  const found = candidates.find(path => existsSync(join(root, path)));
  if (found !== undefined) return found;
  requireFolder(root, '.', layout);
  throw new UserError(
    `${root} has no ${candidates.join(' or ')}; expected ${layout}, found ${contents(root)}. ` +
      'Check that the path is the folder that directly contains them',
  );
}

/** What a folder contains, for messages: the first few names. */
export function contents(path: string): string {
  const names = isFolder(path) ? readdirSync(path).sort() : [];
  if (names.length === 0) return `nothing in ${basename(path) || dirname(path)}`;
  return names.slice(0, 8).join(', ') + (names.length > 8 ? `, ... (${names.length} entries)` : '');
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
