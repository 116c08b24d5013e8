import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readSafetensors } from '../../src/weights/safetensors.ts';
import { convNet, exportedVit } from '../support/exported-networks.ts';
import { onnxModel } from '../support/onnx-model.ts';
import { run, set, tinyBench } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'clickprobe-onnx-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const vit = join(folder, 'vit.onnx');
writeFileSync(vit, onnxModel(exportedVit(), 17));
const sizes = [...set('training.size', 64), '--mode', 'fixed64', '--upsamplers', 'none,bilinear'];

it('trains and evaluates on a file, clicks inside, and goes on in the same folder', async () => {
  const out = join(folder, 'early');
  const args = tinyBench(out, '--backbone', vit, ...sizes);
  const first = await run(args);
  expect(first.err).not.toMatch(/Error/);
  expect(first.code).toBe(0);
  expect(first.err).toMatch(/vit\.onnx: features have a standard deviation of .* multiplied by/);
  const config = parse(readFileSync(join(out, 'config.yaml'), 'utf8'));
  expect(config).toMatchObject({ backbone: vit, injection: 'early' });
  expect(config.onnx.scale).toBeTypeOf('number');
  const report = readFileSync(join(out, 'report.html'), 'utf8');
  expect(report).toContain('early clicks are added to');
  const again = await run(args);
  expect(again.code).toBe(0);
  expect(again.err).toContain('going on in');
  expect(again.out.split('\n')[0]).toBe(first.out.split('\n')[0]);
});

it('takes a value inside, named by options, with late clicks', async () => {
  const net = join(folder, 'net.onnx');
  writeFileSync(net, onnxModel({ ...convNet(['b', 3, 'h', 'w']), outputs: ['pooled'] }));
  const unnamed = await run(tinyBench(join(folder, 'unnamed'), '--backbone', net, ...sizes));
  expect(unnamed.code).toBe(2);
  expect(unnamed.err).toMatch(/clickprobe: net\.onnx: at 64 x 64 px no output holds features/);
  const options = [
    '--onnx-input',
    'pixels',
    '--onnx-output',
    'features',
    '--onnx-tokens',
    'map',
    '--injection',
    'late',
  ];
  const named = await run(tinyBench(join(folder, 'late'), '--backbone', net, ...options, ...sizes));
  expect(named.err).not.toMatch(/Error/);
  expect(named.code).toBe(0);
});

it('trains an upsampler on the features of a file, goes on, scores it and takes it into a bench', async () => {
  const out = join(folder, 'lift');
  const images = ['--backbone', vit, '--images', 'synthetic:2', '--size', '32', '--held-out', '1', '--json'];
  const train = ['upsampler', 'train', 'lift', ...images, '--batch', '1', '--out', out];
  const first = await run([...train, '--steps', '1']);
  expect(first.err).toMatch(/vit\.onnx: features have a standard deviation of .* multiplied by/);
  expect(first.code).toBe(0);
  const config = parse(readFileSync(join(out, 'config.yaml'), 'utf8'));
  expect(config).toMatchObject({ backbone: vit, onnx: { output: null } });
  const again = await run([...train, '--steps', '2']);
  expect(again.err).toContain('going on in');
  const less = await run([...train, '--steps', '1']);
  expect(less.err).toMatch(/lift has 2 steps, as many as asked for or more \(1\): nothing is trained, only scored/);
  expect(less.code).toBe(0);
  const { file, rows } = JSON.parse(again.out);
  const { metadata } = readSafetensors(file);
  expect(metadata).toMatchObject({ backbone: 'vit.onnx', featureScale: String(config.onnx.scale), steps: '2' });

  const score = await run(['upsampler', 'score', 'lift', file, ...images]);
  expect(score.code).toBe(0);
  expect(JSON.parse(score.out)).toMatchObject({ backbone: 'vit.onnx', size: 32, rows });
  const lift = ['--upsamplers', 'lift', '--upsampler-weights', `lift=${file}`, ...set('training.size', 32)];
  const looked = ['--backbone', vit, '--upsampler', 'lift', '--upsampler-weights', `lift=${file}`, '--size', '32'];
  const features = await run([
    'features',
    'synthetic:3',
    ...looked,
    '--onnx-output',
    'tokens',
    '--out',
    join(folder, 'seen'),
  ]);
  expect(features.err).toMatch(/vit\.onnx: features have a standard deviation of .* multiplied by/);
  expect(features.err).not.toMatch(/Error|was trained on/);
  expect(features.code).toBe(0);
  const bench = await run(tinyBench(join(folder, 'with-lift'), '--backbone', vit, ...lift, '--mode', 'fixed32'));
  expect(bench.err).not.toMatch(/Error|was trained on/);
  expect(bench.code).toBe(0);
});
