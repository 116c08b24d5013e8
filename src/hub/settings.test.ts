import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '../base/errors.ts';
import { cacheFolder, hubSettings } from './settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'clickprobe-settings-'));
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});
const names = ['CLICKPROBE_CACHE', 'CLICKPROBE_OFFLINE', 'XDG_CACHE_HOME', 'HF_ENDPOINT', 'HF_TOKEN'];
beforeEach(() => {
  for (const name of [...names, 'HUGGING_FACE_HUB_TOKEN', 'HF_TOKEN_PATH']) vi.stubEnv(name, '');
  vi.stubEnv('HF_HOME', join(folder, 'home'));
});

describe('cacheFolder', () => {
  it('is CLICKPROBE_CACHE, else in XDG_CACHE_HOME, else in ~/.cache', () => {
    expect(cacheFolder()).toBe(join(homedir(), '.cache/clickprobe'));
    vi.stubEnv('XDG_CACHE_HOME', 'relative');
    expect(cacheFolder()).toBe(join(homedir(), '.cache/clickprobe'));
    vi.stubEnv('XDG_CACHE_HOME', '/big');
    expect(cacheFolder()).toBe('/big/clickprobe');
    vi.stubEnv('CLICKPROBE_CACHE', '/own');
    expect(cacheFolder()).toBe('/own');
  });
});

describe('hubSettings', () => {
  it('asks huggingface.co, else HF_ENDPOINT, else the mirror', () => {
    expect(hubSettings()).toEqual({ endpoint: 'https://huggingface.co', offline: false, token: undefined });
    vi.stubEnv('HF_ENDPOINT', 'https://hub.example.org/');
    expect(hubSettings().endpoint).toBe('https://hub.example.org');
    expect(hubSettings({ mirror: 'http://10.0.0.5:8080/hf//' }).endpoint).toBe('http://10.0.0.5:8080/hf');
  });

  it('gives HF_TOKEN to the hub, and to no mirror', () => {
    vi.stubEnv('HF_TOKEN', ' hf_secret\n');
    expect(hubSettings().token).toEqual({ value: 'hf_secret', from: 'HF_TOKEN' });
    expect(hubSettings({ mirror: 'https://mirror.example.org' }).token).toBeUndefined();
    vi.stubEnv('HF_ENDPOINT', 'https://hub.example.org');
    expect(hubSettings().token?.value).toBe('hf_secret');
  });

  it('gives the saved token to huggingface.co alone', () => {
    const path = join(folder, 'token');
    writeFileSync(path, 'hf_saved\n');
    vi.stubEnv('HF_HOME', folder);
    expect(hubSettings().token).toEqual({ value: 'hf_saved', from: path });
    vi.stubEnv('HF_ENDPOINT', 'https://huggingface.co.example.org');
    expect(hubSettings().token).toBeUndefined();
    vi.stubEnv('HF_ENDPOINT', 'http://huggingface.co');
    expect(hubSettings().token).toBeUndefined();
    vi.stubEnv('HF_ENDPOINT', '');
    vi.stubEnv('HF_TOKEN_PATH', join(folder, 'none'));
    expect(hubSettings().token).toBeUndefined();
    vi.stubEnv('HF_TOKEN_PATH', folder);
    expect(() => hubSettings()).toThrow(/cannot read the token in .*Set HF_TOKEN/);
  });

  it('is offline by option or variable', () => {
    expect(hubSettings({ offline: true }).offline).toBe(true);
    vi.stubEnv('CLICKPROBE_OFFLINE', '0');
    expect(hubSettings().offline).toBe(false);
    vi.stubEnv('CLICKPROBE_OFFLINE', '1');
    expect(hubSettings().offline).toBe(true);
    vi.stubEnv('CLICKPROBE_OFFLINE', 'yes');
    expect(() => hubSettings()).toThrow('CLICKPROBE_OFFLINE is "yes", expected 1 or 0');
  });

  it.each(['hub.example.org', 'ftp://hub.example.org', 'https://hub.example.org/?a=b'])('refuses %s as a hub', url => {
    expect(() => hubSettings({ mirror: url })).toThrow(UserError);
    vi.stubEnv('HF_ENDPOINT', url);
    expect(() => hubSettings()).toThrow(`HF_ENDPOINT is "${url}"`);
  });

  it('does not print what it refuses as a token', () => {
    vi.stubEnv('HF_TOKEN', 'hf_sec ret');
    expect(() => hubSettings()).toThrow(/^what HF_TOKEN holds is no token: (?!.*sec)/);
  });
});
