import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { ResultRow } from '../../src/report/types.ts';
import { readSafetensors } from '../../src/weights/safetensors.ts';
import { type Finished, run, set, start, tinyBench } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'clickprobe-e2e-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

describe('clickprobe bench', () => {
  const out = join(folder, 'whole');
  const upsamplers = ['none', 'bilinear', 'jbu'];
  let finished: Finished;
  beforeAll(async () => {
    finished = await run(tinyBench(out, '--upsamplers', upsamplers.join()));
  });

  it('prints the table and succeeds', () => {
    expect(finished.err).not.toMatch(/Error/);
    expect(finished.code).toBe(0);
    for (const word of ['NoC80', 'NoC90', 'IoU@1', ...upsamplers, 'report.html']) expect(finished.out).toContain(word);
  });

  it('tells progress with time left', () => {
    expect(finished.err).toMatch(/\[\d\/3\] \w+: (train|evaluate)/);
    expect(finished.err).toMatch(/done in (\d+ min )?\d+ s/);
  });

  it('writes one result per upsampler and set, in range', () => {
    const rows = readJson(join(out, 'results.json')) as ResultRow[];
    expect(rows.map(row => row.upsampler)).toEqual(upsamplers);
    for (const row of rows) {
      expect(row.objects).toBeGreaterThan(0);
      expect(row.secondsPerClick).toBeGreaterThan(0);
      for (const key of ['noc80', 'noc85', 'noc90'] as const) {
        const [value, interval] = [row[key]!, row.ci[key]!];
        expect(value).toBeGreaterThanOrEqual(1);
        expect(value).toBeLessThanOrEqual(2);
        expect(interval[0]).toBeLessThanOrEqual(value);
        expect(interval[1]).toBeGreaterThanOrEqual(value);
      }
      expect(row.iou1).toBeGreaterThanOrEqual(0);
      expect(row.iou1).toBeLessThanOrEqual(1);
    }
  });

  it('keeps configuration, versions, hash, curves, logs and checkpoints', () => {
    expect(parse(readFileSync(join(out, 'config.yaml'), 'utf8'))).toMatchObject({ upsamplers, backbone: 'mobilesam' });
    const environment = readJson(join(out, 'environment.json'));
    expect(environment.backbone.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(environment.versions['onnxruntime-node']).toMatch(/^\d+\./);
    for (const upsampler of upsamplers) {
      const { complete, curves } = readJson(join(out, 'curves', upsampler, 'synthetic-val.json'));
      expect(complete).toBe(true);
      for (const curve of curves) expect(curve.ious).toHaveLength(2);
      const checkpoint = readSafetensors(join(out, 'probes', upsampler, 'checkpoint.safetensors'));
      expect(checkpoint.metadata.step).toBe('2');
      const log = readFileSync(join(out, 'probes', upsampler, 'training.jsonl'), 'utf8')
        .trim()
        .split('\n');
      expect(log.map(line => JSON.parse(line).step)).toEqual([1, 2]);
    }
    expect(readdirSync(out)).not.toContain('lock');
  });

  it('keeps events for TensorBoard', () => {
    for (const upsampler of upsamplers) {
      const files = readdirSync(join(out, 'probes', upsampler)).filter(name => name.startsWith('events.out.tfevents.'));
      expect(files).toHaveLength(1);
      const events = readFileSync(join(out, 'probes', upsampler, files[0]), 'latin1');
      for (const tag of ['train/loss', 'train/iou', 'train/learning rate', 'sample/prediction', '\x89PNG']) {
        expect(events).toContain(tag);
      }
    }
  });

  it('writes a report that needs nothing from outside', () => {
    const html = readFileSync(join(out, 'report.html'), 'utf8');
    for (const name of upsamplers) expect(html).toContain(name);
    expect(html).toContain('<svg');
    expect(html).toContain('data:image/');
    expect(html).not.toMatch(/(src|href)="https?:/);
  });

  it('gives the finished run again at once, as JSON lines', async () => {
    const again = await run(tinyBench(out, '--upsamplers', upsamplers.join(), '--json'));
    expect(again.code).toBe(0);
    const rows = again.out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line));
    expect(rows).toEqual(readJson(join(out, 'results.json')));
  });

  it('refuses a folder of another configuration, naming what differs', async () => {
    const { code, err } = await run(tinyBench(out, '--upsamplers', upsamplers.join(), '--seed', '1'));
    expect(code).toBe(2);
    expect(err).toContain('seed: there 0, asked for 1');
  });
});

describe('several seeds with every kind of row', () => {
  const out = join(folder, 'seeds');
  const roots = [3, 4].map(seed => join(out, `seed-${seed}`));
  const sets = ['synthetic-val', 'synthetic-val_random-clicks'];
  let finished: Awaited<ReturnType<typeof run>>;
  beforeAll(async () => {
    const options = ['--seed', '3', '--seeds', '2', '--baselines', 'sam', '--boundary', '--random-clicks', '2'];
    finished = await run([...tinyBench(out, '--upsamplers', 'none'), ...options, '--no-curves', '--mode', 'whole96']);
  });

  it('leaves a run for each seed', () => {
    expect(finished.err).not.toMatch(/Error/);
    expect(finished.code).toBe(0);
    for (const [i, root] of roots.entries()) {
      expect(parse(readFileSync(join(root, 'config.yaml'), 'utf8'))).toMatchObject({ seed: 3 + i, dataSeed: 0 });
      const rows = readJson(join(root, 'results.json')) as ResultRow[];
      expect(rows.map(row => [row.upsampler, row.dataset])).toEqual(
        ['sam', 'none'].flatMap(upsampler => sets.map(set => [upsampler, set])),
      );
      for (const row of rows) {
        expect(row.biou1).toBeGreaterThanOrEqual(0);
        // objects were stopped at 90 %
        expect(row.noc95).toBeNull();
      }
      const { curves } = readJson(join(root, 'curves', 'none', 'synthetic-val_random-clicks.json'));
      expect(new Set(curves.map((curve: { repetition: number }) => curve.repetition))).toEqual(new Set([0, 1]));
    }
  });

  it('prints and stores means with their spread', () => {
    for (const word of ['2 seeds', 'NoC90', '±', 'none', 'sam']) expect(finished.out).toContain(word);
    const rows = readJson(join(out, 'results.json'));
    expect(rows).toHaveLength(4);
    for (const row of rows) {
      const each = roots.flatMap(root =>
        (readJson(join(root, 'results.json')) as ResultRow[]).filter(
          single => single.upsampler === row.upsampler && single.dataset === row.dataset,
        ),
      );
      expect(row.iou1).toBeCloseTo((each[0].iou1 + each[1].iou1) / 2, 6);
      expect(row.seeds).toMatchObject({ count: 2, iou1: { min: Math.min(each[0].iou1, each[1].iou1) } });
    }
    // another training seed changes the probe, not what does not train
    const sam = rows.find((row: ResultRow) => row.upsampler === 'sam' && row.dataset === sets[0]);
    expect(sam.seeds.iou1.std).toBe(0);
  });
});

describe('a stopped run', () => {
  const longer = (out: string) => [
    ...tinyBench(out, '--upsamplers', 'none'),
    ...set('training.epochLength', 24),
    ...set('training.checkpointSeconds', 0.001),
  ];
  const checkpointOf = (out: string) => join(out, 'probes', 'none', 'checkpoint.safetensors');
  const whole = join(folder, 'straight');
  beforeAll(async () => {
    expect((await run(longer(whole))).code).toBe(0);
  });

  const stopWhenTraining = async (out: string, signal: NodeJS.Signals) => {
    const running = start(longer(out));
    while (!existsSync(checkpointOf(out)) && running.process.exitCode === null) {
      await new Promise(resolve => setTimeout(resolve, 20));
    }
    running.process.kill(signal);
    return running.finished;
  };

  const expectSameAsStraight = (out: string) => {
    expect(readFileSync(checkpointOf(out)).equals(readFileSync(checkpointOf(whole)))).toBe(true);
    const [a, b] = [out, whole].map(run => readJson(join(run, 'results.json')) as ResultRow[]);
    const numbers = (rows: ResultRow[]) => rows.map(({ secondsPerClick: _, ...row }) => row);
    expect(numbers(a)).toEqual(numbers(b));
    const log = readFileSync(join(out, 'probes', 'none', 'training.jsonl'), 'utf8')
      .trim()
      .split('\n');
    expect(log.map(line => JSON.parse(line).step)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
  };

  it('goes on exactly after being killed', async () => {
    const out = join(folder, 'killed');
    expect((await stopWhenTraining(out, 'SIGKILL')).signal).toBe('SIGKILL');
    const again = await run(longer(out));
    expect(again.err).toContain('going on in');
    expect(again.code).toBe(0);
    expectSameAsStraight(out);
  });

  it('saves on Ctrl-C, says how to go on, and does so exactly', async () => {
    const out = join(folder, 'interrupted');
    const stopped = await stopWhenTraining(out, 'SIGINT');
    expect(stopped.code).toBe(130);
    expect(stopped.err).toContain('the same command again');
    expect(existsSync(join(out, 'lock'))).toBe(false);
    expect((await run(longer(out))).code).toBe(0);
    expectSameAsStraight(out);
  });
});
