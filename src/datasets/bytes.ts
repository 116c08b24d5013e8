import { readFile } from 'node:fs/promises';
import { UserError } from '../base/errors.ts';

/** Reads a file of a dataset. @throws UserError naming it where it is missing or unreadable. */
export async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'there is no such file' : message;
    throw new UserError(`cannot read ${path}: ${reason}. Check that the dataset is complete`, { cause: error });
  }
}
