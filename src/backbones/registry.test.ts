import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { count, input } from '../graph/tensor.ts';
import { Scope } from '../nn/scope.ts';
import { writeSafetensors } from '../weights/safetensors.ts';
import { backbones, findBackbone } from './registry.ts';
import type { Backbone } from './types.ts';

function symbolic({ early, features }: Backbone, height: number, width: number) {
  const scope = Scope.frozen('backbone');
  const image = input('image', [2, 3, height, width], 'image');
  const tokens = [2, early.channels, height / early.stride, width / early.stride];
  return { y: features(image, scope, input('clicks', tokens, 'clicks')), parameters: scope.parameters };
}

describe.each(backbones.map(backbone => [backbone.name, backbone] as const))('%s', (name, backbone) => {
  it('is found by its name', () => expect(findBackbone(name)).toBe(backbone));

  it('gives features of the channels and stride that it states, with clicks where it states', () => {
    const { stride, channels } = backbone;
    expect(symbolic(backbone, 2 * stride, 3 * stride).y.shape).toEqual([2, channels, 2, 3]);
  });

  it('states its source and licence', () => {
    expect(backbone.source).toMatch(/\b20\d\d\b.*weights/);
    expect(backbone.licence).not.toBe('');
    expect(backbone.description).toMatch(/\.$/);
  });
});

describe('DINOv2 weights', () => {
  it.each([
    ['dinov2-s14', 'facebook/dinov2-small'],
    ['dinov2-b14', 'facebook/dinov2-base'],
    ['dinov2-l14', 'facebook/dinov2-large'],
  ])('%s says which file it needs and how to name it', async (name, hub) => {
    const error = await findBackbone(name)
      .weights()
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).exitCode).toBe(2);
    expect((error as UserError).message).toContain(`huggingface.co/${hub}/resolve/main/model.safetensors`);
    expect((error as UserError).message).toContain('--weights FILE');
  });

  it('come from a file, named and shaped as the network asks', async () => {
    const backbone = findBackbone('dinov2-s14');
    const asked = [...symbolic(backbone, 28, 28).parameters.values()];
    const folder = mkdtempSync(join(tmpdir(), 'registry-'));
    try {
      const path = join(folder, 'model.safetensors');
      const zeros = asked.map(({ name, shape }) => [
        name.replace('backbone.', ''),
        { shape, data: new Float32Array(count(shape)) },
      ]);
      writeSafetensors(path, new Map(zeros as [string, { shape: number[]; data: Float32Array }][]));
      const weights = await backbone.weights(path);
      expect([...weights].map(([name, { shape }]) => `backbone.${name} ${shape}`).sort()).toEqual(
        asked.map(({ name, shape }) => `${name} ${shape}`).sort(),
      );
      await expect(findBackbone('dinov2-b14').weights(path)).rejects.toThrow(`${path}: tensor "cls_token"`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('findBackbone', () => {
  it('suggests the nearest name', () => {
    expect(() => findBackbone('mobile-sam')).toThrow(UserError);
    expect(() => findBackbone('mobile-sam')).toThrow('unknown backbone "mobile-sam"; did you mean "mobilesam"?');
    expect(() => findBackbone('resnet50')).toThrow('known: mobilesam, dinov2-s14');
  });
});
