import { crc32, deflateRawSync, gzipSync } from 'node:zlib';

export interface ArchiveEntry {
  name: string;
  data?: Uint8Array | string;
  /** zip: 0 stored, 8 deflated (default); others are written as stored. */
  method?: number;
  /** zip: mode of Unix, e.g. 0o120777 of a link. */
  mode?: number;
  /** zip: what the directory says of the size, where that is a lie. */
  size?: number;
  /** zip: what the directory says of the CRC, where that is a lie. */
  crc?: number;
  /** zip: general purpose flags. */
  flags?: number;
  /** tar: the type flag, "0" by default. */
  type?: string;
}

const bytesOf = ({ data = '' }: ArchiveEntry) => Buffer.from(data as string);

/** A zip archive, written by the book: local headers, directory, end record; with `zip64` the sizes in 64 bits. */
export function zipArchive(entries: readonly ArchiveEntry[], { zip64 = false, comment = '' } = {}): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const data = bytesOf(entry);
    const method = entry.method ?? 8;
    const packed = method === 8 ? deflateRawSync(data) : data;
    const name = Buffer.from(entry.name);
    const [size, crc] = [entry.size ?? data.length, entry.crc ?? crc32(data)];
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(method, 8);
    local.writeUInt16LE(name.length, 26);
    const extra = zip64 ? Buffer.alloc(28) : Buffer.alloc(0);
    if (zip64) {
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(24, 2);
      for (const [i, value] of [size, packed.length, offset].entries())
        extra.writeBigUInt64LE(BigInt(value), 4 + 8 * i);
    }
    const header = Buffer.alloc(46);
    header.writeUInt32LE(0x02014b50, 0);
    header[5] = 3;
    header.writeUInt16LE(entry.flags ?? 0x800, 8);
    header.writeUInt16LE(method, 10);
    header.writeUInt32LE(crc, 16);
    for (const [at, value] of [
      [20, packed.length],
      [24, size],
      [42, offset],
    ]) {
      header.writeUInt32LE(zip64 ? 0xffffffff : value, at);
    }
    header.writeUInt16LE(name.length, 28);
    header.writeUInt16LE(extra.length, 30);
    header.writeUInt16LE(entry.mode ?? 0o100644, 40);
    locals.push(local, name, packed);
    directory.push(header, name, extra);
    offset += 30 + name.length + packed.length;
  }
  const table = Buffer.concat(directory);
  const large: Buffer[] = [];
  if (zip64) {
    const record = Buffer.alloc(56);
    record.writeUInt32LE(0x06064b50, 0);
    for (const [i, value] of [entries.length, table.length, offset].entries()) {
      record.writeBigUInt64LE(BigInt(value), 32 + 8 * i);
    }
    const locator = Buffer.alloc(20);
    locator.writeUInt32LE(0x07064b50, 0);
    locator.writeBigUInt64LE(BigInt(offset + table.length), 8);
    large.push(record, locator);
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(zip64 ? 0xffff : entries.length, 10);
  end.writeUInt32LE(zip64 ? 0xffffffff : table.length, 12);
  end.writeUInt32LE(zip64 ? 0xffffffff : offset, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...locals, table, ...large, end, Buffer.from(comment)]);
}

/** A tar archive in the ustar format. A name of more than 100 bytes goes into a pax header, or a GNU one with `gnu`. */
export function tarArchive(entries: readonly ArchiveEntry[], { gzip = false, gnu = false } = {}): Buffer {
  const blocks = entries.flatMap(entry => {
    const data = bytesOf(entry);
    const own = tarEntry(entry.name.slice(0, 100), entry.type ?? '0', data);
    if (Buffer.byteLength(entry.name) <= 100) return own;
    if (gnu) return [...tarEntry('././@LongLink', 'L', Buffer.from(`${entry.name}\0`)), ...own];
    return [...tarEntry('PaxHeader', 'x', Buffer.from(paxRecord('path', entry.name))), ...own];
  });
  const archive = Buffer.concat([...blocks, Buffer.alloc(1024)]);
  return gzip ? gzipSync(archive) : archive;
}

function tarEntry(name: string, type: string, data: Buffer): Buffer[] {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000644\0', 100);
  header.write(data.length.toString(8).padStart(11, '0'), 124);
  header.write('        ', 148);
  header.write(type, 156);
  header.write('ustar\0', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return [header, data, Buffer.alloc((512 - (data.length % 512)) % 512)];
}

/** The length counts its own digits. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(rest);
  while (length !== Buffer.byteLength(`${length}${rest}`)) length = Buffer.byteLength(`${length}${rest}`);
  return `${length}${rest}`;
}
