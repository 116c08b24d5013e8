import { describe, expect, it } from 'vitest';
import { type ArchiveEntry, zipArchive } from '../../test/support/archives.ts';
import { UserError } from '../base/errors.ts';
import { memorySource } from './byte-source.ts';
import { openZip } from './zip.ts';

const open = (bytes: Uint8Array) => openZip(memorySource(bytes, 'x.pth'));
const archive = (...entries: ArchiveEntry[]) => zipArchive(entries);
/** Of the first entry. */
const readAll = (bytes: Uint8Array) => {
  const zip = open(bytes);
  const [[name, { size }]] = zip.entries;
  return Buffer.from(zip.read(name, 0, size)).toString();
};

describe('openZip', () => {
  it.each([0, 8])('reads entries and parts of them by method %i, with and without ZIP64', method => {
    for (const zip64 of [false, true]) {
      const entries = [
        { name: 'a/data.pkl', data: 'hello world', method },
        { name: 'a/b', data: '', method },
        { name: 'ü', data: 'x', method },
      ];
      const zip = open(zipArchive(entries, { zip64, comment: 'a comment' }));
      expect([...zip.entries].map(([name, { size }]) => [name, size])).toEqual([
        ['a/data.pkl', 11],
        ['a/b', 0],
        ['ü', 1],
      ]);
      expect(Buffer.from(zip.read('a/data.pkl', 0, 11)).toString()).toBe('hello world');
      expect(Buffer.from(zip.read('a/data.pkl', 6, 3)).toString()).toBe('wor');
      expect(zip.read('a/b', 0, 0)).toHaveLength(0);
      expect(() => zip.read('a/data.pkl', 6, 6)).toThrow('bytes 6 to 12 of "a/data.pkl" are needed, it has 11');
      expect(() => zip.read('missing', 0, 0)).toThrow('no entry "missing"');
    }
  });

  it('reads an entry whose name is not said to be UTF-8', () => {
    expect(readAll(archive({ name: 'modèle/data.pkl', data: 'text', method: 0, flags: 0 }))).toBe('text');
  });

  it('takes a checksum of 0 as none', () => {
    expect(readAll(archive({ name: 'a', data: 'text', method: 0, crc: 0 }))).toBe('text');
  });

  it('reads nothing but the directory and what is asked for', () => {
    const bytes = archive(
      { name: 'large', data: Buffer.alloc(1_000_000), method: 0 },
      { name: 'a', data: 'text', method: 0 },
    );
    let read = 0;
    const source = memorySource(bytes, 'x.pth');
    const zip = openZip({
      ...source,
      read(begin, length) {
        read += length;
        return source.read(begin, length);
      },
    });
    zip.read('a', 0, 4);
    zip.read('large', 5000, 10);
    // the tail, where the end record may be, has up to 64 KiB
    expect(read).toBeLessThan(70_000);
  });

  const lie = (at: string, by: (bytes: Buffer, position: number) => void) => (bytes: Buffer) => {
    const copy = Buffer.from(bytes);
    by(copy, copy.indexOf(at, 0, 'latin1'));
    return copy;
  };
  const two = archive({ name: 'a', data: 'first', method: 0 }, { name: 'b', data: 'second', method: 0 });

  it.each<[string, Buffer, string]>([
    ['an empty file', Buffer.alloc(0), 'no table of contents'],
    ['what is no archive', Buffer.from('PK\x03\x04 but nothing else'), 'no table of contents'],
    ['a cut archive', two.subarray(0, -30), 'no table of contents'],
    [
      'a wrong place of the directory',
      lie('PK\x05\x06', (b, at) => b.writeUInt32LE(2 ** 31, at + 16))(two),
      'not where it should be',
    ],
    [
      'more entries than there are',
      lie('PK\x05\x06', (b, at) => b.writeUInt16LE(3, at + 10))(two),
      'has 2 of 3 entries',
    ],
    ['a name that climbs out', archive({ name: '../../etc/cron.d/x', data: 'x' }), 'outside its folder'],
    ['a name that climbs in the middle', archive({ name: 'a/../../x', data: 'x' }), 'outside its folder'],
    ['an absolute name', archive({ name: '/etc/passwd', data: 'x' }), 'outside its folder'],
    ['a name of Windows', archive({ name: 'c:\\windows\\x', data: 'x' }), 'outside its folder'],
    ['a name twice', archive({ name: 'a', data: 'x' }, { name: 'a', data: 'y' }), 'holds the entry "a" twice'],
    [
      'overlapping entries',
      lie('PK\x01\x02', (b, at) => b.writeUInt32LE(36, at + 20))(two),
      '"a" overlaps the entry "b"',
    ],
    ['entries at the same place', lie('PK\x01\x02', (b, at) => b.writeUInt32LE(0, at + 47 + 42))(two), 'overlaps'],
    [
      'an entry in the directory',
      lie('PK\x01\x02', (b, at) => b.writeUInt32LE(100, at + 47 + 20))(two),
      'overlaps its table of contents',
    ],
    ['encryption', archive({ name: 'a', data: 'x', flags: 1 }), 'is encrypted'],
    ['another compression', archive({ name: 'a', data: 'x', method: 12 }), 'by method 12'],
    ['a wrong checksum', archive({ name: 'a', data: 'x', crc: 5 }), 'checksum of "a" is wrong'],
    ['a wrong checksum, stored', archive({ name: 'a', data: 'x', crc: 5, method: 0 }), 'checksum of "a" is wrong'],
    [
      'another name at the entry',
      lie('PK\x03\x04', (b, at) => b.write('z', at + 30))(two),
      '"a" is not where it should be',
    ],
    ['no entry at its place', lie('PK\x03\x04', (b, at) => b.write('XX', at))(two), '"a" is not where it should be'],
    [
      'a header beyond its entry',
      lie('PK\x03\x04', (b, at) => b.writeUInt16LE(60_000, at + 28))(two),
      '"a" is not where it should be',
    ],
    [
      'a stored entry of another size',
      archive({ name: 'a', data: 'abc', size: 2, method: 0 }),
      'cannot have 2 bytes packed into 3',
    ],
    ['what is no deflate stream', lie('PK\x01\x02', (b, at) => b.writeUInt16LE(8, at + 10))(two), 'cannot be unpacked'],
    ['more than it says', archive({ name: 'a', data: Buffer.alloc(5000), size: 100 }), 'to its 100 bytes'],
    [
      'less than it says',
      archive({ name: 'a', data: Buffer.alloc(5000), size: 5001 }),
      'has 5000 bytes, expected 5001',
    ],
    ['more than deflate can make', archive({ name: 'a', data: 'x', size: 2 ** 31 }), 'cannot have 2147483648 bytes'],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => readAll(bytes)).toThrow(UserError);
    expect(() => readAll(bytes)).toThrow(message);
    expect(() => readAll(bytes)).toThrow('x.pth');
  });

  it('never unpacks a bomb beyond what the file can stand for', () => {
    const entries = ['a', 'b', 'c'].map(name => ({ name, data: Buffer.alloc(4_000_000) }));
    const bytes = zipArchive(entries);
    expect(bytes.length).toBeLessThan(20_000);
    const zip = open(bytes);
    const unpackAgain = () => {
      for (let round = 0; round < 200; round++) for (const { name } of entries) zip.read(name, 0, 1);
    };
    expect(unpackAgain).toThrow('unpacks to more than a file of');
  });
});
