import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convNet, exportedVit } from '../../test/support/exported-networks.ts';
import { floats, type GraphSpec, onnxModel } from '../../test/support/onnx-model.ts';
import { mobileSamBackbone } from '../backbones/mobilesam.ts';
import { UserError } from '../base/errors.ts';
import type { Config } from './config.ts';
import { resolveBackbone, withMeasuredScale } from './resolve-backbone.ts';
import { resolveConfig } from './resolve-config.ts';
import { comparable } from './run-folder.ts';
import { makeProbes } from './setup.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'resolve-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
/** A configuration for a network in a file of its own. */
function config(spec: GraphSpec, set: string[] = []): Config {
  const path = join(folder, `net${files++}.onnx`);
  writeFileSync(path, onnxModel(spec, 17));
  const own = ['training.size=64', 'evaluation.mode=fixed64', 'upsamplers=[bilinear]'];
  return resolveConfig({ preset: 'quick', set: [`backbone=${path}`, ...own, ...set] });
}

const fixedVit = (): GraphSpec => ({ ...exportedVit(), inputs: { pixels: [1, 3, 64, 64] } });
const quiet = () => {};

describe('resolveBackbone', () => {
  it('takes names of the registry as before', () => {
    expect(resolveBackbone(resolveConfig({ preset: 'quick' }))).toBe(mobileSamBackbone);
  });

  it('opens a file with the options of the configuration', () => {
    const backbone = resolveBackbone(
      config(convNet(['b', 3, 'h', 'w']), ['onnx.output=joined', 'onnx.std=[1,1,1]', 'injection=late']),
    );
    expect(backbone).toMatchObject({ name: 'net0.onnx', stride: 8, channels: 8 });
    expect(backbone.normalisation.std).toEqual([1, 1, 1]);
  });

  it.each<[string, GraphSpec, string[], string]>([
    [
      'a training size',
      fixedVit(),
      ['training.size=32'],
      '64 x 64 px alone, given 32 x 32: use --set training.size=64 --mode fixed64',
    ],
    ['an evaluation size', fixedVit(), ['evaluation.mode=fixed224'], '64 x 64 px alone, given 224 x 224'],
    [
      'pictures of any size',
      fixedVit(),
      ['evaluation.mode=native'],
      'the evaluation mode native shows it others: use --mode fixed64',
    ],
    ['a name', exportedVit(), ['onnx.output=none'], 'has no value "none" (onnx.output)'],
    ['a file', exportedVit(), ['backbone=missing.onnx'], 'cannot read missing.onnx'],
    ['a file of another kind', exportedVit(), ['backbone=missing.json'], 'cannot read missing.json'],
  ])('refuses %s that it cannot serve before anything runs', (_, spec, set, message) => {
    expect(() => resolveBackbone(config(spec, set))).toThrow(UserError);
    expect(() => resolveBackbone(config(spec, set))).toThrow(message);
  });

  it('refuses early clicks where there is no place for them', () => {
    const alone = { ...convNet(['b', 3, 'h', 'w']), outputs: ['stem'] };
    expect(() => resolveBackbone(config(alone))).toThrow('clicks cannot enter early');
    expect(resolveBackbone(config(alone, ['injection=late'])).stride).toBe(4);
  });
});

describe('withMeasuredScale', () => {
  it('brings features to a standard deviation of about 1, the same every time', async () => {
    const spec = convNet(['b', 3, 'h', 'w']);
    const asked = config(spec);
    const notes: string[] = [];
    const measured = await withMeasuredScale(asked, note => notes.push(note));
    const { scale } = measured.onnx;
    expect(scale).toBeTypeOf('number');
    expect(notes).toEqual([
      expect.stringMatching(/features have a standard deviation of .* on 4 drawn scenes, so they are multiplied by/),
    ]);
    expect((await withMeasuredScale(asked, quiet)).onnx.scale).toBe(scale);
    expect(resolveBackbone(measured).featureScale).toBe(scale);

    // features a hundred times as large
    const weight = spec.initializers!['last.weight'];
    const bias = spec.initializers!['last.bias'];
    const enlarge = ({ shape, data }: typeof weight) =>
      floats(
        shape,
        Float32Array.from(data, x => 100 * x),
      );
    const initializers = { ...spec.initializers, 'last.weight': enlarge(weight), 'last.bias': enlarge(bias) };
    const larger = await withMeasuredScale(config({ ...spec, initializers }), quiet);
    expect((larger.onnx.scale as number) * 100).toBeCloseTo(scale as number, 5);
  });

  it('leaves a scale that is given, and backbones of the registry', async () => {
    const given = config(convNet(['b', 3, 'h', 'w']), ['onnx.scale=3']);
    expect(await withMeasuredScale(given, quiet)).toBe(given);
    expect([...makeProbes(given).values()][0].backbone.featureScale).toBe(3);
    const known = resolveConfig({ preset: 'quick' });
    expect(await withMeasuredScale(known, quiet)).toBe(known);
    expect(comparable(known)).not.toHaveProperty('onnx');
    expect(comparable(given)).toHaveProperty('onnx');
  });

  it('refuses features that are all the same', async () => {
    const spec = convNet(['b', 3, 'h', 'w']);
    const zero = (shape: readonly number[]) => floats(shape, new Float32Array(shape.reduce((n, size) => n * size, 1)));
    const initializers = { ...spec.initializers, 'last.weight': zero([10, 8, 3, 3]), 'last.bias': zero([10]) };
    const constant = config({ ...spec, initializers });
    await expect(withMeasuredScale(constant, quiet)).rejects.toThrow('its features have a standard deviation of 0');
  });
});
