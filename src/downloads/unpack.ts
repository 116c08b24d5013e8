import { closeSync, openSync, readSync } from 'node:fs';
import { ArchiveError } from './archive-error.ts';
import { isTarHeader, unpackTar } from './tar.ts';
import { type UnpackLimit, UnpackTarget } from './unpack-target.ts';
import { unpackZip } from './zip.ts';

export interface UnpackOptions {
  /** What the archive may unpack to at most; one that goes beyond is refused. */
  limit: UnpackLimit;
  signal?: AbortSignal;
  /** Bytes of the archive that are done, of how many. */
  onProgress?(done: number, total: number): void;
}

type ArchiveKind = 'zip' | 'tar' | 'tar.gz';

/**
 * Unpacks a zip, tar or tar.gz (told by its content) into a folder, plain files and folders only. An entry that would
 * land outside the folder, a link, a device, or more than the limit makes the whole archive refused; what was
 * unpacked until then stays, and is inside the folder.
 *
 * @throws ArchiveError where the archive is damaged, refused or of another kind; UserError where the disk cannot be
 *   written; the signal's reason where it is aborted
 */
export async function unpack(archive: string, folder: string, options: UnpackOptions): Promise<void> {
  const kind = archiveKind(archive);
  const target = new UnpackTarget(archive, folder, options.limit);
  if (kind === 'zip') await unpackZip(archive, target, options);
  else await unpackTar(archive, target, { ...options, gzip: kind === 'tar.gz' });
}

/** What kind of archive a file is. @throws ArchiveError where it is none that `unpack` reads */
function archiveKind(path: string): ArchiveKind {
  const head = Buffer.alloc(512);
  const file = openSync(path, 'r');
  const length = readSync(file, head, 0, head.length, 0);
  closeSync(file);
  const start = head.subarray(0, length);
  if (['PK\x03\x04', 'PK\x05\x06'].includes(start.toString('latin1', 0, 4))) return 'zip';
  if (start[0] === 0x1f && start[1] === 0x8b) return 'tar.gz';
  if (length === 512 && isTarHeader(head)) return 'tar';
  const text = start.toString('latin1', 0, 200).trimStart();
  const what =
    length === 0 ? 'it is empty' : /^<(!doctype|html|\?xml)/i.test(text) ? 'it is a web page' : 'it is neither';
  throw new ArchiveError(`${path} is no archive: expected zip, tar or tar.gz, but ${what}. Get it from another source`);
}
