import { existsSync, statfsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { UserError } from '../base/errors.ts';
import { byteSize } from './units.ts';

const reasons: Record<string, string> = {
  ENOSPC: 'the disk is full. Free some space and run the same command again: it goes on where it stopped',
  EDQUOT: 'the disk quota is used up. Free some space and run the same command again: it goes on where it stopped',
  EACCES: 'no permission to write there. Choose another folder',
  EPERM: 'no permission to write there. Choose another folder',
  EROFS: 'the file system is read-only. Choose another folder',
  EEXIST: 'a file of that name is in the way. Choose another folder',
  EISDIR: 'a folder of that name is in the way. Choose another folder',
  ENOTDIR: 'a part of the path is a file, not a folder. Choose another folder',
  EFBIG: 'the file system does not hold files of this size. Choose another disk',
  ENAMETOOLONG: 'the name is too long for the file system. Choose a shorter path',
};

/** A system's error of writing as something to act on (exit code 74); any other error as it is. */
export function diskError(path: string, error: unknown): unknown {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  const reason = reasons[code] ?? `${message}. Check the disk`;
  return new UserError(`cannot write ${path}: ${reason}`, { exitCode: 74, cause: error });
}

/**
 * Checks that a disk has room before anything is written; where the file system does not tell, that is no error.
 *
 * @param path a file or folder, which need not exist yet
 * @throws UserError (exit code 74) naming both numbers
 */
export function requireSpace(path: string, bytes: number): void {
  let folder = resolve(path);
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  let free: number;
  try {
    const { bavail, bsize } = statfsSync(folder);
    free = bavail * bsize;
  } catch {
    return;
  }
  if (free >= bytes) return;
  throw new UserError(
    `not enough room for ${path}: it needs ${byteSize(bytes)}, the disk has ${byteSize(free)} free. ` +
      'Free some space and run the same command again, or choose a folder on another disk',
    { exitCode: 74 },
  );
}
