import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { ResultRow } from '../../src/report/types.ts';
import { readSafetensors } from '../../src/weights/safetensors.ts';
import { run, set, tinyBench } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'clickprobe-architectures-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** On small pictures. */
const small = (name: string, ...more: string[]) =>
  tinyBench(join(folder, name), ...set('training.size', 96), '--mode', 'whole96', ...more);

/** Trains and evaluates; gives the rows and the names of the trained parameters of an upsampler. */
async function finished(name: string, upsampler: string, ...more: string[]) {
  const { code, err } = await run(small(name, '--upsamplers', upsampler, ...more));
  expect(err).not.toMatch(/Error/);
  expect(code).toBe(0);
  const out = join(folder, name);
  const checkpoint = readSafetensors(join(out, 'probes', upsampler, 'checkpoint.safetensors'));
  return {
    rows: JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')) as ResultRow[],
    parameters: [...checkpoint.tensors.keys()].filter(each => each.startsWith('parameter.')),
    config: parse(readFileSync(join(out, 'config.yaml'), 'utf8')),
    report: readFileSync(join(out, 'report.html'), 'utf8'),
  };
}

describe('clickprobe bench', () => {
  it.each([
    ['simple-fpn', 'none'],
    ['upsampler-fpn', 'jbu'],
    ['upsampler-fpn-wide', 'bilinear'],
  ])('trains and evaluates the neck %s on %s', async (neck, upsampler) => {
    const { rows, parameters, config, report } = await finished(
      neck,
      upsampler,
      ...set('neck', neck),
      ...set('neckWidth', 4),
    );
    expect(rows).toHaveLength(1);
    expect(rows[0].objects).toBeGreaterThan(0);
    expect(config).toMatchObject({ neck, neckWidth: 4, head: null });
    expect(parameters.some(name => name.startsWith('parameter.probe.neck.'))).toBe(true);
    expect(parameters).toContain('parameter.probe.head.fusion_conv.conv.weight');
    expect(report).toContain(`neck ${neck}, width 4; head segformer, width 8, sees 64 px`);
  });

  it('trains and evaluates clicks of a simple ViT added after the upsampler, with a head of matched receptive field', async () => {
    const { rows, parameters, report } = await finished(
      'late',
      'bilinear',
      ...['--head', 'conv-context', '--injection', 'late-upsampled'],
      ...set('clickEncoder', 'simple-vit'),
    );
    expect(rows).toHaveLength(1);
    expect(parameters.some(name => name.includes('.transformer.layers.5.'))).toBe(true);
    expect(parameters).toContain('parameter.probe.head.context.convs.1.conv.weight');
    expect(report).toContain('clicks simple-vit, late-upsampled');
  });
});
