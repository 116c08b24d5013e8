import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { serves, status, UnreliableServer } from '../../test/support/unreliable-server.ts';
import { hubSettings } from '../hub/settings.ts';
import { cachedOfficial, fetchOfficial, findOfficial, officialFor, officialWeights, placeText } from './official.ts';
import { findUpsampler } from './registry.ts';

const server = new UnreliableServer();
const folder = mkdtempSync(join(tmpdir(), 'clickprobe-official-'));
const data = Buffer.from('the weights');
let caches = 0;
beforeAll(() => server.start());
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  vi.stubEnv('CLICKPROBE_CACHE', join(folder, String(caches++)));
  vi.stubEnv('CLICKPROBE_OFFLINE', '');
  vi.stubEnv('CLICKPROBE_MIRROR', server.origin);
  vi.stubEnv('HF_ENDPOINT', server.origin);
  server.seen.length = 0;
});

const fetched = (name: string, backbone: string, more: Partial<Parameters<typeof fetchOfficial>[1]> = {}) =>
  fetchOfficial(officialFor(findUpsampler(name), backbone), {
    ...{ settings: hubSettings(), stallSeconds: 1, attempts: 1, check: async () => undefined },
    ...more,
  });

describe('officialFor', () => {
  it('prefers the weights of the backbone to those for all', () => {
    const anyup = findUpsampler('anyup');
    expect(officialFor(anyup, 'dinov2-s14')).toMatchObject({ name: 'anyup:dinov2-s14', backbone: 'dinov2-s14' });
    expect(officialFor(anyup, 'mobilesam')).toMatchObject({ name: 'anyup', backbone: 'any' });
    expect(placeText(officialFor(anyup, 'mobilesam').file)).toMatch(/^https:.*anyup_multi_backbone\.pth$/);
  });

  it('says where there are none, and what to do', () => {
    expect(findOfficial(findUpsampler('jafar'), 'mobilesam')).toBeUndefined();
    expect(() => officialFor(findUpsampler('loftup'), 'mobilesam')).toThrow(
      /^no weights of loftup are published for mobilesam; there are for dinov2-s14, .*\. Train one: clickprobe upsampler train loftup --backbone mobilesam --images DIR. To use a file: --upsampler-weights loftup=FILE$/,
    );
    expect(() => officialFor(findUpsampler('carafe'), 'mobilesam')).toThrow(
      /^no weights of carafe are published for mobilesam; clickprobe has no training for carafe\. To use a file: --upsampler-weights carafe=FILE$/,
    );
    expect(() => officialFor(findUpsampler('lift-repeated'), 'mobilesam')).toThrow(/upsampler train lift --backbone/);
    expect(officialWeights(findUpsampler('bilinear'))).toEqual([]);
  });
});

describe('fetchOfficial', () => {
  it('takes a file outside the hub from a mirror first, once', async () => {
    server.on('/naf_release.pth', serves(data));
    const { path, source } = await fetched('naf', 'mobilesam');
    expect(source).toBe(`${server.origin}/naf_release.pth`);
    expect(readFileSync(path).equals(data)).toBe(true);
    expect(cachedOfficial(officialFor(findUpsampler('naf'), 'dinov2-b14'))).toBe(path);
    expect((await fetched('naf', 'sam-b')).source).toBeUndefined();
    expect(server.requests('/naf_release.pth')).toBe(1);
  });

  it('keeps files of one name apart', async () => {
    const name = 'dinov2_jbu_stack_cocostuff.ckpt';
    server.on(`/${name}`, serves(data));
    const [one, two] = [await fetched('featup', 'dinov2-s14'), await fetched('featup-no-norm', 'dinov2-s14')];
    expect(one.path).not.toBe(two.path);
    expect(server.requests(`/${name}`)).toBe(2);
  });

  it('asks the hub for what is there', async () => {
    server.on('/haiwen/loftup-dinov2s/resolve/main/pytorch_model.bin', serves(data));
    const { path } = await fetched('loftup', 'dinov2-s14');
    expect(readFileSync(path).equals(data)).toBe(true);
    expect(cachedOfficial(officialFor(findUpsampler('loftup'), 'dinov2-s14'))).toBe(path);
  });

  it('keeps nothing that does not fit', async () => {
    server.on('/naf_release.pth', serves(data));
    vi.stubEnv('CLICKPROBE_MIRROR', server.origin);
    const check = async () => 'it does not fit';
    await expect(fetched('naf', 'mobilesam', { check })).rejects.toThrow(/it does not fit/);
    expect(cachedOfficial(officialFor(findUpsampler('naf'), 'mobilesam'))).toBeUndefined();
  });

  it('says what to do: no server has it, offline, a page for people, no revisions', async () => {
    server.on('/anyup_multi_backbone.pth', status(404));
    await expect(fetched('anyup', 'mobilesam')).rejects.toThrow(
      /could not download.*it answers 404.*CLICKPROBE_MIRROR.*--upsampler-weights anyup=FILE/s,
    );
    const seen = server.seen.length;
    await expect(fetched('anyup', 'mobilesam', { settings: hubSettings({ offline: true }) })).rejects.toThrow(
      /anyup\) does not exist, and offline mode/,
    );
    await expect(fetched('lift', 'dino-s16')).rejects.toThrow(
      /cannot be fetched by a program: download "lift_dino_vits16\.pth" from https:.*--upsampler-weights lift=FILE/,
    );
    await expect(fetched('anyup', 'mobilesam', { revision: 'v1' })).rejects.toThrow(/no revisions/);
    expect(server.seen).toHaveLength(seen);
  });
});
