import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../base/errors.ts';

/**
 * The names in folder `root/name`, sorted by code unit as the field's loaders sort them.
 *
 * @param layout what `root` must contain, for the message
 * @throws UserError where `root` or the folder is missing
 */
export function listFolder(root: string, name: string, layout: string): string[] {
  const path = join(root, name);
  if (!isFolder(root)) {
    throw new UserError(`no such dataset folder: ${root}; expected a folder with ${layout}. Check the path`);
  }
  if (!isFolder(path)) {
    throw new UserError(
      `${root} has no folder ${name}; expected ${layout}, found ${contents(root)}. ` +
        'Check that the path is the folder that directly contains them',
    );
  }
  return readdirSync(path).sort();
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
