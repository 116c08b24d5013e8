import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Behaviour,
  breaksOffAfter,
  inTurn,
  serves,
  stallsAfter,
  status,
  UnreliableServer,
} from '../../test/support/unreliable-server.ts';
import { UserError } from '../base/errors.ts';
import { type DownloadOptions, type DownloadProgress, download } from './download.ts';

let server: UnreliableServer;
let other: UnreliableServer;
let folder: string;
let to: string;
beforeAll(async () => {
  server = new UnreliableServer();
  other = new UnreliableServer();
  await Promise.all([server.start(), other.start()]);
});
afterAll(() => Promise.all([server.stop(), other.stop()]));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clickprobe-download-'));
  to = join(folder, 'file');
  server.seen.length = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const data = Buffer.from(Uint8Array.from({ length: 50_000 }, (_, i) => (i * 7919) % 251));
const wrong = Buffer.from(data).fill(0, 20_000, 20_100);
const sha256 = createHash('sha256').update(data).digest('hex');
const quick = { stallSeconds: 0.15, retrySeconds: 0.01, attempts: 3 };

let count = 0;
/** URLs of sources that behave so, each on a path of its own. */
const sources = (...behaviours: Behaviour[]) => behaviours.map(behaviour => server.on(`/${count++}/f.zip`, behaviour));

const fetched = (urls: readonly string[], options: Partial<DownloadOptions> = {}) =>
  download({ sources: urls, to, ...quick, ...options });

async function errorOf(promise: Promise<unknown>): Promise<UserError> {
  const error = await promise.then(
    () => new Error('nothing was thrown'),
    thrown => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  return error;
}

/** The file is right, and nothing else is left. */
function expectDone(expected = data): void {
  expect(readFileSync(to).equals(expected)).toBe(true);
  expect(readdirSync(folder)).toEqual(['file']);
}

const part = () => readFileSync(`${to}.part`);
const record = () => JSON.parse(readFileSync(`${to}.part.json`, 'utf8'));
const ranges = () => server.seen.map(({ range }) => range);

describe('a good source', () => {
  it('gives the file, its size and where it came from', async () => {
    const [source] = sources(serves(data));
    expect(await fetched([source], { sha256, bytes: data.length })).toEqual({ path: to, bytes: data.length, source });
    expectDone();
  });

  it('is not asked where the file is there', async () => {
    writeFileSync(to, data);
    const urls = sources(serves(data));
    expect(await fetched(urls, { sha256 })).toEqual({ path: to, bytes: data.length });
    expect(await fetched(urls)).toEqual({ path: to, bytes: data.length });
    expect(server.seen).toEqual([]);
  });

  it('replaces a file that is there with another content', async () => {
    writeFileSync(to, wrong);
    await fetched(sources(serves(data)), { sha256 });
    expectDone();
  });

  it('may leave out the length, be empty, or send it in pieces', async () => {
    await fetched(sources((_, response) => response.write(data, () => setTimeout(() => response.end(), 10))));
    expectDone();
    rmSync(to);
    await fetched(sources(serves(Buffer.alloc(0))));
    expectDone(Buffer.alloc(0));
  });

  it('tells progress, the last of it complete, with the time left', async () => {
    const seen: DownloadProgress[] = [];
    await fetched(sources(inTurn(breaksOffAfter(data, 20_000), breaksOffAfter(data, 20_000), serves(data))), {
      sha256,
      onProgress: progress => seen.push({ ...progress }),
    });
    const [loading, checking] = ['download', 'check'].map(phase => seen.filter(each => each.phase === phase));
    expect(loading.at(-1)).toMatchObject({ done: data.length, total: data.length, secondsLeft: 0 });
    expect(checking.at(-1)).toMatchObject({ done: data.length, total: data.length });
    const done = loading.map(each => each.done);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    expect(loading.some(each => (each.secondsLeft ?? 0) > 0)).toBe(true);
  });
});

describe('a source that breaks off', () => {
  it('is asked for the rest, on the condition that its file is the same', async () => {
    await fetched(sources(inTurn(breaksOffAfter(data, 20_000), serves(data))));
    expectDone();
    expect(server.seen.map(({ range, ifRange }) => [range, ifRange])).toEqual([
      [undefined, undefined],
      ['bytes=20000-', '"1"'],
    ]);
  });

  it('is resumed by a later process from what was kept', async () => {
    const urls = sources(serves(data));
    writeFileSync(`${to}.part`, data.subarray(0, 12_345));
    writeFileSync(`${to}.part.json`, JSON.stringify({ source: urls[0], etag: '"1"', bytes: data.length }));
    await fetched(urls);
    expectDone();
    expect(ranges()).toEqual(['bytes=12345-']);
  });

  it('is given up after some attempts, the part being kept', async () => {
    const { message, exitCode } = await errorOf(fetched(sources(inTurn(breaksOffAfter(data, 9000), status(503)))));
    expect(message).toMatch(/it answers 503, it is not available now \(3 attempts\)/);
    expect(message).toContain(`9.0 kB are kept in ${to}.part`);
    expect(exitCode).toBe(69);
    expect(part().equals(data.subarray(0, 9000))).toBe(true);
    expect(record()).toMatchObject({ etag: '"1"', bytes: data.length });
    expect(server.seen).toHaveLength(3);
  });

  it('loses no byte and repeats none, wherever it breaks off', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 2 }), async cuts => {
        rmSync(to, { force: true });
        await fetched(sources(inTurn(...cuts.map(cut => breaksOffAfter(data, cut)), serves(data))));
        expectDone();
      }),
      { numRuns: 8 },
    );
  });
});

describe('resuming', () => {
  const half = 25_000;
  /** What an earlier process left of a source. */
  function leave(source: string, bytes: Buffer, record: object = { etag: '"1"' }): void {
    writeFileSync(`${to}.part`, bytes);
    writeFileSync(`${to}.part.json`, JSON.stringify({ source, ...record }));
  }

  it('begins anew where the source ignores ranges', async () => {
    const [source] = sources((_, response) => response.writeHead(200, { etag: '"1"' }).end(data));
    leave(source, wrong.subarray(0, half));
    await fetched([source]);
    expectDone();
  });

  it('begins anew where the file changed since', async () => {
    const [source] = sources(serves(data, { etag: '"2"' }));
    leave(source, wrong.subarray(0, half));
    await fetched([source]);
    expectDone();
    expect(server.seen).toHaveLength(1);
  });

  it.each<[string, Behaviour]>([
    [
      'another ETag in spite of the condition',
      (_, response) => {
        const range = `bytes ${half}-${data.length - 1}/${data.length}`;
        response.writeHead(206, { etag: '"2"', 'content-range': range }).end(data.subarray(half));
      },
    ],
    [
      'another part than asked for',
      (_, response) => {
        response.writeHead(206, { etag: '"1"', 'content-range': `bytes 0-9/${data.length}` }).end(data.subarray(0, 10));
      },
    ],
    [
      'a part without saying which',
      (_, response) => {
        response.writeHead(206, { etag: '"1"' }).end(data.subarray(half));
      },
    ],
    [
      'another size',
      (_, response) => {
        response.writeHead(206, { etag: '"1"', 'content-range': `bytes ${half}-59999/60000` }).end('x');
      },
    ],
    ['that there is nothing more', status(416, { 'content-range': 'bytes */10' })],
  ])('begins anew where the source sends %s', async (_, behaviour) => {
    const [source] = sources(inTurn(behaviour, serves(data)));
    leave(source, data.subarray(0, half), { etag: '"1"', bytes: data.length });
    await fetched([source]);
    expectDone();
    expect(ranges()).toEqual([`bytes=${half}-`, undefined]);
  });

  it('finishes a part that is whole already', async () => {
    const [source] = sources(serves(data));
    leave(source, data);
    await fetched([source], { sha256 });
    expectDone();
    expect(ranges()).toEqual([`bytes=${data.length}-`]);
  });

  it('goes by the time of the last change where there is no strong ETag', async () => {
    const lastModified = 'Wed, 21 Oct 2015 07:28:00 GMT';
    const [source] = sources((request, response) => {
      expect(request.headers['if-range']).toBe(lastModified);
      const range = `bytes ${half}-${data.length - 1}/${data.length}`;
      response.writeHead(206, { 'content-range': range }).end(data.subarray(half));
    });
    leave(source, data.subarray(0, half), { etag: 'W/"1"', lastModified });
    await fetched([source]);
    expectDone();
  });

  it('begins anew without ETag, date and hash: nothing tells that the rest fits', async () => {
    const [source] = sources(serves(data, { etag: undefined }));
    leave(source, wrong.subarray(0, half), {});
    await fetched([source]);
    expectDone();
    expect(ranges()).toEqual([undefined]);
  });

  it('goes on at another source only where a hash decides', async () => {
    const urls = sources(serves(data, { etag: '"x"' }));
    leave('http://gone.example/f.zip', data.subarray(0, half));
    await fetched(urls, { sha256 });
    expectDone();
    expect(server.seen).toMatchObject([{ range: `bytes=${half}-`, ifRange: undefined }]);

    rmSync(to);
    leave('http://gone.example/f.zip', data.subarray(0, half));
    await fetched(urls);
    expectDone();
    expect(ranges()[1]).toBeUndefined();
  });

  it('fetches all once anew where the part that was there makes the hash wrong', async () => {
    const [source] = sources(serves(data));
    leave(source, wrong.subarray(0, half));
    const notes: string[] = [];
    await fetched([source], { sha256, onNote: text => notes.push(text) });
    expectDone();
    expect(ranges()).toEqual([`bytes=${half}-`, undefined]);
    expect(notes.join()).toContain('beginning anew without the part that was there');
  });

  it('keeps a part while other sources say no', async () => {
    const urls = sources(status(404), status(403));
    leave('http://gone.example/f.zip', data.subarray(0, half));
    await errorOf(fetched(urls));
    expect(part().length).toBe(half);
  });

  it.each(['', '{', '{"source": 3}', '[]'])('begins anew where the record is %j', async text => {
    const [source] = sources(serves(data));
    writeFileSync(`${to}.part`, wrong.subarray(0, half));
    writeFileSync(`${to}.part.json`, text);
    await fetched([source]);
    expectDone();
  });
});

describe('a source that lies or fails', () => {
  const lies = (length: number): Behaviour => {
    return (_, response) => {
      response.socket?.write(`HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\n`);
      response.socket?.end(data);
    };
  };

  it.each<[string, Behaviour, RegExp]>([
    ['404', status(404), /404, there is no such file/],
    ['401', status(401), /401, it wants a log-in or a token/],
    ['503', status(503), /503, it is not available now \(3 attempts\)/],
    ['418', status(418), /it answers 418/],
    ['no answer', () => {}, /no answer for 0.15 s \(3 attempts\)/],
    ['a stall', stallsAfter(data, 100), /no byte for 0.15 s \(3 attempts\)/],
    ['a closed connection', (_, response) => response.destroy(), /the connection broke off \(3 attempts\)/],
    ['other bytes', serves(wrong), /another content: SHA-256 [0-9a-f]{64}, expected .*\(removed\)/],
    ['a shorter file', serves(data.subarray(1)), /its file has 49999 bytes, expected 50000/],
    ['a length that is too large', lies(data.length + 5), /has 50005 bytes, expected 50000/],
    ['a length that is too small', lies(data.length - 5), /has 49995 bytes, expected 50000/],
    [
      'more than it should, without a length',
      (_, response) => response.write(data, () => response.end(data)),
      /more than the 50000 bytes/,
    ],
    ['gzip unasked', status(200, { 'content-encoding': 'gzip' }), /compressed \(gzip\)/],
    [
      'a redirect in a circle',
      (request, response) => response.writeHead(302, { location: request.url }).end(),
      /redirects more than 10 times/,
    ],
    ['a redirect to a file', status(302, { location: 'file:///etc/passwd' }), /file:\/\/ is not supported/],
  ])('%s: the next one is tried, and the end names both', async (_, behaviour, says) => {
    const [bad, good] = sources(behaviour, serves(data));
    const notes: string[] = [];
    const done = await fetched([bad, good], { sha256, bytes: data.length, onNote: text => notes.push(text) });
    expect(done.source).toBe(good);
    expectDone();
    expect(notes.at(-1)).toMatch(says);
    rmSync(to);

    const [nowhere] = sources(status(410));
    const { message } = await errorOf(fetched([bad, nowhere], { sha256, bytes: data.length, advice: 'Do this' }));
    expect(message).toMatch(says);
    expect(message).toContain(`${bad}: `);
    expect(message).toContain(`${nowhere}: it answers 410, the file is gone\nDo this`);
    expect(existsSync(to)).toBe(false);
  });

  it('that nobody listens at, or that is no URL, is named, too', async () => {
    const { message } = await errorOf(fetched(['http://127.0.0.1:1/f.zip', 'ftp://a/b', 'x']));
    expect(message).toContain('http://127.0.0.1:1/f.zip: connection refused (3 attempts)');
    expect(message).toContain('ftp:// is not supported, expected https:// or http://');
    expect(message).toContain('"x" is no URL');
  });

  it('is asked again after the time it says', async () => {
    const start = performance.now();
    await fetched(sources(inTurn(status(429, { 'retry-after': '1' }), serves(data))));
    expect(performance.now() - start).toBeGreaterThan(990);
    expectDone();
  });

  it('may be found out by a further check', async () => {
    const [bad, good] = sources(serves(Buffer.from('<html>')), serves(data));
    await fetched([bad, good], {
      check: async path => (readFileSync(path).length < 100 ? 'a web page' : undefined),
    });
    expectDone();
  });
});

describe('redirects', () => {
  it('are followed, and a token goes to the source only', async () => {
    other.seen.length = 0;
    const last = other.on('/cdn', serves(data));
    const here = server.on('/here', status(307, { location: last }));
    const [source] = sources(status(302, { location: new URL(here).pathname }));
    await fetched([source], { headers: { authorization: 'Bearer secret' } });
    expectDone();
    expect(server.seen.map(({ authorization }) => authorization)).toEqual(['Bearer secret', 'Bearer secret']);
    expect(other.seen.map(({ authorization }) => authorization)).toEqual([undefined]);
  });
});

describe('stopping', () => {
  it('keeps the part, and the next call goes on', async () => {
    const [source] = sources(inTurn(stallsAfter(data, 30_000), serves(data)));
    const stop = new AbortController();
    const onProgress = ({ done }: DownloadProgress) => done === 30_000 && stop.abort(new Error('stopped'));
    await expect(fetched([source], { signal: stop.signal, onProgress, stallSeconds: 20 })).rejects.toThrow('stopped');
    expect(part().equals(data.subarray(0, 30_000))).toBe(true);
    await fetched([source]);
    expectDone();
    expect(ranges()).toEqual([undefined, 'bytes=30000-']);
  });

  it('does not wait for an answer or for the next attempt', async () => {
    const start = performance.now();
    for (const behaviour of [() => {}, status(503)]) {
      const signal = AbortSignal.timeout(100);
      const promise = fetched(sources(behaviour), { signal, stallSeconds: 20, retrySeconds: 20 });
      await expect(promise).rejects.toMatchObject({ name: 'TimeoutError' });
    }
    expect(performance.now() - start).toBeLessThan(3000);
  });
});

describe('the disk', () => {
  const disk = mkdtempSync(join(tmpdir(), 'clickprobe-disk-'));
  const mounted = () => spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=32k', 'tmpfs', disk]).status === 0;
  const available = process.platform === 'linux' && mounted();
  if (!available) console.warn('skipped: a disk that fills up (needs the right to mount a small tmpfs)');
  afterAll(() => {
    if (available) execFileSync('umount', [disk]);
    rmSync(disk, { recursive: true });
  });

  it.skipIf(!available)('may fill up on the way; with space it goes on', async () => {
    const silent: Behaviour = (_, response) => response.write(data, () => setTimeout(() => response.end(), 50));
    const urls = sources(inTurn(silent, serves(data)));
    const onDisk = join(disk, 'file');
    const { message, exitCode } = await errorOf(fetched(urls, { to: onDisk, sha256 }));
    expect(message).toMatch(/the disk is full\. Free some space and run the same command again/);
    expect(exitCode).toBe(74);
    const kept = statSync(`${onDisk}.part`).size;
    expect(kept).toBeGreaterThan(10_000);
    execFileSync('mount', ['-o', 'remount,size=1m', disk]);
    await fetched(urls, { to: onDisk, sha256 });
    expect(readFileSync(onDisk).equals(data)).toBe(true);
    expect(ranges().at(-1)).toBe(`bytes=${kept}-`);
  });

  it('is asked for room before anything is written', async () => {
    const [source] = sources(status(200, { 'content-length': String(1e18) }));
    const { message, exitCode } = await errorOf(fetched([source]));
    expect(message).toMatch(/not enough room .*it needs 1000000.0 TB, the disk has .* free/);
    expect(exitCode).toBe(74);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('may have a file where a folder should be', async () => {
    writeFileSync(to, '');
    const error = await errorOf(fetched(sources(serves(data)), { to: join(to, 'below') }));
    expect(error.message).toContain('not a folder');
    expect(error.exitCode).toBe(74);
  });
});

it('refuses what a caller got wrong', async () => {
  await expect(fetched([])).rejects.toThrow(RangeError);
  await expect(fetched(['http://a/b'], { sha256: 'abc' })).rejects.toThrow(RangeError);
});
