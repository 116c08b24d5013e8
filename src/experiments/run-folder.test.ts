import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import type { Config } from './config.ts';
import { presets } from './presets.ts';
import { resolveConfig } from './resolve-config.ts';
import { comparable, RunFolder } from './run-folder.ts';

let root: string;
beforeEach(() => {
  root = join(mkdtempSync(join(tmpdir(), 'clickprobe-run-')), 'run');
});
afterEach(() => rmSync(join(root, '..'), { recursive: true, force: true }));

const config = (...set: string[]): Config => resolveConfig({ preset: 'quick', set });

describe('open', () => {
  it.each(presets.map(({ name }) => name))('makes the folder, then goes on with an equal configuration: %s', preset => {
    const same = () => resolveConfig({ preset });
    expect(new RunFolder(root).open(same())).toBe(false);
    const written = readFileSync(join(root, 'config.yaml'), 'utf8');
    expect(new RunFolder(root).open(same())).toBe(true);
    expect(readFileSync(join(root, 'config.yaml'), 'utf8')).toBe(written);
    expect(resolveConfig({ preset: 'quick', file: join(root, 'config.yaml') })).toEqual(same());
  });

  it('lists every entry that differs, and changes nothing', () => {
    const folder = new RunFolder(root);
    folder.open(config());
    const other = config('seed=7', 'training.augment.scale=[1, 2]', 'evaluation.targetIou=0.9', 'upsamplers=[none]');
    let message = '';
    try {
      folder.open(other);
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      message = (error as UserError).message;
    }
    const { upsamplers, seed, training } = config();
    const there = (value: unknown) => `there ${JSON.stringify(value)}`;
    expect(message.split('\n')).toEqual([
      `${root} holds a run of another configuration:`,
      `  upsamplers: ${there(upsamplers)}, asked for ["none"]`,
      '  evaluation.targetIou: there null, asked for 0.9',
      `  seed: ${there(seed)}, asked for 7`,
      `  training.augment.scale: ${there(training.augment.scale)}, asked for [1,2]`,
      'Choose another folder with --out, or remove this one',
    ]);
    expect(folder.open(config())).toBe(true);
  });

  it('goes on where only the speed differs', () => {
    const folder = new RunFolder(root);
    folder.open(config('threads=1'));
    expect(folder.open(config('threads=2', 'training.checkpointSeconds=3', 'training.workers=3'))).toBe(true);
    expect(() => folder.open(config('threads=2', 'training.checkpointSeconds=3', 'training.batch=3'))).toThrow(
      /configuration:\n {2}training\.batch: there \d+, asked for 3\nChoose/,
    );
  });

  it.each([
    ['no YAML', 'a: [', /config\.yaml is not valid YAML/],
    ['another file', 'hello: world\n', /config\.yaml does not fit:/],
    ['no entries', '- 1\n', /config\.yaml must hold entries/],
  ])('says which file is damaged: %s', (_, text, message) => {
    mkdirSync(root);
    writeFileSync(join(root, 'config.yaml'), text);
    expect(() => new RunFolder(root).open(config())).toThrow(message);
    expect(() => new RunFolder(root).open(config())).toThrow(UserError);
    expect(readFileSync(join(root, 'config.yaml'), 'utf8')).toBe(text);
  });
});

describe('comparable', () => {
  it('is all but threads, memory, workers, time between checkpoints and what is not in use', () => {
    const { threads, memory, training, onnx, upsamplerWeights, granularity, ...rest } = config();
    const { checkpointSeconds, workers, ...decisive } = training;
    expect(comparable(config())).toEqual({ ...rest, training: decisive });
    expect(checkpointSeconds).toBeGreaterThan(0);
    expect(onnx.scale).toBe('auto');
    expect(upsamplerWeights).toEqual({});
    expect(granularity).toBeNull();
    expect(threads).toBeNull();
    expect(memory).toBe(2e9);
    expect(workers).toBeNull();
  });
});

describe('paths', () => {
  it('are inside the folder, one for each upsampler and set', () => {
    const folder = new RunFolder(root);
    const kinds = [folder.curves, folder.pictures];
    const paths = [
      ...[folder.config, folder.environment, folder.results, folder.report],
      ...['none', 'jbu'].flatMap(upsampler => [
        folder.checkpoint(upsampler),
        folder.trainingLog(upsampler),
        ...kinds.flatMap(kind => ['a', 'b'].map(set => kind(upsampler, set))),
      ]),
    ];
    expect(new Set(paths).size).toBe(paths.length);
    for (const path of paths) expect(path.startsWith(join(root, '/'))).toBe(true);
  });
});

describe('lock', () => {
  const lockFile = () => join(root, 'lock');

  it('makes the folder, holds the process id, and is gone after release', () => {
    const lock = new RunFolder(root).lock();
    expect(readFileSync(lockFile(), 'utf8')).toBe(String(process.pid));
    lock.release();
    expect(readdirSync(root)).toEqual([]);
    lock.release();
  });

  it('keeps others out while its process lives', () => {
    mkdirSync(root);
    writeFileSync(lockFile(), String(process.ppid));
    const take = () => new RunFolder(root).lock();
    expect(take).toThrow(`process ${process.ppid} is working in ${root}. Wait for it, stop it`);
    expect(take).toThrow(UserError);
    expect(readFileSync(lockFile(), 'utf8')).toBe(String(process.ppid));
  });

  it('is taken over from a process that ended', () => {
    const { pid } = spawnSync(process.execPath, ['--version']);
    expect(() => process.kill(pid, 0)).toThrow();
    mkdirSync(root);
    writeFileSync(lockFile(), String(pid));
    new RunFolder(root).lock().release();
    expect(existsSync(lockFile())).toBe(false);
  });

  it.each(['', 'rubbish', '0', '-1', '1.5'])('is taken over where it names no process: "%s"', text => {
    mkdirSync(root);
    writeFileSync(lockFile(), text);
    new RunFolder(root).lock();
    expect(readFileSync(lockFile(), 'utf8')).toBe(String(process.pid));
  });
});
