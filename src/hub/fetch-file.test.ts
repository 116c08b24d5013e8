import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { inTurn, serves, status, UnreliableServer } from '../../test/support/unreliable-server.ts';
import { cachedFile, cachePath, requireRevision } from './cache.ts';
import { type FetchOptions, fetchFromHub } from './fetch-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'clickprobe-hub-'));
const server = new UnreliableServer();
const data = Buffer.from('weights of a network');
const sha256 = createHash('sha256').update(data).digest('hex');
const commit = 'c0ffee'.padEnd(40, '0');
const place = { id: 'owner/net', file: 'model.safetensors', revision: 'main' };

beforeAll(() => server.start());
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.stop();
  rmSync(folder, { recursive: true });
});
let caches = 0;
beforeEach(() => {
  vi.stubEnv('CLICKPROBE_CACHE', join(folder, `cache${caches++}`));
  server.seen.length = 0;
});

const fetching = (more: Partial<FetchOptions> = {}, from: Partial<typeof place> = {}) =>
  fetchFromHub(
    { ...place, ...from },
    {
      settings: { endpoint: server.origin, offline: false },
      attempts: 2,
      stallSeconds: 1,
      ...more,
    },
  );

/** A server that has the bytes itself and says what it knows of them. */
const states =
  (headers: IncomingHttpHeaders, bytes = data) =>
  (...[request, response, times]: Parameters<ReturnType<typeof serves>>) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value as string);
    serves(bytes, { etag: headers.etag ?? undefined })(request, response, times);
  };

describe('fetchFromHub', () => {
  it('keeps a folder for each commit, and finds the file by branch and by commit', async () => {
    server.on('/owner/net/resolve/main/model.safetensors', states({ 'x-repo-commit': commit, etag: `"${sha256}"` }));
    server.on(`/owner/net/resolve/${commit}/model.safetensors`, states({ etag: `"${sha256}"` }));
    const fetched = await fetching();
    expect(fetched).toMatchObject({ commit, sha256, bytes: data.length, path: cachePath(place, commit) });
    expect(cachedFile(place)).toBe(fetched.path);
    expect(cachedFile({ ...place, revision: commit })).toBe(fetched.path);
    expect(cachedFile({ ...place, revision: 'v1' })).toBeUndefined();
    expect(existsSync(`${fetched.path}.lock`)).toBe(false);

    server.seen.length = 0;
    expect((await fetching()).source).toBeUndefined();
    expect(server.seen).toHaveLength(1);
    const offline = { endpoint: 'http://127.0.0.1:1', offline: true };
    expect(await fetching({ settings: offline })).toEqual({ path: fetched.path, bytes: data.length });
    await expect(fetching({ settings: offline, check: async () => 'odd' })).rejects.toThrow(/: odd\. Fetch it anew/);
  });

  it('follows a repository that was renamed, with its token', async () => {
    const path = '/owner/other/resolve/main/model.safetensors';
    server.on('/owner/net/resolve/main/model.safetensors', status(307, { location: path }));
    server.on(path, states({ etag: `"${sha256}"` }));
    const settings = { endpoint: server.origin, offline: false, token: { value: 'hf_x', from: 'HF_TOKEN' } };
    expect((await fetching({ settings })).sha256).toBe(sha256);
    expect(server.seen.map(({ authorization }) => authorization)).toEqual(Array(4).fill('Bearer hf_x'));
  });

  it('takes a file of which no hash is stated only if the check passes', async () => {
    server.on('/owner/net/resolve/main/model.safetensors', states({ etag: '"1"' }));
    await expect(fetching({ check: async () => 'no weights' })).rejects.toThrow(/no weights \(removed\)/);
    expect(cachedFile(place)).toBeUndefined();
    const fetched = await fetching({ check: async () => undefined });
    expect(fetched.sha256).toBeUndefined();
    expect(fetched.path).toBe(cachePath(place));
    expect(readFileSync(cachedFile(place)!)).toEqual(data);
  });

  it('does not take what the hub redirects with for the file', async () => {
    const other = new UnreliableServer();
    await other.start();
    const location = other.on('/blob', serves(data));
    server.on('/owner/net/resolve/main/model.safetensors', status(302, { location, 'content-length': '10' }));
    expect((await fetching()).bytes).toBe(data.length);
    await other.stop();
  });

  it('asks again where the hub is busy', async () => {
    const good = states({ etag: `"${sha256}"` });
    server.on('/owner/net/resolve/main/model.safetensors', inTurn(status(503), good));
    const notes: string[] = [];
    await fetching({ onNote: text => notes.push(text) });
    expect(notes).toEqual([expect.stringMatching(/127\.0\.0\.1:\d+: it answers 503; trying again in 1 s/)]);
  });

  it('says that it cannot reach the hub, and what there is without it', async () => {
    const settings = { endpoint: 'http://127.0.0.1:1', offline: false };
    await expect(fetching({ settings, attempts: 1 })).rejects.toThrow(/connection refused\. Check the network/);
    const path = cachePath(place);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, data);
    await expect(fetching({ settings, attempts: 1 })).rejects.toThrow(`It was fetched earlier, to ${path}`);
  });

  it('waits for no one who fetches the same, but takes over from the dead', async () => {
    server.on('/owner/net/resolve/main/model.safetensors', states({ etag: `"${sha256}"` }));
    const lock = `${cachePath(place)}.lock`;
    mkdirSync(dirname(lock), { recursive: true });
    writeFileSync(lock, `${hostname()} ${process.ppid}`);
    await expect(fetching()).rejects.toMatchObject({ exitCode: 75, message: expect.stringContaining(lock) });
    writeFileSync(lock, `elsewhere 1`);
    await expect(fetching()).rejects.toThrow('process 1 on elsewhere is fetching');
    writeFileSync(lock, `${hostname()} 4194305`);
    expect((await fetching()).bytes).toBe(data.length);
    expect(existsSync(lock)).toBe(false);
  });

  it('says where the cache cannot be', async () => {
    server.on('/owner/net/resolve/main/model.safetensors', states({ etag: `"${sha256}"` }));
    const file = join(folder, 'a-file');
    writeFileSync(file, '');
    vi.stubEnv('CLICKPROBE_CACHE', join(file, 'cache'));
    await expect(fetching()).rejects.toMatchObject({
      exitCode: 74,
      message: expect.stringMatching(/^cannot write .*a part of the path is a file/),
    });
  });

  it.each(['', '..', '../../x', 'a/../b', '-x', 'a b', 'x?y', '/x'])('refuses the revision "%s"', async revision => {
    await expect(fetching({}, { revision })).rejects.toThrow(`"${revision}" is no revision`);
    expect(server.seen).toEqual([]);
  });

  it.each(['main', 'v1.0', 'refs/pr/1', commit])('takes the revision %s', revision => {
    expect(() => requireRevision(revision)).not.toThrow();
  });
});
