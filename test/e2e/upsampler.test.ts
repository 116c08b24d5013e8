import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readSafetensors } from '../../src/weights/safetensors.ts';
import { run, start } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'clickprobe-e2e-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tiny = (out: string, ...more: string[]) => [
  ...['upsampler', 'train', 'lift', '--images', 'synthetic:2', '--out', out],
  ...['--size', '64', '--batch', '1', '--steps', '3', '--held-out', '1', ...more],
];

describe('clickprobe upsampler', () => {
  it('trains, is stopped, goes on, writes a file and a table, scores the file', async () => {
    const out = join(folder, 'lift');
    const { process: child, err, finished } = start(tiny(out, '--steps', '100000'));
    const log = join(out, 'training.jsonl');
    while (!existsSync(log) && child.exitCode === null) await new Promise(resolve => setTimeout(resolve, 50));
    child.kill('SIGINT');
    expect((await finished).code).toBe(130);
    expect(err()).toContain('the same command goes on');
    const done = readFileSync(log, 'utf8').trim().split('\n').length;
    expect(done).toBeGreaterThan(0);
    const checkpoint = readSafetensors(join(out, 'checkpoint.safetensors'));
    expect(checkpoint.metadata.step).toBe(String(done));

    const whole = await run(tiny(out, '--steps', String(done + 2), '--json'));
    expect(whole.err).toContain('going on');
    expect(whole.code).toBe(0);
    const result = JSON.parse(whole.out);
    expect(result).toMatchObject({ steps: done + 2, complete: true });
    const { metadata } = readSafetensors(result.file);
    expect(metadata).toMatchObject({ method: 'lift', backbone: 'mobilesam', channels: '256', steps: String(done + 2) });
    expect(existsSync(join(out, 'lock'))).toBe(false);

    const score = await run([
      ...['upsampler', 'score', 'lift', result.file, '--images', 'synthetic:2', '--size', '64', '--held-out', '1'],
    ]);
    expect(score.code).toBe(0);
    for (const word of ['cosine x2', 'MSE x2', 'bicubic', 'nearest', '1 held-out images'])
      expect(score.out).toContain(word);
    const row = result.rows.find((each: { upsampler: string }) => each.upsampler === 'lift');
    expect(score.out).toContain(row.cosine.toFixed(4));
  });

  it.each([
    ['no such upsampler', ['train', 'lifd', '--images', 'synthetic'], /no upsampler "lifd"/],
    ['one without parameters', ['train', 'bilinear', '--images', 'synthetic'], /bilinear is not learned/],
    ['no images', ['train', 'lift'], /--images/],
    ['a folder that is not there', ['train', 'lift', '--images', 'nowhere'], /there is no folder nowhere/],
    [
      'no such backbone',
      ['train', 'lift', '--images', 'synthetic', '--backbone', 'mobilsam'],
      /did you mean "mobilesam"/,
    ],
    ['a size that does not fit', ['train', 'lift', '--images', 'synthetic', '--size', '70'], /--size 70.*stride 16/],
    ['a share above 1', ['train', 'lift', '--images', 'synthetic', '--held-out-share', '5'], /--held-out-share 5/],
    ['no file', ['score', 'lift', 'nowhere.safetensors', '--images', 'synthetic'], /nowhere.safetensors/],
  ])('says what is wrong: %s', async (_, args, message) => {
    const out = args[0] === 'train' ? ['--out', join(folder, 'wrong')] : [];
    const finished = await run(['upsampler', ...args, ...out]);
    expect(finished.code).toBe(2);
    expect(finished.err).toMatch(message);
    expect(finished.err).not.toMatch(/\n {4}at /);
    expect(existsSync(join(folder, 'wrong', 'config.yaml'))).toBe(false);
  });
});
