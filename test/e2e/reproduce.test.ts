import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/experiments/reproduce/outcome.ts';
import { run, set, start } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'clickprobe-reproduce-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The smallest run of a target that does everything. */
const tiny = (target: string, ...more: string[]) => [
  ...['reproduce', target, '--backbone', 'mobilesam', '--train', 'synthetic:3', '--datasets', 'synthetic:1'],
  ...['--out', join(folder, target), '--scale', '0.001'],
  ...set('headWidth', 8),
  ...set('training.epochs', 1),
  ...set('training.epochLength', 2),
  ...set('training.batch', 2),
  ...set('training.maxRounds', 0),
  ...set('evaluation.maxClicks', 3),
  ...set('evaluation.flip', false),
  ...more,
];

describe('clickprobe reproduce', () => {
  it('sets a table beside the published one, and goes on where it was stopped', async () => {
    const running = start(tiny('table2'));
    const deadline = Date.now() + 240_000;
    while (!existsSync(join(folder, 'table2', 'linear', 'results.json')) && Date.now() < deadline) {
      await new Promise(resolve => setTimeout(resolve, 50));
    }
    running.process.kill('SIGINT');
    const stopped = await running.finished;
    expect([stopped.code, stopped.err]).toEqual([130, expect.stringContaining('the same command again goes on')]);
    expect(stopped.err).toMatch(/at scale 0.001 this takes at most about \d+/);

    const { code, out, err } = await run(tiny('table2'));
    expect([code, err]).toEqual([0, err]);
    expect(err).toContain('going on in');
    expect(err).not.toContain('takes at most');
    const outcome = JSON.parse(readFileSync(join(folder, 'table2', 'reproduce.json'), 'utf8')) as Outcome;
    expect(outcome.lines.map(({ published }) => published?.scores.noc90)).toEqual([14.06, 13.2, 9.8]);
    expect(outcome.lines.every(({ ours }) => ours !== null && ours.dataset === 'synthetic-val')).toBe(true);
    const differing = outcome.setUp.filter(({ differs }) => differs).map(({ what }) => what);
    expect(differing).toEqual(expect.arrayContaining(['backbone', 'training set', 'training steps', 'test sets']));
    expect(outcome.setUp.find(({ what }) => what === 'else')?.ours).toContain('headWidth 8');
    expect(out).toContain(readFileSync(join(folder, 'table2', 'table.md'), 'utf8'));
    expect(readFileSync(join(folder, 'table2', 'report.html'), 'utf8')).toContain('head simple-conv');
  }, 300_000);

  it('draws features, and masks after the first and the third click', async () => {
    const upsamplers = ['--upsamplers', 'none,bilinear'];
    const features = await run(tiny('fig1', ...upsamplers));
    expect([features.code, features.err]).toEqual([0, features.err]);
    expect(existsSync(join(folder, 'fig1', 'fig1-1.png'))).toBe(true);
    const masks = await run(tiny('fig2', ...upsamplers, '--json'));
    expect([masks.code, masks.err]).toEqual([0, masks.err]);
    expect((JSON.parse(masks.out) as Outcome).target).toBe('fig2');
    expect(existsSync(join(folder, 'fig2', 'fig2-1.png'))).toBe(true);
    const html = readFileSync(join(folder, 'fig2', 'report.html'), 'utf8');
    for (const text of ['1 click', '3 clicks']) expect(html).toContain(text);
    expect(html).not.toContain('5 clicks');
  });

  it('runs multi-granular probes after those they start from', async () => {
    const { code, out, err } = await run(tiny('table3', '--upsamplers', 'none', '--json'));
    expect([code, err]).toEqual([0, err]);
    const { lines } = JSON.parse(out) as Outcome;
    expect(lines.map(({ ours, published }) => [ours?.dataset, published?.scores.noc90])).toEqual([
      ['synthetic-val', 10.8],
      [undefined, 8.02],
      ['synthetic-val', undefined],
      ['synthetic-val_oracle-90', 18.88],
      [undefined, 13.92],
    ]);
  });

  it('says what there is, and what is wrong', async () => {
    const listed = await run(['reproduce', '--list']);
    for (const name of ['table1', 'main', 'fair', 'fig3']) expect(listed.out).toContain(name);
    const cases: [string[], RegExp][] = [
      [['table9'], /unknown target "table9"/],
      [[], /what to reproduce\? table1/],
      [['main', '--scale', '2'], /--scale 2: expected a share/],
      [['main', '--upsamplers', 'bilinearr'], /bilinear/],
      [['main', '--upsamplers', 'none', '--upsampler-weights', 'lift=a.pth'], /does not run lift/],
      [['main', '--set', 'training.epoch=1', '--backbone', 'mobilesam'], /unknown entry "training.epoch"/],
    ];
    for (const [args, message] of cases) {
      const { code, err } = await run(['reproduce', ...args, '--out', join(folder, 'wrong')]);
      expect([code, err]).toEqual([2, expect.stringMatching(message)]);
    }
    expect(existsSync(join(folder, 'wrong'))).toBe(false);
  });
});
