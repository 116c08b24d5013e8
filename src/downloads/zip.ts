import { createReadStream, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { crc32, createInflateRaw } from 'node:zlib';
import { UserError } from '../base/errors.ts';
import { readZipDirectory, type ZipEntry } from '../base/zip-directory.ts';
import { damagedArchive, refusedArchive } from './archive-error.ts';
import { requireSpace } from './disk.ts';
import type { UnpackOptions } from './unpack.ts';
import type { UnpackTarget } from './unpack-target.ts';

const regularFile = 0o100000;
const folderType = 0o040000;
const largestDirectory = 2 ** 28;

/**
 * Unpacks a zip archive (PKWARE APPNOTE 6.3.9: stored and deflated entries, ZIP64), checking size and CRC-32 of every
 * entry. Everything is checked against the limit before the first byte is written.
 *
 * @throws UserError see `unpack`
 */
export async function unpackZip(path: string, target: UnpackTarget, options: UnpackOptions): Promise<void> {
  const file = await open(path, 'r');
  try {
    const entries = await readDirectory(file, path);
    const wanted = entries.flatMap(entry => {
      const to = target.entryPath(entry.name);
      return to === undefined ? [] : [{ entry, to }];
    });
    for (const { entry } of wanted) {
      checkEntry(entry, path);
      target.announce(entry.size);
    }
    requireSpace(
      target.folder,
      wanted.reduce((sum, { entry }) => sum + entry.size, 0),
    );
    const total = wanted.reduce((sum, { entry }) => sum + entry.packed, 0);
    let done = 0;
    for (const { entry, to } of wanted) {
      options.signal?.throwIfAborted();
      if (/[/\\]$/.test(entry.name)) target.makeFolder(to);
      else await target.writeFile(to, content(file, path, entry));
      done += entry.packed;
      options.onProgress?.(done, total);
    }
  } finally {
    await file.close();
  }
}

function checkEntry({ name, method, encrypted, fileType }: ZipEntry, path: string): void {
  if (encrypted) throw refusedArchive(path, `its entry "${name}" is encrypted`);
  if (method !== 0 && method !== 8) {
    throw refusedArchive(
      path,
      `its entry "${name}" is compressed by method ${method}, expected 0 (stored) or 8 (deflate)`,
    );
  }
  if (![0, regularFile, folderType].includes(fileType)) {
    throw refusedArchive(path, `its entry "${name}" is a link or a device, expected files and folders`);
  }
}

async function readDirectory(file: FileHandle, path: string): Promise<ZipEntry[]> {
  const { size } = await file.stat();
  const read = (begin: number, length: number) => {
    const bytes = Buffer.alloc(length);
    const taken = readSync(file.fd, bytes, 0, length, begin);
    if (taken === length) return bytes;
    throw damagedArchive(path, 'it became shorter while it was read');
  };
  const damaged = (what: string) => damagedArchive(path, what);
  return readZipDirectory({ size, read, damaged }, largestDirectory).entries;
}

/** The bytes of an entry, never more than its declared size. */
async function* content(file: FileHandle, path: string, entry: ZipEntry): AsyncGenerator<Buffer> {
  const header = await readAt(file, entry.offset, 30);
  if (header.length < 30 || header.readUInt32LE(0) !== 0x04034b50) {
    throw damagedArchive(path, `"${entry.name}" is not where it should be`);
  }
  const start = entry.offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  let [size, crc] = [0, 0];
  try {
    for await (const chunk of unpacked(path, start, entry)) {
      size += chunk.length;
      if (size > entry.size) throw refusedArchive(path, `its entry "${entry.name}" is larger than it says`);
      crc = crc32(chunk, crc);
      yield chunk;
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw damagedArchive(path, `"${entry.name}": ${(error as Error).message}`);
  }
  if (size !== entry.size || crc !== entry.crc)
    throw damagedArchive(path, `"${entry.name}" has not the content it says`);
}

async function* unpacked(path: string, start: number, { method, packed }: ZipEntry): AsyncGenerator<Buffer> {
  if (packed === 0) return;
  const raw = createReadStream(path, { start, end: start + packed - 1 });
  if (method === 0) {
    yield* raw as AsyncIterable<Buffer>;
    return;
  }
  // an error of reading reaches the loop through the stream that it reads
  yield* pipeline(raw, createInflateRaw(), () => {}) as AsyncIterable<Buffer>;
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
