import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ArchiveEntry, tarArchive, zipArchive } from '../../test/support/archives.ts';
import { UserError } from '../base/errors.ts';
import { ArchiveError } from './archive-error.ts';
import { unpack } from './unpack.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clickprobe-unpack-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const limit = { bytes: 1e6, files: 100 };

/** Unpacks into `folder/in/out`, so that what goes outside is seen. */
async function unpacked(archive: Buffer, options: Partial<Parameters<typeof unpack>[2]> = {}) {
  const path = join(folder, 'archive');
  const out = join(folder, 'in', 'out');
  rmSync(join(folder, 'in'), { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  writeFileSync(path, archive);
  await unpack(path, out, { limit, ...options });
  return Object.fromEntries(files(out).map(name => [name, readFileSync(join(out, name), 'utf8')]));
}

const files = (root: string) =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();

async function errorOf(promise: Promise<unknown>): Promise<UserError> {
  const error = await promise.then(
    () => new Error('nothing was thrown'),
    thrown => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  return error;
}

const writers: [string, (entries: readonly ArchiveEntry[]) => Buffer][] = [
  ['zip', zipArchive],
  ['zip, stored', entries => zipArchive(entries.map(entry => ({ ...entry, method: 0 })))],
  ['zip64', entries => zipArchive(entries, { zip64: true })],
  ['zip with a comment', entries => zipArchive(entries, { comment: 'PK\x05\x06 or so, made by hand' })],
  ['tar', tarArchive],
  ['tar.gz', entries => tarArchive(entries, { gzip: true })],
  ['tar of GNU', entries => tarArchive(entries, { gnu: true })],
];

describe.each(writers)('%s', (format, write) => {
  const long = `${'long-name/'.repeat(20)}x.txt`;

  it('gives files and folders back', async () => {
    const entries = [
      { name: 'a/', type: '5', mode: 0o040755 },
      { name: 'a/b.txt', data: 'hello' },
      { name: './c.txt', data: 'x'.repeat(5000) },
      { name: 'd\\e.txt', data: 'from Windows' },
      { name: 'empty.txt' },
      { name: long, data: 'deep' },
      { name: 'grüße.txt', data: 'ü' },
    ];
    expect(await unpacked(write(entries))).toEqual({
      'a/b.txt': 'hello',
      'c.txt': 'x'.repeat(5000),
      'd/e.txt': 'from Windows',
      'empty.txt': '',
      [long]: 'deep',
      'grüße.txt': 'ü',
    });
  });

  it('gives any content back', async () => {
    const content = fc.uint8Array({ maxLength: 2000 });
    await fc.assert(
      fc.asyncProperty(fc.array(content, { minLength: 1, maxLength: 5 }), async contents => {
        const entries = contents.map((data, i) => ({ name: `f${i}`, data }));
        const expected = entries.map(({ name, data }) => [name, Buffer.from(data).toString('utf8')]);
        expect(await unpacked(write(entries))).toEqual(Object.fromEntries(expected));
      }),
      { numRuns: 10 },
    );
  });

  it('leaves out the clutter of a Mac', async () => {
    const names = ['__MACOSX/._a.txt', 'x/._b', '.DS_Store', 'x/.DS_Store', 'a.txt'];
    expect(Object.keys(await unpacked(write(names.map(name => ({ name, data: '1' })))))).toEqual(['a.txt']);
  });

  it.each(['../evil', 'a/../../evil', '/tmp/evil', '..\\evil', 'C:\\evil', 'c:evil', '//server/evil', 'a/..'])(
    'refuses %s and writes nothing outside',
    async name => {
      const error = await errorOf(unpacked(write([{ name, data: 'x' }])));
      expect(error.message).toMatch(/refused to unpack .*outside of the folder/);
      expect(files(folder)).toEqual(['archive']);
    },
  );

  it('refuses more bytes or files than declared', async () => {
    const entries = [1, 2, 3].map(i => ({ name: `${i}`, data: 'x'.repeat(400) }));
    expect((await errorOf(unpacked(write(entries), { limit: { bytes: 1199, files: 9 } }))).message).toContain(
      'it unpacks to more than 1.2 kB',
    );
    expect((await errorOf(unpacked(write(entries), { limit: { bytes: 9999, files: 2 } }))).message).toContain(
      'more than 2 files',
    );
    expect(Object.keys(await unpacked(write(entries), { limit: { bytes: 1200, files: 3 } }))).toHaveLength(3);
  });

  it('says so of an archive that is cut off anywhere', async () => {
    const whole = write([
      { name: 'a', data: 'x'.repeat(700) },
      { name: 'b', data: 'y'.repeat(900) },
    ]);
    // of the two blocks of zeros that end a tar one may be missing
    const needed = format.startsWith('tar') && format !== 'tar.gz' ? whole.length - 512 : whole.length;
    for (let length = format.startsWith('tar') ? 128 : 32; length < needed; length += 101) {
      const { message } = await errorOf(unpacked(whole.subarray(0, length)));
      expect(message, `${length} of ${whole.length}`).toMatch(/damaged or cut off|is no archive/);
    }
  });

  it('tells progress and stops on a signal', async () => {
    const entries = [1, 2, 3].map(i => ({ name: `${i}`, data: 'x'.repeat(400) }));
    const stop = new AbortController();
    const seen: number[] = [];
    const promise = unpacked(write(entries), {
      signal: stop.signal,
      onProgress(done, total) {
        seen.push(done / total);
        stop.abort(new Error('stopped'));
      },
    });
    await expect(promise).rejects.toThrow('stopped');
    expect(seen).toHaveLength(1);
    expect(seen[0]).toBeGreaterThan(0);
    expect(seen[0]).toBeLessThanOrEqual(1);
  });
});

describe('zip', () => {
  it.each<[string, Partial<ArchiveEntry>, RegExp]>([
    ['a link', { mode: 0o120777, data: '/etc/passwd' }, /refused.*link or a device/],
    ['a device', { mode: 0o020666 }, /refused.*link or a device/],
    ['an encrypted entry', { flags: 1 }, /refused.*encrypted/],
    ['an unknown method', { method: 12, data: 'x' }, /refused.*method 12/],
    ['a wrong checksum', { crc: 5, data: 'x' }, /damaged.*not the content/],
    ['more than it says', { size: 10, data: 'x'.repeat(5000) }, /refused.*larger than it says/],
    ['less than it says', { size: 10, data: 'x' }, /damaged.*not the content/],
  ])('refuses %s', async (_, entry, says) => {
    const error = await errorOf(unpacked(zipArchive([{ name: 'e', ...entry }])));
    expect(error.message).toMatch(says);
  });

  it('refuses a bomb before it writes anything', async () => {
    const bomb = zipArchive([
      { name: 'a', data: 'x' },
      { name: 'b', data: Buffer.alloc(2e6) },
    ]);
    expect(bomb.length).toBeLessThan(4000);
    expect((await errorOf(unpacked(bomb))).message).toContain('more than 1.0 MB');
    expect(files(folder)).toEqual(['archive']);
  });
});

describe('tar', () => {
  it.each(['1', '2', '3', '4', '6', 'S'])('refuses an entry of type %s', async type => {
    const error = await errorOf(unpacked(tarArchive([{ name: 'e', type }])));
    expect(error.message).toMatch(/refused.*link or a device/);
  });

  it('refuses a bomb, gzipped or not, in good time', async () => {
    const error = await errorOf(unpacked(tarArchive([{ name: 'a', data: Buffer.alloc(2e6) }], { gzip: true })));
    expect(error.message).toContain('more than 1.0 MB');
  });

  it('gives no wrong content where a byte of a gzipped one is changed', async () => {
    const data = 'some text that compresses, some text that compresses';
    const whole = tarArchive([{ name: 'a', data }], { gzip: true });
    let noticed = 0;
    for (let at = 10; at < whole.length; at += 5) {
      const changed = Buffer.from(whole);
      changed[at] ^= 0x10;
      const result = await unpacked(changed).catch(error => error);
      // some bits of a deflate stream say nothing
      if (result instanceof UserError) noticed++;
      else expect(result).toEqual({ a: data });
    }
    expect(noticed).toBeGreaterThan(whole.length / 10);
  });

  it('notices a header with a wrong checksum', async () => {
    const changed = tarArchive([{ name: 'a', data: 'x' }, { name: 'b' }]);
    changed[1024] ^= 1;
    expect((await errorOf(unpacked(changed))).message).toContain('wrong checksum');
  });
});

describe('what is no archive', () => {
  it.each([
    ['', /it is empty/],
    ['\n<!DOCTYPE html><title>Sign in</title>', /it is a web page/],
    ['hello', /it is neither/],
    ['x'.repeat(5000), /it is neither/],
  ])('%j', async (text, says) => {
    expect((await errorOf(unpacked(Buffer.from(text)))).message).toMatch(says);
  });

  it('says so of gzip without tar inside', async () => {
    expect((await errorOf(unpacked(gzipSync('hello')))).message).toContain('damaged');
  });

  it('is told apart from what the disk does', async () => {
    expect(await errorOf(unpacked(Buffer.from('x')))).toBeInstanceOf(ArchiveError);
    const clash = errorOf(unpacked(zipArchive([{ name: 'a' }, { name: 'a/b' }])));
    expect(await clash).not.toBeInstanceOf(ArchiveError);
  });
});
