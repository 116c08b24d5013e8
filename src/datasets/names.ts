import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import { contents } from './folders.ts';

/**
 * A file name out of an annotation file, which may come from anywhere: refused where it leads out of its folder.
 *
 * @param where names the annotation in the message
 * @throws UserError where the name is empty, absolute, or has ".." in it
 */
export function safeName(name: string, where: string): string {
  const parts = name.split(/[/\\]/);
  if (parts[0] === '' || parts.includes('..') || /^[a-z]:/i.test(name) || name.includes('\0')) {
    throw new UserError(
      `${where} names the file ${JSON.stringify(name)}, which is not inside the dataset; ` +
        'expected a name in its folder. Do not use this annotation file, get it from its source again',
    );
  }
  return name;
}

/**
 * Reads a list of names, one per line, as SBD and Pascal VOC have them.
 *
 * @param path of the list in `root`
 * @param layout what `root` must contain, for the message
 * @throws UserError where the list is missing or empty, has a name twice, or one that is no file name
 */
export function readNames(root: string, path: string, layout: string): string[] {
  const list = join(root, path);
  let text: string;
  try {
    text = readFileSync(list, 'utf8');
  } catch (error) {
    throw new UserError(
      `cannot read ${list} (${(error as Error).message}); expected ${layout}, found ${contents(root)}. ` +
        'Get the list, or check that the path is the folder that directly contains it',
      { cause: error },
    );
  }
  const names = text.split('\n').flatMap(line => line.trim() || []);
  if (names.length === 0)
    throw new UserError(`${list} lists no photos; expected one name per line. Get the list again`);
  const seen = new Set<string>();
  const twice = names.find(name => seen.size === seen.add(name).size);
  if (twice) throw new UserError(`${list} lists ${twice} twice; expected every name once. Remove one`);
  return names.map(name => safeName(name, list));
}
