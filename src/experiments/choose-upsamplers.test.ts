import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeEach, expect, it, vi } from 'vitest';
import { upsamplers } from '../upsamplers/registry.ts';
import { withUpsamplersNamed } from './choose-upsamplers.ts';
import { resolveConfig } from './resolve-config.ts';
import { makeProbes } from './setup.ts';

const cache = mkdtempSync(join(tmpdir(), 'clickprobe-choose-'));
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true, force: true });
});
beforeEach(() => {
  vi.stubEnv('CLICKPROBE_CACHE', cache);
});

const chosen = (names: string[], overrides: Record<string, unknown> = {}) =>
  withUpsamplersNamed(resolveConfig({ preset: 'quick', overrides: { ...overrides, upsamplers: names } }));
const unlearned = upsamplers.filter(({ learned }) => !learned).map(({ name }) => name);

it('leaves names as they are', () => {
  const config = resolveConfig({ preset: 'quick' });
  expect(withUpsamplersNamed(config)).toEqual({ config, notes: [] });
});

it('unlearned: every one that needs no weights, after what is named before it', () => {
  const { config, notes } = chosen(['jbu', 'unlearned']);
  expect(config.upsamplers).toEqual(['jbu', ...unlearned.filter(name => name !== 'jbu')]);
  expect(config.upsamplers).toContain('large-image-x4');
  expect(notes).toEqual([]);
});

it('all: also learned ones whose weights are given, and says why the others are left out', () => {
  const { config, notes } = chosen(['all'], { upsamplerWeights: { anyup: 'anyup.pth', lift: 'lift.pth' } });
  expect([...config.upsamplers].sort()).toEqual([...unlearned, 'anyup', 'lift'].sort());
  expect(notes).toHaveLength(1);
  const left = notes[0].split('\n').slice(1);
  expect(left).toHaveLength(upsamplers.length - config.upsamplers.length);
  expect(left).toContain('  loftup: no weights are published for mobilesam');
  expect(left).toContain('  naf: its weights are not here: clickprobe models get naf fetches them');
});

it('all: also learned ones whose weights are in the cache', () => {
  const path = join(cache, 'hub/haiwen/loftup-dinov2s/snapshots/main/pytorch_model.bin');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, '');
  const { config, notes } = chosen(['all'], { backbone: 'dinov2-s14' });
  expect(config.upsamplers).toContain('loftup');
  expect(notes[0]).toContain('  jafar: its weights are not here: clickprobe models get jafar:dinov2-s14');
  expect(notes[0]).toMatch(/ {2}lift: its weights are at https:.*--upsampler-weights/);
});

it('all: not what cannot run at the size', () => {
  const { config, notes } = chosen(['all'], { upsamplerWeights: { naf: 'naf.pth' }, training: { size: 112 } });
  expect(config.upsamplers).not.toContain('naf');
  expect(notes[0]).toMatch(/ {2}naf: at 112 x 112 px: naf: windows of 9 cells/);
  expect(() =>
    makeProbes(chosen(['naf'], { upsamplerWeights: { naf: 'naf.pth' }, training: { size: 112 } }).config),
  ).toThrow(/^naf cannot run on mobilesam at 112 x 112 px: naf: windows of 9 cells.*\(--set training\.size=N/);
});

it('files are for upsamplers that there are', () => {
  expect(() => makeProbes(chosen(['none'], { upsamplerWeights: { anyupp: 'x' } }).config)).toThrow(
    /no upsampler "anyupp": did you mean "anyup"/,
  );
});
