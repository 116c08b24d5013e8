import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, tinyBench } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'clickprobe-compare-e2e-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const [a, b, seeded] = ['a', 'b', 'seeded'].map(name => join(folder, name));
/** The run `a` as if it had been made with another value of an entry. */
function copyWith(root: string, entry: string, value: string): void {
  cpSync(a, root, { recursive: true });
  const config = readFileSync(join(root, 'config.yaml'), 'utf8');
  const changed = config.replace(new RegExp(`^( *${entry}: ).*$`, 'm'), `$1${value}`);
  if (changed === config) throw new Error(`no entry ${entry}`);
  writeFileSync(join(root, 'config.yaml'), changed);
}

beforeAll(async () => {
  const { code, err } = await run(tinyBench(a, '--upsamplers', 'none,bilinear'));
  if (code !== 0) throw new Error(err);
  copyWith(b, 'learningRate', '0.01');
  copyWith(seeded, 'dataSeed', '1');
});

describe('clickprobe compare', () => {
  it('compares two runs and says what differs between them', async () => {
    const { code, out, err } = await run(['compare', a, b]);
    expect(err).toBe('');
    expect(code).toBe(0);
    expect(out).toContain('training.learningRate 0.001 and 0.01');
    for (const name of ['none', 'bilinear']) expect(out).toContain(`: ${name}, ${a} -> ${b}`);
    expect(out).toMatch(/NoC90 .*->.*\[.*\] {2}p \d\.\d{4}/);
    expect(out).toMatch(/chance|no difference/);
  });

  it('compares the upsamplers of one run, as JSON lines', async () => {
    const { code, out } = await run(['compare', a, '--baseline', 'bilinear', '--metric', 'noc90,iou1', '--json']);
    expect(code).toBe(0);
    const lines = out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line));
    expect(lines.map(line => line.metric)).toEqual(['noc90', 'iou1']);
    for (const line of lines) {
      expect([line.first.upsampler, line.second.upsampler]).toEqual(['bilinear', 'none']);
      expect(line.objects).toBeGreaterThan(0);
      expect(line.interval[0]).toBeLessThanOrEqual(line.difference);
      expect(line.interval[1]).toBeGreaterThanOrEqual(line.difference);
      expect(line.p).toBeGreaterThan(0);
      expect(line.verdict).toMatch(/./);
    }
  });

  it('gives the same numbers again', async () => {
    const args = ['compare', a, b, '--metric', 'all', '--json'];
    expect((await run(args)).out).toBe((await run(args)).out);
  });

  it.each([
    ['no run', () => ['compare', folder], /is not a run folder/],
    ['a missing folder', () => ['compare', a, join(folder, 'nowhere')], /there is no folder .*nowhere/],
    ['one run across runs', () => ['compare', a, '--across', 'runs'], /at least two run folders, got 1/],
    ['a misspelt metric', () => ['compare', a, '--metric', 'noc9'], /unknown metric "noc9".*did you mean "noc90"/],
    ['a misspelt way', () => ['compare', a, '--across', 'run'], /did you mean "runs"/],
    ['a metric that was not measured', () => ['compare', a, '--metric', 'miou5'], /5-mIoU is not known/],
    ['scenes of another seed', () => ['compare', a, seeded], /not the same objects/],
    ['no folder', () => ['compare'], /missing required argument 'run'/],
  ])('refuses %s', async (_, args, says) => {
    const { code, out, err } = await run(args());
    expect(err).toMatch(says);
    expect(err).not.toMatch(/\n {4}at /);
    expect(code).toBe(2);
    expect(out).toBe('');
  });

  it('teaches with --help', async () => {
    const { code, out } = await run(['compare', '--help']);
    expect(code).toBe(0);
    for (const word of ['--across', 'Examples:', 'How to read it', 'Exit codes']) expect(out).toContain(word);
  });
});
