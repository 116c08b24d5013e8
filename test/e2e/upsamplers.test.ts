import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { Random } from '../../src/base/random.ts';
import { upsamplerParameters } from '../../src/upsamplers/parameters.ts';
import { findUpsampler } from '../../src/upsamplers/registry.ts';
import { encodeSafetensors } from '../../src/weights/safetensors.ts';
import { serves, UnreliableServer } from '../support/unreliable-server.ts';
import { run, set, tinyBench } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'clickprobe-upsamplers-'));
const server = new UnreliableServer();
let caches = 0;
let cache = '';
beforeAll(() => server.start());
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  cache = join(folder, `cache${caches++}`);
  vi.stubEnv('CLICKPROBE_CACHE', cache);
  vi.stubEnv('CLICKPROBE_OFFLINE', '');
  vi.stubEnv('CLICKPROBE_MIRROR', server.origin);
  vi.stubEnv('HF_ENDPOINT', server.origin);
  server.seen.length = 0;
});

/** A file with random weights of an upsampler. */
function randomFile(name: string, grid: { channels: number; stride: number }): Buffer {
  const tensors = upsamplerParameters(findUpsampler(name), grid).map(
    ({ name, shape, initialise }) => [name, { shape, data: initialise(shape, Random.of(7, name)) }] as const,
  );
  return Buffer.from(encodeSafetensors(new Map(tensors)));
}

const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
const small = (out: string, ...more: string[]) => [
  ...tinyBench(join(folder, out), ...more),
  ...set('training.size', 64),
  ...['--mode', 'fixed64'],
];

describe('a bench with learned upsamplers', () => {
  const shared = (name: string) => join(import.meta.dirname, '../../../shared/weights', name);
  const files = { anyup: shared('anyup_paper.pth'), 'featup-kernels': shared('clip_jbu_stack_cocostuff.ckpt') };
  const absent = Object.values(files).find(path => !existsSync(path));
  if (absent) console.warn(`skipped: there is no ${absent}`);

  it.skipIf(absent)('takes their authors’ files, and says which served', async () => {
    const given = Object.entries(files).flatMap(([name, path]) => ['--upsampler-weights', `${name}=${path}`]);
    const { code, err, out } = await run(small('real', '--upsamplers', 'bilinear,anyup,featup-kernels', ...given));
    expect(code, err).toBe(0);
    for (const name of Object.keys(files)) expect(out).toContain(name);
    const root = join(folder, 'real');
    const environment = readJson(join(root, 'environment.json'));
    expect(Object.keys(environment.upsamplers)).toEqual(['anyup', 'featup-kernels']);
    const rows = readJson(join(root, 'results.json'));
    expect(rows.map((row: { upsampler: string }) => row.upsampler)).toEqual(['bilinear', 'anyup', 'featup-kernels']);
    expect(rows[0].weights).toBeUndefined();
    for (const row of rows.slice(1)) {
      expect(row.weights).toEqual(environment.upsamplers[row.upsampler]);
      expect(row.weights.from).toBe(files[row.upsampler as keyof typeof files]);
      expect(row.weights.sha256).toMatch(/^[0-9a-f]{64}$/);
    }
    expect(parse(readFileSync(join(root, 'config.yaml'), 'utf8')).upsamplerWeights).toEqual(files);
    const report = readFileSync(join(root, 'report.html'), 'utf8');
    expect(report).toContain('Weights of anyup');
    expect(report).toContain('CC BY 4.0');
    expect(server.seen).toEqual([]);
  });

  it('fetches official weights once, naming place and licence', async () => {
    server.on('/anyup_multi_backbone.pth', serves(randomFile('anyup', { channels: 256, stride: 16 })));
    const bench = (out: string) => small(out, '--upsamplers', 'anyup', ...set('report.features', 0));
    vi.stubEnv('CLICKPROBE_OFFLINE', '1');
    const offline = await run(bench('offline'));
    expect(offline.code).toBe(69);
    expect(offline.err).toMatch(/\(anyup\) does not exist, and offline mode/);
    expect(existsSync(join(folder, 'offline', 'config.yaml'))).toBe(false);

    vi.stubEnv('CLICKPROBE_OFFLINE', '');
    const { code, err } = await run(bench('fetched'));
    expect(code, err).toBe(0);
    expect(err).toMatch(/fetching the weights of anyup: https:.*anyup_multi_backbone\.pth \(CC BY 4\.0\)/);
    expect(readJson(join(folder, 'fetched/environment.json')).upsamplers.anyup.from).toMatch(/^https:.*multi_backbone/);
    expect(server.requests('/anyup_multi_backbone.pth')).toBe(1);

    // finished, so that only loading is done again
    vi.stubEnv('CLICKPROBE_OFFLINE', '1');
    const again = await run(bench('fetched'));
    expect(again.code, again.err).toBe(0);
    expect(again.err).not.toContain('fetching');
  });
});

it.each(['early', 'late'])('a backbone that sees the image enlarged is trained and evaluated: %s', async injection => {
  const out = `large-${injection}`;
  const { code, err } = await run(small(out, '--upsamplers', 'large-image-x2', '--injection', injection));
  expect(code, err).toBe(0);
  const [row] = readJson(join(folder, out, 'results.json'));
  expect(row).toMatchObject({ upsampler: 'large-image-x2', objects: expect.any(Number) });
  expect(readFileSync(join(folder, out, 'report.html'), 'utf8')).toContain('the image 2 times as large');
});

describe('models', () => {
  it('lists official weights of upsamplers', async () => {
    const { out, code } = await run(['models', 'list']);
    expect(code).toBe(0);
    expect(out).toMatch(/^anyup +0\.9 M +- +https:.*anyup_multi_backbone\.pth +CC BY 4\.0$/m);
    expect(out).toMatch(/^loftup:dinov2-s14 +\d\.\d M +- +haiwen\/loftup-dinov2s\/pytorch_model\.bin +MIT$/m);
    const entries = JSON.parse((await run(['models', 'list', '--json'])).out);
    expect(entries.find((entry: { name: string }) => entry.name === 'uplift:dinov2-s14')).toMatchObject({
      ...{ kind: 'upsampler', backbone: 'dinov2-s14', licence: 'MIT', available: false, path: null },
      file: { hub: 'UPLiFT-upsampler/uplift_dinov2-s14', name: 'uplift_dinov2-s14.safetensors' },
    });
  });

  it('gets and verifies those of one backbone from the hub', async () => {
    const name = 'uplift:dinov2-s14';
    const weights = randomFile('uplift', { channels: 384, stride: 14 });
    server.on('/UPLiFT-upsampler/uplift_dinov2-s14/resolve/main/uplift_dinov2-s14.safetensors', serves(weights));
    const { out, err, code } = await run(['models', 'get', name]);
    expect(code, err).toBe(0);
    expect(err).toContain(`fetching ${name}: UPLiFT-upsampler/uplift_dinov2-s14/uplift_dinov2-s14.safetensors (MIT)`);
    const [path] = out.split('\n');
    expect(path.startsWith(cache)).toBe(true);
    expect(out).toContain(`fetched, fits ${name}`);
    expect(out).toContain('to use it: clickprobe bench --backbone dinov2-s14 --upsamplers uplift\n');
    expect(await run(['models', 'verify', name])).toMatchObject({ code: 0, out: `${path}: fits ${name}\n` });
    expect(await run(['models', 'verify', 'uplift:dinov2-b14', path])).toMatchObject({
      ...{ code: 1, out: expect.stringMatching(/does not fit uplift for dinov2-b14 \(768 channels\): tensor/) },
    });
  });

  it('gets those of all backbones from their own address, to a file of one’s own', async () => {
    server.on('/anyup_multi_backbone.pth', serves(randomFile('anyup', { channels: 384, stride: 16 })));
    const to = join(folder, 'own.pth');
    const { out, err, code } = await run(['models', 'get', 'anyup', '--to', to]);
    expect(code, err).toBe(0);
    expect(out).toContain(`to use it: clickprobe bench --upsamplers anyup --upsampler-weights anyup=${to}\n`);
    expect(existsSync(cache)).toBe(false);
    expect(await run(['models', 'verify', 'anyup:dino-s8', to])).toMatchObject({ code: 0 });
  });

  it.each<[string[], number, RegExp]>([
    [['get', 'jafar'], 2, /jafar has weights of its own for each backbone: name one with it: jafar:dinov2-s14, /],
    [['get', 'jafar:mobilesam'], 2, /no weights of jafar are published for mobilesam; there are for dinov2-s14/],
    [['get', 'bilinear'], 2, /bilinear is not learned: it needs no weights/],
    [['get', 'lift:dino-s16'], 69, /download "lift_dino_vits16\.pth" from https:.*in a browser/],
    [['get', 'anyup', '--revision', 'v1'], 2, /has no revisions: leave out --revision/],
    [['get', 'naf', '--attempts', '1'], 69, /could not download .*naf_release\.pth/s],
    [['get', 'naf', '--offline'], 69, /\(naf\) does not exist, and offline mode/],
    [['verify', 'naf'], 2, /not in the cache .*clickprobe models get naf/],
    [['verify', 'loftup:dinov2-s41'], 2, /unknown backbone "dinov2-s41"; did you mean "dinov2-s14"/],
  ])('%j: exit code %d', async (args, expected, says) => {
    const { err, code } = await run(['models', ...args]);
    expect(err).toMatch(says);
    expect(err).not.toMatch(/\n {4}at /);
    expect(code).toBe(expected);
  });
});
