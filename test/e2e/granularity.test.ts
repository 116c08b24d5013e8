import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { ResultRow } from '../../src/report/types.ts';
import { readSafetensors } from '../../src/weights/safetensors.ts';
import { run, set, tinyBench } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'clickprobe-granularity-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const base = join(folder, 'base');
const parts = join(folder, 'parts');

const train = (out: string, ...more: string[]) =>
  run([
    ...['granularity', 'train', '--from', base, '--data', `granular:${parts}`, '--out', join(folder, out)],
    ...['--oracle', '80', '--epochs', '1', ...set('training.epochLength', 2), ...more],
  ]);

describe('clickprobe granularity', () => {
  it('makes parts with a trained probe, and goes on where it was stopped', async () => {
    const bench = await run(tinyBench(base, '--upsamplers', 'none'));
    expect([bench.code, bench.err]).toEqual([0, bench.err]);
    const make = ['granularity', 'make', 'synthetic:2', '--from', base, '--out', parts];
    const first = await run([...make, '--pictures', '2', '--json']);
    expect([first.code, first.err]).toEqual([0, first.err]);
    const summary = JSON.parse(first.out);
    expect(summary.images).toBe(2);
    expect(summary.parts).toBeGreaterThan(2);
    expect(Object.keys(summary.counts)).toEqual(Array.from({ length: 10 }, (_, i) => ((i + 1) / 10).toFixed(1)));
    const annotations = readFileSync(join(parts, 'annotations.json'), 'utf8');
    expect(JSON.parse(annotations).annotations).toHaveLength(summary.parts);
    expect(readFileSync(join(parts, 'pictures.html'), 'utf8')).toContain('synthetic-train-0001');

    // as a process leaves it that was killed within its second line
    const [line] = readFileSync(join(parts, 'proposals.jsonl'), 'utf8').split('\n');
    writeFileSync(join(parts, 'proposals.jsonl'), `${line}\n{"id":"synth`);
    rmSync(join(parts, 'annotations.json'));
    const second = await run([...make, '--pictures', '2']);
    expect(second.err).toContain('going on in');
    expect(second.out).toContain(`granular:${parts}`);
    expect(readFileSync(join(parts, 'annotations.json'), 'utf8')).toBe(annotations);

    const other = await run([...make, '--seed', '1']);
    expect([other.code, other.err]).toEqual([2, expect.stringContaining('were made otherwise')]);
  });

  it('trains LoRA and the table alone, and evaluates with granularity 1 and by the oracle', async () => {
    const { code, err, out } = await train('granular', '--json');
    expect([code, err]).toEqual([0, err]);
    const rows = out
      .trim()
      .split('\n')
      .map(row => JSON.parse(row) as ResultRow);
    expect(rows.map(({ dataset }) => dataset)).toEqual(['synthetic-val', 'synthetic-val_oracle-80']);
    // what the oracle does not count clicks to is not known
    expect(rows[1].noc90).toBeNull();
    expect(rows[1].noc80).not.toBeNull();
    const { tensors } = readSafetensors(join(folder, 'granular', 'probes', 'none', 'checkpoint.safetensors'));
    const names = [...tensors.keys()].filter(name => name.startsWith('parameter.'));
    expect(names).toContain('parameter.granular.table.weight');
    expect(names.filter(name => name.endsWith('lora_A'))).toHaveLength(10);
    expect(names.every(name => name.startsWith('parameter.granular.'))).toBe(true);
    const curves = JSON.parse(
      readFileSync(join(folder, 'granular', 'curves', 'none', 'synthetic-val_oracle-80.json'), 'utf8'),
    );
    expect(curves.curves.every(({ granularity }: { granularity: number }) => granularity > 0)).toBe(true);
    expect(readFileSync(join(folder, 'granular', 'report.html'), 'utf8')).toContain('an oracle');
    expect(existsSync(join(base, 'lock'))).toBe(false);
  });

  it('says what is wrong', async () => {
    const cases: [string[], RegExp][] = [
      [['--joint'], /none has no parameters that could be trained/],
      [['--upsamplers', 'bilinear'], /has no trained probe with the upsampler bilinear/],
      [['--data', 'synthetic'], /synthetic has objects without granularities.*granularity make synthetic --from/],
      [['--oracle', '0.9x'], /expected IoUs in percent/],
    ];
    for (const [more, message] of cases) {
      const { code, err } = await train('wrong', ...more);
      expect([code, err]).toEqual([2, expect.stringMatching(message)]);
      expect(existsSync(join(folder, 'wrong', 'config.yaml'))).toBe(false);
    }
    const none = await run(['granularity', 'make', 'synthetic', '--from', folder]);
    expect([none.code, none.err]).toEqual([2, expect.stringMatching(/is not a run folder/)]);
  });
});
