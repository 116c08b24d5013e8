import { UserError } from '../base/errors.ts';

/**
 * Values NAME=FILE of an option that may be repeated, by name.
 *
 * @throws UserError where one is not of that form, or a name is given twice
 */
export function namedFiles(values: readonly string[], option: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const value of values) {
    const [, name, file] = /^([^=]+)=(.+)$/.exec(value) ?? [];
    if (name === undefined) throw new UserError(`${option} ${value}: expected NAME=FILE, such as anyup=anyup.pth`);
    if (Object.hasOwn(files, name)) throw new UserError(`${option}: two files are given for ${name}`);
    files[name] = file;
  }
  return files;
}
