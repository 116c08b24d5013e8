import { createReadStream, statSync } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { damagedArchive, refusedArchive } from './archive-error.ts';
import { ByteReader } from './byte-reader.ts';
import type { UnpackOptions } from './unpack.ts';
import type { UnpackTarget } from './unpack-target.ts';

const block = 512;
/** Names in extended headers; more is no name. */
const longestHeader = 1 << 20;

interface TarHeader {
  name: string;
  size: number;
  type: string;
}

/**
 * Unpacks a tar archive (POSIX.1-1988 ustar, pax headers of POSIX.1-2001, long names of GNU tar), plain or gzipped.
 *
 * @throws UserError see `unpack`
 */
export async function unpackTar(
  path: string,
  target: UnpackTarget,
  { gzip, signal, onProgress }: UnpackOptions & { gzip: boolean },
): Promise<void> {
  const total = statSync(path).size;
  const raw = createReadStream(path, { highWaterMark: 1 << 18 });
  // an error reaches the reader through the stream that it reads
  const plain = gzip ? pipeline(raw, createGunzip(), () => {}) : raw;
  const reader = new ByteReader(plain as AsyncIterable<Buffer>);
  try {
    await unpackEntries(reader, path, target, () => {
      signal?.throwIfAborted();
      onProgress?.(raw.bytesRead, total);
    });
    // the checksum of a gzip file is at its end
    await reader.skip(Number.MAX_SAFE_INTEGER);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!code?.startsWith('Z_')) throw error;
    throw damagedArchive(path, (error as Error).message);
  } finally {
    plain.destroy();
    raw.destroy();
  }
}

async function unpackEntries(
  reader: ByteReader,
  path: string,
  target: UnpackTarget,
  onEntry: () => void,
): Promise<void> {
  let changes: Partial<TarHeader> = {};
  for (;;) {
    const bytes = await reader.take(block);
    if (bytes.length < block) throw damagedArchive(path, 'its end is missing');
    // two blocks of zeros end an archive; one is enough to know
    if (bytes.every(byte => byte === 0)) return;
    if (!isTarHeader(bytes)) throw damagedArchive(path, 'an entry has a wrong checksum');
    const header = { ...readHeader(bytes), ...changes };
    if (['x', 'L', 'g'].includes(header.type)) {
      const { size } = readHeader(bytes);
      if (size > longestHeader) throw refusedArchive(path, 'it has an entry name of more than a million bytes');
      const text = (await reader.take(padded(size))).subarray(0, size);
      if (text.length < size) throw damagedArchive(path, 'it ends inside an entry');
      if (header.type === 'x') changes = { ...changes, ...paxChanges(text, path) };
      if (header.type === 'L') changes = { ...changes, name: text.toString('utf8').replace(/\0+$/, '') };
      continue;
    }
    changes = {};
    onEntry();
    await unpackEntry(reader, header, path, target);
  }
}

async function unpackEntry(
  reader: ByteReader,
  { name, size, type }: TarHeader,
  path: string,
  target: UnpackTarget,
): Promise<void> {
  if (!Number.isSafeInteger(size) || size < 0) throw damagedArchive(path, `the size of "${name}" is no number`);
  const to = target.entryPath(name);
  const isFolder = type === '5' || (name.endsWith('/') && isFile(type));
  if (!isFolder && !isFile(type)) {
    throw refusedArchive(path, `its entry "${name}" is a link or a device (type ${type}), expected files and folders`);
  }
  target.announce(size);
  if (to !== undefined && isFolder) target.makeFolder(to);
  if (to !== undefined && !isFolder) await target.writeFile(to, exactly(reader, size, name, path));
  else await reader.skip(size);
  await reader.skip(padded(size) - size);
}

const isFile = (type: string) => type === '0' || type === '\0' || type === '7';
const padded = (size: number) => Math.ceil(size / block) * block;

async function* exactly(reader: ByteReader, size: number, name: string, path: string): AsyncGenerator<Buffer> {
  let left = size;
  while (left > 0) {
    const chunk = await reader.takeSome(left);
    if (chunk.length === 0) throw damagedArchive(path, `it ends inside "${name}"`);
    left -= chunk.length;
    yield chunk;
  }
}

/** Whether a block is the header of an entry: whether its checksum is right. */
export function isTarHeader(bytes: Uint8Array): boolean {
  let sum = 0;
  for (let i = 0; i < block; i++) sum += i >= 148 && i < 156 ? 32 : bytes[i];
  return sum > 8 * 32 && octal(bytes.subarray(148, 156)) === sum;
}

function readHeader(bytes: Buffer): TarHeader {
  const text = (from: number, length: number) => {
    const field = bytes.subarray(from, from + length);
    const end = field.indexOf(0);
    return field.toString('utf8', 0, end < 0 ? length : end);
  };
  // only POSIX has a prefix there ("ustar" and a zero); GNU has other things
  const prefix = bytes.toString('latin1', 257, 263) === 'ustar\0' ? text(345, 155) : '';
  const name = text(0, 100);
  return {
    name: prefix ? `${prefix}/${name}` : name,
    size: tarNumber(bytes.subarray(124, 136)),
    type: String.fromCharCode(bytes[156]),
  };
}

/** Octal digits, or a binary number where the top bit is set (GNU, for more than 8 GB). */
function tarNumber(field: Uint8Array): number {
  if ((field[0] & 0x80) === 0) return octal(field);
  return field.subarray(1).reduce((value, byte) => value * 256 + byte, field[0] & 0x7f);
}

function octal(field: Uint8Array): number {
  const digits = Buffer.from(field)
    .toString('latin1')
    .replace(/[\0 ]+$/, '')
    .trimStart();
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits || '0', 8) : Number.NaN;
}

/** Records "LENGTH KEY=VALUE\n". */
function paxChanges(bytes: Buffer, path: string): Partial<TarHeader> {
  const changes: Partial<TarHeader> = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(32, at);
    const length = Number(bytes.toString('latin1', at, Math.max(at, space)));
    if (space < 0 || !(length > space - at) || at + length > bytes.length) throw damagedArchive(path, 'a pax header');
    const [key, value] = bytes.toString('utf8', space + 1, at + length - 1).split(/=(.*)/s);
    if (key === 'path') changes.name = value;
    if (key === 'size') changes.size = Number(value);
    at += length;
  }
  return changes;
}
