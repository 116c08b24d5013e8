import { crc32, inflateRawSync } from 'node:zlib';
import { UserError } from '../base/errors.ts';
import { type ByteSource, memoryLimit } from './byte-source.ts';

// The format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT (stored and deflated entries, ZIP64)

interface ZipEntry {
  name: string;
  size: number;
  packed: number;
  method: number;
  flags: number;
  crc: number;
  /** Of its local header. */
  offset: number;
  /** Where the next entry or the directory begins. */
  end: number;
}

/** An archive that is read in place: nothing is unpacked to a disk, and entries are only ever found by their names. */
export interface ZipArchive {
  /** Sizes by name. */
  entries: ReadonlyMap<string, { size: number }>;
  /**
   * Bytes of an entry: stored ones are read from where they lie, deflated ones are inflated as a whole.
   *
   * @throws UserError where the entry is damaged, encrypted or not of the stated size.
   */
  read(name: string, begin: number, length: number): Uint8Array<ArrayBuffer>;
}

const UNSET = 0xffffffff;
const MAX_DIRECTORY = 2 ** 26;
/** The most that deflate can make of a byte. */
const MAX_RATIO = 1032;

/** @throws UserError where the archive is damaged, or made to harm: names that climb out, entries that overlap or are named twice. */
export function openZip(source: ByteSource): ZipArchive {
  const { begin, length, count } = findDirectory(source);
  if (begin + length > source.size || length > MAX_DIRECTORY) {
    throw damaged(source, 'its table of contents is not where it should be; it seems cut off');
  }
  const entries = parseDirectory(source, Buffer.from(source.read(begin, length).buffer), count);
  checkPlaces(source, [...entries.values()], begin);
  let left = memoryLimit(source);
  let inflated: { name: string; bytes: Uint8Array<ArrayBuffer> } | undefined;
  return {
    entries,
    read(name, at, count) {
      const entry = entries.get(name);
      if (!entry) throw damaged(source, `it holds no entry "${name}"`);
      if (at + count > entry.size) {
        throw damaged(source, `bytes ${at} to ${at + count} of "${name}" are needed, it has ${entry.size}`);
      }
      const dataBegin = dataOffset(source, entry);
      if (entry.method === 0) {
        const bytes = source.read(dataBegin + at, count);
        if (count === entry.size) checkCrc(source, entry, bytes);
        return bytes;
      }
      if (inflated?.name !== name) {
        left -= entry.size;
        if (left < 0) {
          throw new UserError(
            `${source.name} is refused: it unpacks to more than a file of ${source.size} bytes can stand for. Get it from a source you trust`,
          );
        }
        inflated = { name, bytes: inflate(source, entry, dataBegin) };
      }
      return inflated.bytes.slice(at, at + count);
    },
  };
}

/** The end record is the last thing in the file but for a comment of up to 65,535 bytes. */
function findDirectory(source: ByteSource): { begin: number; length: number; count: number } {
  const length = Math.min(source.size, 22 + 65535);
  const tail = Buffer.from(source.read(source.size - length, length).buffer);
  for (let at = length - 22; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== 0x06054b50 || at + 22 + tail.readUInt16LE(at + 20) !== length) continue;
    const place = {
      begin: tail.readUInt32LE(at + 16),
      length: tail.readUInt32LE(at + 12),
      count: tail.readUInt16LE(at + 10),
    };
    const large = place.begin === UNSET || place.length === UNSET || place.count === 0xffff;
    return (large && findLargeDirectory(source, source.size - length + at)) || place;
  }
  throw damaged(source, 'it has no table of contents at its end; it seems cut off');
}

/** The ZIP64 end record, which a locator before the end record points to. */
function findLargeDirectory(source: ByteSource, end: number) {
  if (end < 20) return undefined;
  const locator = Buffer.from(source.read(end - 20, 20).buffer);
  if (locator.readUInt32LE(0) !== 0x07064b50) return undefined;
  const at = Number(locator.readBigUInt64LE(8));
  if (at + 56 > end) throw damaged(source, 'its ZIP64 record is not where it should be');
  const record = Buffer.from(source.read(at, 56).buffer);
  if (record.readUInt32LE(0) !== 0x06064b50) throw damaged(source, 'its ZIP64 record is not where it should be');
  const [count, length, begin] = [32, 40, 48].map(field => Number(record.readBigUInt64LE(field)));
  return { begin, length, count };
}

function parseDirectory(source: ByteSource, bytes: Buffer, count: number): Map<string, ZipEntry> {
  const entries = new Map<string, ZipEntry>();
  for (let at = 0; entries.size < count; ) {
    if (at + 46 > bytes.length || bytes.readUInt32LE(at) !== 0x02014b50) {
      throw damaged(source, `its table of contents has ${entries.size} of ${count} entries`);
    }
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map(field => bytes.readUInt16LE(at + field));
    const end = at + 46 + nameLength + extraLength;
    if (end > bytes.length) throw damaged(source, 'an entry goes beyond its table of contents');
    const entry = {
      name: bytes.toString('utf8', at + 46, at + 46 + nameLength),
      flags: bytes.readUInt16LE(at + 8),
      method: bytes.readUInt16LE(at + 10),
      crc: bytes.readUInt32LE(at + 16),
      packed: bytes.readUInt32LE(at + 20),
      size: bytes.readUInt32LE(at + 24),
      offset: bytes.readUInt32LE(at + 42),
      end: 0,
    };
    widen(source, entry, bytes.subarray(end - extraLength, end));
    checkName(source, entry.name);
    if (entries.has(entry.name)) throw damaged(source, `it holds the entry "${entry.name}" twice`);
    entries.set(entry.name, entry);
    at = end + commentLength;
  }
  return entries;
}

/** Takes the sizes and the offset that need 64 bits from the extra field. */
function widen(source: ByteSource, entry: ZipEntry, extra: Buffer): void {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    const field = extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2));
    let next = 0;
    for (const key of ['size', 'packed', 'offset'] as const) {
      if (entry[key] !== UNSET) continue;
      if (next + 8 > field.length) throw damaged(source, `the ZIP64 sizes of "${entry.name}" are missing`);
      entry[key] = Number(field.readBigUInt64LE(next));
      next += 8;
    }
    return;
  }
}

/** Nothing is ever written by these names; whoever unpacks such an archive elsewhere is not so lucky. */
function checkName(source: ByteSource, name: string): void {
  if (!/^[/\\]|^[a-z]:|\\|\0/i.test(name) && !name.split('/').includes('..')) return;
  throw new UserError(
    `${source.name} is refused: its entry ${JSON.stringify(name)} would be unpacked outside its folder. Get it from a source you trust`,
  );
}

/** Entries that share bytes are how an archive unpacks to more than its size allows. */
function checkPlaces(source: ByteSource, entries: ZipEntry[], directory: number): void {
  entries.sort((a, b) => a.offset - b.offset);
  entries.forEach((entry, i) => {
    entry.end = entries[i + 1]?.offset ?? directory;
    if (entry.offset + 30 + entry.packed <= entry.end) return;
    const other = i + 1 < entries.length ? `the entry "${entries[i + 1].name}"` : 'its table of contents';
    throw damaged(source, `the entry "${entry.name}" overlaps ${other}`);
  });
}

function dataOffset(source: ByteSource, { name, method, flags, offset, size, packed, end }: ZipEntry): number {
  if (flags & 1) throw damaged(source, `its entry "${name}" is encrypted`);
  if (method !== 0 && method !== 8) {
    throw damaged(source, `its entry "${name}" is compressed by method ${method}, expected 0 (stored) or 8 (deflate)`);
  }
  const header = Buffer.from(source.read(offset, 30).buffer);
  const [nameLength, extraLength] = [header.readUInt16LE(26), header.readUInt16LE(28)];
  const begin = offset + 30 + nameLength + extraLength;
  if (
    header.readUInt32LE(0) !== 0x04034b50 ||
    begin + packed > end ||
    Buffer.from(source.read(offset + 30, nameLength).buffer).toString('utf8') !== name
  ) {
    throw damaged(source, `"${name}" is not where it should be`);
  }
  if (method === 0 ? packed !== size : size > packed * MAX_RATIO) {
    throw damaged(source, `"${name}" cannot have ${size} bytes packed into ${packed}`);
  }
  return begin;
}

function inflate(source: ByteSource, entry: ZipEntry, begin: number): Uint8Array<ArrayBuffer> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    // one byte more shows that there is more
    bytes = new Uint8Array(inflateRawSync(source.read(begin, entry.packed), { maxOutputLength: entry.size + 1 }));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw damaged(source, `"${entry.name}" cannot be unpacked to its ${entry.size} bytes: ${(error as Error).message}`);
  }
  if (bytes.length !== entry.size) {
    throw damaged(source, `"${entry.name}" has ${bytes.length} bytes, expected ${entry.size}`);
  }
  checkCrc(source, entry, bytes);
  return bytes;
}

/** PyTorch writes 0 where it is told to save the time for checksums. */
function checkCrc(source: ByteSource, { name, crc }: ZipEntry, bytes: Uint8Array): void {
  if (crc !== 0 && crc32(bytes) !== crc) throw damaged(source, `the checksum of "${name}" is wrong`);
}

function damaged(source: ByteSource, what: string): UserError {
  return new UserError(`${source.name} is no intact zip archive: ${what}. Get it again`);
}
