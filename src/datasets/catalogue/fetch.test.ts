import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { tarArchive, zipArchive } from '../../../test/support/archives.ts';
import { inTurn, serves, stallsAfter, status, UnreliableServer } from '../../../test/support/unreliable-server.ts';
import { UserError } from '../../base/errors.ts';
import { type FetchProgress, fetchSet } from './fetch.ts';
import type { Archive, FetchableSet } from './sources.ts';

const server = new UnreliableServer();
let folder: string;
let to: string;
beforeAll(() => server.start());
afterAll(() => server.stop());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clickprobe-fetch-'));
  to = join(folder, 'data', 'set');
  server.seen.length = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const limit = { bytes: 1e6, files: 100 };
const photos = zipArchive([
  { name: 'RELEASE/readme.txt', data: 'hello' },
  { name: 'RELEASE/set/img/a.jpg', data: 'photo' },
  { name: 'RELEASE/set/val.txt', data: 'a' },
]);
const labels = tarArchive([{ name: 'labels.json', data: '{}' }], { gzip: true });
const sha256 = createHash('sha256').update(labels).digest('hex');

/** A set of two archives, each with these sources. */
function twoArchives(first: string[], second: string[], changes: Partial<Archive> = {}): FetchableSet {
  return {
    name: 'two',
    kind: 'coco',
    archives: [
      { file: 'photos.zip', sources: first, holds: ['img', 'val.txt'], limit, about: 1000, ...changes },
      {
        file: 'labels.tgz',
        sources: second,
        holds: ['labels.json'],
        into: 'annotations',
        limit,
        sha256,
        bytes: labels.length,
      },
    ],
  };
}

const files = (root: string) =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
const complete = ['annotations/labels.json', 'img/a.jpg', 'val.txt'];
const quick = { attempts: 2, retrySeconds: 0.01, stallSeconds: 0.3 };

async function errorOf(promise: Promise<unknown>): Promise<UserError> {
  const error = await promise.then(
    () => new Error('nothing was thrown'),
    thrown => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  return error;
}

describe('fetchSet', () => {
  it('puts together what the archives hold, and leaves nothing else', async () => {
    const set = twoArchives([server.on('/photos.zip', serves(photos))], [server.on('/labels.tgz', serves(labels))]);
    const seen: FetchProgress[] = [];
    mkdirSync(to, { recursive: true });
    await fetchSet(set, { to, ...quick, onProgress: progress => seen.push(progress) });
    expect(files(folder)).toEqual(complete.map(name => join('data', 'set', name)));
    expect(readFileSync(join(to, 'img', 'a.jpg'), 'utf8')).toBe('photo');
    expect(new Set(seen.map(({ step, file }) => `${step} ${file}`))).toEqual(
      new Set([
        'download photos.zip',
        'unpack photos.zip',
        'download labels.tgz',
        'check labels.tgz',
        'unpack labels.tgz',
      ]),
    );
  });

  it('goes on with what was stopped, and does not fetch an archive twice', async () => {
    const set = twoArchives(
      [server.on('/photos.zip', serves(photos))],
      [server.on('/labels.tgz', inTurn(stallsAfter(labels, 50), stallsAfter(labels, 50), serves(labels)))],
    );
    const { message, exitCode } = await errorOf(fetchSet(set, { to, ...quick, attempts: 1 }));
    expect(message).toMatch(/no byte for .*name another place with --source URL.*50 bytes are kept in/s);
    expect(exitCode).toBe(69);
    expect(existsSync(to)).toBe(false);
    const stop = new AbortController();
    const onProgress = ({ done }: FetchProgress) => done === 50 && stop.abort(new Error('stopped'));
    await expect(fetchSet(set, { to, ...quick, signal: stop.signal, onProgress })).rejects.toThrow('stopped');
    await fetchSet(set, { to, ...quick });
    expect(files(to)).toEqual(complete);
    expect(server.requests('/photos.zip')).toBe(1);
    expect(server.seen.at(-1)!.range).toBe('bytes=50-');
    expect(readdirSync(join(folder, 'data'))).toEqual(['set']);
  });

  it.each<[string, Buffer, RegExp]>([
    ['a web page', Buffer.from('<html>Sign in</html>'), /is no archive.*it is a web page/],
    [
      'other things',
      zipArchive([{ name: 'x/y', data: 'z' }]),
      /other things in it than expected: x instead of img, val\.txt/,
    ],
    ['an empty archive', zipArchive([]), /nothing instead of img/],
    ['a way out', zipArchive([{ name: '../../evil', data: 'z' }]), /refused to unpack .*outside of the folder/],
    ['too much', zipArchive([{ name: 'a', data: Buffer.alloc(2e6) }]), /unpacks to more than 1.0 MB/],
    ['a damaged archive', Buffer.concat([photos.subarray(0, 50), Buffer.from([1]), photos.subarray(51)]), /damaged/],
  ])('takes the next source where one has %s', async (_, bad, says) => {
    const sources = [server.on('/bad/photos.zip', serves(bad)), server.on('/photos.zip', serves(photos))];
    const set = twoArchives(sources, [server.on('/labels.tgz', serves(labels))]);
    const notes: string[] = [];
    await fetchSet(set, { to, ...quick, onNote: text => notes.push(text) });
    expect(notes.join()).toMatch(says);
    expect(files(folder)).toEqual(complete.map(name => join('data', 'set', name)));
  });

  it('asks a mirror first', async () => {
    const usual = server.on('/usual/photos.zip', serves(photos));
    server.on('/mirror/photos.zip', serves(photos));
    const set = twoArchives([usual], [server.on('/usual/labels.tgz', serves(labels))]);
    await fetchSet(set, { to, ...quick, mirror: `${server.origin}/mirror/` });
    expect(server.seen.map(({ path }) => path)).toEqual([
      '/mirror/photos.zip',
      '/mirror/labels.tgz',
      '/usual/labels.tgz',
    ]);
  });

  it('takes given sources by the name of the archive', async () => {
    const set = twoArchives([server.on('/gone', status(404))], [server.on('/labels.tgz', serves(labels))]);
    const mine = server.on('/mine/photos.zip?key=1', serves(photos));
    await fetchSet(set, { to, ...quick, sources: [mine] });
    expect(files(to)).toEqual(complete);
    const { message } = await errorOf(fetchSet(set, { to: `${to}2`, sources: ['http://a/other.zip'] }));
    expect(message).toContain('must end in the name of one: photos.zip, labels.tgz; http://a/other.zip does not');
  });

  it('leaves a folder with content alone', async () => {
    const set = twoArchives([], []);
    mkdirSync(to, { recursive: true });
    writeFileSync(join(to, 'mine.txt'), '');
    expect((await errorOf(fetchSet(set, { to }))).message).toContain('has something in it already');
    expect((await errorOf(fetchSet(set, { to: join(to, 'mine.txt') }))).message).toContain('something in it already');
    expect(files(folder)).toEqual([join('data', 'set', 'mine.txt')]);
  });

  it('asks for room first', async () => {
    const { message, exitCode } = await errorOf(fetchSet(twoArchives([], [], { bytes: 1e18 }), { to }));
    expect(message).toContain('not enough room');
    expect(exitCode).toBe(74);
    expect(existsSync(folder)).toBe(true);
    expect(readdirSync(folder)).toEqual([]);
  });
});
