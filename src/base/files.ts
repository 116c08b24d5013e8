import { randomBytes } from 'node:crypto';
import { appendFileSync, closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { UserError } from './errors.ts';

/** Node writes less than 2 GiB at a time. */
const BLOCK = 2 ** 26;

/**
 * Writes a file so that a reader sees the old content or the new one, never a part: into a temporary
 * file beside it, flushed, then renamed. Several parts follow one another in the file; none is copied.
 *
 * @throws UserError where the disk is full or the place cannot be written; nothing is left behind.
 */
export function writeFileAtomic(path: string, data: string | Uint8Array | readonly Uint8Array[]): void {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    const file = openSync(temporary, 'w');
    try {
      if (typeof data === 'string') writeFileSync(file, data);
      else {
        for (const part of data instanceof Uint8Array ? [data] : data) {
          for (let at = 0; at < part.length; at += BLOCK) writeFileSync(file, part.subarray(at, at + BLOCK));
        }
      }
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    discard(temporary);
    throw writeError(path, error);
  }
}

/**
 * Makes a file that must not exist yet.
 *
 * @throws UserError as `writeFileAtomic`, and where there is one
 */
export function createFile(path: string, data: string): void {
  try {
    writeFileSync(path, data, { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') discard(path);
    throw writeError(path, error);
  }
}

/**
 * Appends a line to a log.
 *
 * @throws UserError as `writeFileAtomic`
 */
export function appendLine(path: string, line: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    appendFileSync(path, `${line}\n`);
  } catch (error) {
    throw writeError(path, error);
  }
}

/** Makes a folder and those above it. Throws UserError as `writeFileAtomic`. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw writeError(path, error);
  }
}

/** Removes what a failed write left; where it left nothing, that is no second error. */
function discard(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {}
}

function writeError(path: string, error: unknown): unknown {
  const advice: Record<string, string> = {
    ENOSPC: 'the disk is full. Free some space and run the same command again: it goes on where it stopped',
    EDQUOT: 'the disk quota is used up. Free some space and run the same command again',
    EACCES: 'no permission to write there. Choose another folder with --out',
    EPERM: 'no permission to write there. Choose another folder with --out',
    EROFS: 'the file system is read-only. Choose another folder with --out',
    EEXIST: 'a file of that name is in the way. Choose another folder with --out',
    EISDIR: 'a folder of that name is in the way. Choose another folder with --out',
    ENOTDIR: 'a part of the path is a file, not a folder. Choose another folder with --out',
  };
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return advice[code] ? new UserError(`cannot write ${path}: ${advice[code]}`, { exitCode: 74, cause: error }) : error;
}
