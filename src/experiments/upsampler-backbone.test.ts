import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { convNet, exportedVit } from '../../test/support/exported-networks.ts';
import { type GraphSpec, onnxModel } from '../../test/support/onnx-model.ts';
import { mobileSamBackbone } from '../backbones/mobilesam.ts';
import { UserError } from '../base/errors.ts';
import { type UpsamplerBackboneOptions, upsamplerBackbone } from './upsampler-backbone.ts';

const folder = mkdtempSync(join(tmpdir(), 'upsampler-backbone-'));
afterAll(() => rmSync(folder, { recursive: true }));

function written(name: string, spec: GraphSpec): string {
  const path = join(folder, name);
  writeFileSync(path, onnxModel(spec, 17));
  return path;
}

const net = written('net.onnx', convNet(['b', 3, 'h', 'w']));
const fixed = written('fixed.onnx', { ...exportedVit(), inputs: { pixels: [1, 3, 64, 64] } });

async function opened(options: Partial<UpsamplerBackboneOptions>) {
  const notes: string[] = [];
  const found = await upsamplerBackbone({ backbone: 'mobilesam', set: [], ...options }, 60, note => notes.push(note));
  return { ...found, notes };
}

describe('upsamplerBackbone', () => {
  it('takes names of the registry, and the size that is nearest to the usual one', async () => {
    const { backbone, size, onnx, notes } = await opened({});
    expect(backbone).toBe(mobileSamBackbone);
    expect([size, onnx, notes]).toEqual([64, undefined, []]);
    expect((await opened({ size: 32 })).size).toBe(32);
  });

  it('opens a file as a bench does, at the scale that brings its features to a deviation of 1', async () => {
    const { backbone, size, onnx, notes, weights } = await opened({
      ...{ backbone: net, onnxOutput: 'joined', set: ['onnx.std=[1,1,1]'] },
    });
    expect(backbone).toMatchObject({ name: 'net.onnx', stride: 8, channels: 8, normalisation: { std: [1, 1, 1] } });
    expect(size).toBe(64);
    expect(weights.has('main.weight')).toBe(true);
    expect(onnx).toMatchObject({ output: 'joined', scale: backbone.featureScale });
    expect(notes).toEqual([expect.stringContaining(`multiplied by ${backbone.featureScale} (onnx.scale)`)]);
    const given = await opened({ backbone: net, set: ['onnx.scale=3'] });
    expect([given.backbone.featureScale, given.notes]).toEqual([3, []]);
  });

  it.each<[string, Partial<UpsamplerBackboneOptions>, RegExp]>([
    ['a name', { backbone: 'mobilsam' }, /did you mean "mobilesam"/],
    ['a missing file', { backbone: 'missing.onnx' }, /cannot read missing\.onnx/],
    ['a missing file of the other kind', { backbone: 'missing.json' }, /cannot read missing\.json/],
    ['a size', { size: 70 }, /--size 70: mobilesam \(stride 16\) needs a multiple of that, such as 64/],
    ['a size of a file', { backbone: net, size: 20 }, /--size 20: net\.onnx \(stride 8\)/],
    ['a file of one size', { backbone: fixed }, /fixed\.onnx takes images of 64 x 64 px alone; .*export it with free/],
    ['weights beside a file', { backbone: net, weights: 'w.safetensors' }, /holds its weights itself/],
    ['options of files', { onnxTokens: 'map' }, /--onnx-tokens belongs to .* file, given --backbone mobilesam/],
    ['entries of files', { set: ['onnx.scale=2'] }, /--set belongs to a backbone that is a file/],
    ['other entries', { backbone: net, set: ['seed=1'] }, /--set seed=1: expected an entry of the backbone's file/],
    ['an unknown entry', { backbone: net, set: ['onnx.men=1'] }, /unknown entry "onnx\.men": did you mean "mean"/],
  ])('refuses %s', async (_, options, message) => {
    const error = await opened(options).catch(reason => reason);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toMatch(message);
  });
});
