import { crc32, inflateRawSync } from 'node:zlib';
import { UserError } from '../base/errors.ts';
import { readZipDirectory, type ZipEntry } from '../base/zip-directory.ts';
import { type ByteSource, memoryLimit } from './byte-source.ts';

interface PlacedEntry extends ZipEntry {
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

const MAX_DIRECTORY = 2 ** 26;
/** The most that deflate can make of a byte. */
const MAX_RATIO = 1032;

/** @throws UserError where the archive is damaged, or made to harm: names that climb out, entries that overlap or are named twice. */
export function openZip(source: ByteSource): ZipArchive {
  const read = (begin: number, length: number) => Buffer.from(source.read(begin, length).buffer);
  const cutOff = (what: string) => damaged(source, `${what}; it seems cut off`);
  const directory = readZipDirectory({ size: source.size, read, damaged: cutOff }, MAX_DIRECTORY);
  const entries = placed(source, directory.entries, directory.begin);
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

/** Nothing is ever written by these names; whoever unpacks such an archive elsewhere is not so lucky. */
function checkName(source: ByteSource, name: string): void {
  if (!/^[/\\]|^[a-z]:|\\|\0/i.test(name) && !name.split('/').includes('..')) return;
  throw new UserError(
    `${source.name} is refused: its entry ${JSON.stringify(name)} would be unpacked outside its folder. Get it from a source you trust`,
  );
}

/** Entries by their names. Those that share bytes are how an archive unpacks to more than its size allows. */
function placed(source: ByteSource, listed: readonly ZipEntry[], directory: number): Map<string, PlacedEntry> {
  const entries = new Map<string, PlacedEntry>();
  for (const entry of listed) {
    checkName(source, entry.name);
    if (entries.has(entry.name)) throw damaged(source, `it holds the entry "${entry.name}" twice`);
    entries.set(entry.name, { ...entry, end: 0 });
  }
  const inOrder = [...entries.values()].sort((a, b) => a.offset - b.offset);
  inOrder.forEach((entry, i) => {
    entry.end = inOrder[i + 1]?.offset ?? directory;
    if (entry.offset + 30 + entry.packed <= entry.end) return;
    const other = i + 1 < inOrder.length ? `the entry "${inOrder[i + 1].name}"` : 'its table of contents';
    throw damaged(source, `the entry "${entry.name}" overlaps ${other}`);
  });
  return entries;
}

function dataOffset(source: ByteSource, entry: PlacedEntry): number {
  const { name, method, encoding, encrypted, offset, size, packed, end } = entry;
  if (encrypted) throw damaged(source, `its entry "${name}" is encrypted`);
  if (method !== 0 && method !== 8) {
    throw damaged(source, `its entry "${name}" is compressed by method ${method}, expected 0 (stored) or 8 (deflate)`);
  }
  const header = Buffer.from(source.read(offset, 30).buffer);
  const [nameLength, extraLength] = [header.readUInt16LE(26), header.readUInt16LE(28)];
  const begin = offset + 30 + nameLength + extraLength;
  if (
    header.readUInt32LE(0) !== 0x04034b50 ||
    begin + packed > end ||
    Buffer.from(source.read(offset + 30, nameLength).buffer).toString(encoding) !== name
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
