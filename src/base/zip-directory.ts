// The format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT (6.3.9, with ZIP64)

/** An entry as an archive's table of contents has it; nothing of it is checked yet. */
export interface ZipEntry {
  name: string;
  /** 0 is stored, 8 deflated. */
  method: number;
  crc: number;
  /** Bytes in the archive, and unpacked. */
  packed: number;
  size: number;
  /** Of its local header. */
  offset: number;
  encrypted: boolean;
  /** Of its name, here and in its local header. */
  encoding: 'utf8' | 'latin1';
  /** File type bits of Unix, 0 where the packer gave none. */
  fileType: number;
}

interface ZipFile {
  size: number;
  /** A copy of so many bytes, all of which are inside. */
  read(begin: number, length: number): Buffer;
  /** The error that says what is wrong with the archive. */
  damaged(what: string): Error;
}

const UNSET = 0xffffffff;

/**
 * The table of contents of a zip archive.
 *
 * @param most bytes that it may take
 * @returns the entries in its order, and where it begins
 * @throws what `damaged` gives, where it is not whole
 */
export function readZipDirectory(file: ZipFile, most: number): { entries: ZipEntry[]; begin: number } {
  const { begin, length, count } = findDirectory(file);
  if (begin + length > file.size || length > most) {
    throw file.damaged('its table of contents is not where it should be');
  }
  return { entries: parseDirectory(file, file.read(begin, length), count), begin };
}

/** The end record is the last thing in the file but for a comment of up to 65,535 bytes. */
function findDirectory(file: ZipFile): { begin: number; length: number; count: number } {
  const length = Math.min(file.size, 22 + 65535);
  const tail = file.read(file.size - length, length);
  for (let at = length - 22; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== 0x06054b50 || at + 22 + tail.readUInt16LE(at + 20) !== length) continue;
    const place = {
      begin: tail.readUInt32LE(at + 16),
      length: tail.readUInt32LE(at + 12),
      count: tail.readUInt16LE(at + 10),
    };
    const large = place.begin === UNSET || place.length === UNSET || place.count === 0xffff;
    return (large && findLargeDirectory(file, file.size - length + at)) || place;
  }
  throw file.damaged('it has no table of contents at its end');
}

/** The ZIP64 end record, which a locator before the end record points to; undefined where there is none. */
function findLargeDirectory(file: ZipFile, end: number) {
  if (end < 20) return undefined;
  const locator = file.read(end - 20, 20);
  if (locator.readUInt32LE(0) !== 0x07064b50) return undefined;
  const at = Number(locator.readBigUInt64LE(8));
  if (at + 56 > end) throw file.damaged('its ZIP64 record is not where it should be');
  const record = file.read(at, 56);
  if (record.readUInt32LE(0) !== 0x06064b50) throw file.damaged('its ZIP64 record is not where it should be');
  const [count, length, begin] = [32, 40, 48].map(field => Number(record.readBigUInt64LE(field)));
  return { begin, length, count };
}

function parseDirectory(file: ZipFile, bytes: Buffer, count: number): ZipEntry[] {
  const entries: ZipEntry[] = [];
  for (let at = 0; entries.length < count; ) {
    if (at + 46 > bytes.length || bytes.readUInt32LE(at) !== 0x02014b50) {
      throw file.damaged(`its table of contents has ${entries.length} of ${count} entries`);
    }
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map(field => bytes.readUInt16LE(at + field));
    const end = at + 46 + nameLength + extraLength;
    if (end > bytes.length) throw file.damaged('an entry goes beyond its table of contents');
    const flags = bytes.readUInt16LE(at + 8);
    const encoding = flags & 0x800 ? 'utf8' : 'latin1';
    const madeOnUnix = bytes[at + 5] === 3 || bytes[at + 5] === 19;
    const entry: ZipEntry = {
      name: bytes.toString(encoding, at + 46, at + 46 + nameLength),
      method: bytes.readUInt16LE(at + 10),
      crc: bytes.readUInt32LE(at + 16),
      packed: bytes.readUInt32LE(at + 20),
      size: bytes.readUInt32LE(at + 24),
      offset: bytes.readUInt32LE(at + 42),
      encrypted: (flags & 1) !== 0,
      encoding,
      fileType: madeOnUnix ? bytes.readUInt16LE(at + 40) & 0o170000 : 0,
    };
    widen(file, entry, bytes.subarray(end - extraLength, end));
    entries.push(entry);
    at = end + commentLength;
  }
  return entries;
}

/** Takes the sizes and the offset that need 64 bits from the extra field. */
function widen(file: ZipFile, entry: ZipEntry, extra: Buffer): void {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    const field = extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2));
    let next = 0;
    for (const key of ['size', 'packed', 'offset'] as const) {
      if (entry[key] !== UNSET) continue;
      if (next + 8 > field.length) throw file.damaged(`the ZIP64 sizes of "${entry.name}" are missing`);
      entry[key] = Number(field.readBigUInt64LE(next));
      next += 8;
    }
    return;
  }
}
