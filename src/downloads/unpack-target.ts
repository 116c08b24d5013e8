import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { refusedArchive } from './archive-error.ts';
import { diskError } from './disk.ts';
import { byteSize } from './units.ts';

export interface UnpackLimit {
  bytes: number;
  files: number;
}

/** Clutter that archives made on a Mac carry. */
const clutter = /(^|\/)(__MACOSX\/|\._|\.DS_Store$)/;

/** The folder that an archive is unpacked into, and the only way to write there. */
export class UnpackTarget {
  private files = 0;
  private bytes = 0;

  constructor(
    private readonly archive: string,
    readonly folder: string,
    private readonly limit: UnpackLimit,
  ) {}

  /**
   * The path of an entry inside the folder, segments joined by "/"; undefined for an entry to leave out.
   *
   * @throws UserError where the entry is meant for a place outside
   */
  entryPath(name: string): string | undefined {
    // some packers on Windows write backslashes
    const path = name.replaceAll('\\', '/');
    const segments = path.split('/').filter(segment => segment !== '' && segment !== '.');
    if (path.startsWith('/') || /^[a-z]:/i.test(path) || segments.includes('..') || path.includes('\0')) {
      throw refusedArchive(this.archive, `its entry "${shortened(name)}" would be written outside of the folder`);
    }
    return segments.length === 0 || clutter.test(path) ? undefined : segments.join('/');
  }

  /** Counts a file of a declared size. @throws UserError where that is more than the limit */
  announce(bytes: number): void {
    this.files++;
    this.bytes += bytes;
    if (this.files > this.limit.files) throw refusedArchive(this.archive, `it has more than ${this.limit.files} files`);
    if (this.bytes > this.limit.bytes)
      throw refusedArchive(this.archive, `it unpacks to more than ${byteSize(this.limit.bytes)}`);
  }

  makeFolder(path: string): void {
    try {
      mkdirSync(join(this.folder, path), { recursive: true });
    } catch (error) {
      throw diskError(join(this.folder, path), error);
    }
  }

  /** Writes a file whose path `entryPath` gave and which was announced. */
  async writeFile(path: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    const full = join(this.folder, path);
    this.makeFolder(dirname(path));
    let file: number;
    try {
      file = openSync(full, 'w');
    } catch (error) {
      throw diskError(full, error);
    }
    try {
      for await (const chunk of chunks) writeAll(file, chunk, full);
    } finally {
      closeSync(file);
    }
  }
}

function writeAll(file: number, chunk: Uint8Array, path: string): void {
  try {
    for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at);
  } catch (error) {
    throw diskError(path, error);
  }
}

const shortened = (name: string) => (name.length > 100 ? `${name.slice(0, 100)}...` : name).replaceAll('\0', '\\0');
