import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { crc32, createInflateRaw } from 'node:zlib';
import { UserError } from '../base/errors.ts';
import { damagedArchive, refusedArchive } from './archive-error.ts';
import { requireSpace } from './disk.ts';
import type { UnpackOptions } from './unpack.ts';
import type { UnpackTarget } from './unpack-target.ts';

interface ZipEntry {
  name: string;
  method: number;
  crc: number;
  packed: number;
  size: number;
  /** Where the local header is. */
  offset: number;
  encrypted: boolean;
  /** File type bits of Unix, 0 where the packer gave none. */
  fileType: number;
}

interface DirectoryPlace {
  offset: number;
  length: number;
  entries: number;
}

const regularFile = 0o100000;
const folderType = 0o040000;
const unset = 0xffffffff;
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
  const place = await findDirectory(file, size, path);
  if (place.offset + place.length > size || place.length > largestDirectory) {
    throw damagedArchive(path, 'its table of contents is not where it should be');
  }
  const bytes = await readAt(file, place.offset, place.length);
  const entries: ZipEntry[] = [];
  for (let at = 0; entries.length < place.entries; ) {
    if (at + 46 > bytes.length || bytes.readUInt32LE(at) !== 0x02014b50) {
      throw damagedArchive(path, `its table of contents has ${entries.length} of ${place.entries} entries`);
    }
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map(field => bytes.readUInt16LE(at + field));
    const end = at + 46 + nameLength + extraLength;
    if (end > bytes.length) throw damagedArchive(path, 'an entry goes beyond its table of contents');
    const flags = bytes.readUInt16LE(at + 8);
    const madeOnUnix = bytes[at + 5] === 3 || bytes[at + 5] === 19;
    const entry: ZipEntry = {
      name: bytes.toString(flags & 0x800 ? 'utf8' : 'latin1', at + 46, at + 46 + nameLength),
      method: bytes.readUInt16LE(at + 10),
      crc: bytes.readUInt32LE(at + 16),
      packed: bytes.readUInt32LE(at + 20),
      size: bytes.readUInt32LE(at + 24),
      offset: bytes.readUInt32LE(at + 42),
      encrypted: (flags & 1) !== 0,
      fileType: madeOnUnix ? bytes.readUInt16LE(at + 40) & 0o170000 : 0,
    };
    widen(entry, bytes.subarray(end - extraLength, end), path);
    entries.push(entry);
    at = end + commentLength;
  }
  return entries;
}

/** The end record is the last thing in the file but for a comment of up to 65,535 bytes. */
async function findDirectory(file: FileHandle, size: number, path: string): Promise<DirectoryPlace> {
  const length = Math.min(size, 22 + 65535);
  const tail = await readAt(file, size - length, length);
  for (let at = length - 22; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== 0x06054b50 || at + 22 + tail.readUInt16LE(at + 20) !== length) continue;
    const place = {
      offset: tail.readUInt32LE(at + 16),
      length: tail.readUInt32LE(at + 12),
      entries: tail.readUInt16LE(at + 10),
    };
    const large = place.offset === unset || place.length === unset || place.entries === 0xffff;
    return (large && (await findLargeDirectory(file, size - length + at, path))) || place;
  }
  throw damagedArchive(path, 'it has no table of contents at its end');
}

/** The ZIP64 end record, which a locator before the end record points to; undefined where there is none. */
async function findLargeDirectory(file: FileHandle, end: number, path: string) {
  if (end < 20) return undefined;
  const locator = await readAt(file, end - 20, 20);
  if (locator.readUInt32LE(0) !== 0x07064b50) return undefined;
  const at = Number(locator.readBigUInt64LE(8));
  if (at + 56 > end) throw damagedArchive(path, 'its ZIP64 record is not where it should be');
  const record = await readAt(file, at, 56);
  if (record.readUInt32LE(0) !== 0x06064b50) throw damagedArchive(path, 'its ZIP64 record is not where it should be');
  const [entries, length, offset] = [32, 40, 48].map(field => Number(record.readBigUInt64LE(field)));
  return { offset, length, entries };
}

/** Takes the sizes and the offset that need 64 bits from the extra field. */
function widen(entry: ZipEntry, extra: Buffer, path: string): void {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    const field = extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2));
    let next = 0;
    for (const key of ['size', 'packed', 'offset'] as const) {
      if (entry[key] !== unset) continue;
      if (next + 8 > field.length) throw damagedArchive(path, `the ZIP64 sizes of "${entry.name}" are missing`);
      entry[key] = Number(field.readBigUInt64LE(next));
      next += 8;
    }
    return;
  }
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
