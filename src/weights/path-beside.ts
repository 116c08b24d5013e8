import { isAbsolute, join } from 'node:path';
import { UserError } from '../base/errors.ts';

/**
 * The path of a file that another file names, in the same folder or below it.
 *
 * @param source the file that names it, for errors.
 * @throws UserError where the name leads out of the folder.
 */
export function pathBeside(folder: string, name: string, source: string): string {
  const leaves = isAbsolute(name) || /^[a-z]:|\\|\0/i.test(name) || name.split('/').includes('..');
  if (leaves || name === '') {
    throw new UserError(
      `${source} is refused: it names the file ${JSON.stringify(name.slice(0, 200))}, expected one in its own folder`,
    );
  }
  return join(folder, name);
}
