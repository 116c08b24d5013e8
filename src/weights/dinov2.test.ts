import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import { dinoV2Weights } from './dinov2.ts';
import { type WritableTensor, writeSafetensors } from './safetensors.ts';

const dimensions = { patch: 2, dim: 4, depth: 2, positions: 3 };

/** Original name, shape, and Hugging Face's names, written out by hand for two blocks. */
const table: [string, number[], string[]][] = [
  ['cls_token', [1, 1, 4], ['embeddings.cls_token']],
  ['pos_embed', [1, 10, 4], ['embeddings.position_embeddings']],
  ['patch_embed.proj.weight', [4, 3, 2, 2], ['embeddings.patch_embeddings.projection.weight']],
  ['patch_embed.proj.bias', [4], ['embeddings.patch_embeddings.projection.bias']],
  ...[0, 1].flatMap((i): [string, number[], string[]][] => {
    const [ours, theirs] = [`blocks.${i}`, `encoder.layer.${i}`];
    const attention = `${theirs}.attention.attention`;
    return [
      [`${ours}.norm1.weight`, [4], [`${theirs}.norm1.weight`]],
      [`${ours}.norm1.bias`, [4], [`${theirs}.norm1.bias`]],
      [
        `${ours}.attn.qkv.weight`,
        [12, 4],
        [`${attention}.query.weight`, `${attention}.key.weight`, `${attention}.value.weight`],
      ],
      [`${ours}.attn.qkv.bias`, [12], [`${attention}.query.bias`, `${attention}.key.bias`, `${attention}.value.bias`]],
      [`${ours}.attn.proj.weight`, [4, 4], [`${theirs}.attention.output.dense.weight`]],
      [`${ours}.attn.proj.bias`, [4], [`${theirs}.attention.output.dense.bias`]],
      [`${ours}.ls1.gamma`, [4], [`${theirs}.layer_scale1.lambda1`]],
      [`${ours}.norm2.weight`, [4], [`${theirs}.norm2.weight`]],
      [`${ours}.norm2.bias`, [4], [`${theirs}.norm2.bias`]],
      [`${ours}.mlp.fc1.weight`, [16, 4], [`${theirs}.mlp.fc1.weight`]],
      [`${ours}.mlp.fc1.bias`, [16], [`${theirs}.mlp.fc1.bias`]],
      [`${ours}.mlp.fc2.weight`, [4, 16], [`${theirs}.mlp.fc2.weight`]],
      [`${ours}.mlp.fc2.bias`, [4], [`${theirs}.mlp.fc2.bias`]],
      [`${ours}.ls2.gamma`, [4], [`${theirs}.layer_scale2.lambda1`]],
    ];
  }),
  ['norm.weight', [4], ['layernorm.weight']],
  ['norm.bias', [4], ['layernorm.bias']],
];

const random = Random.of(3);
const expected = new Map(
  table.map(([name, shape]) => {
    const length = shape.reduce((a, b) => a * b, 1);
    return [name, { shape, data: Float32Array.from({ length }, () => random.normal()) }];
  }),
);

type Tensors = Map<string, WritableTensor>;
const mask = { shape: [1, 4], data: new Float32Array(4) };
const original = (): Tensors => new Map<string, WritableTensor>([...expected, ['mask_token', mask]]);
function huggingFace(): Tensors {
  const out: Tensors = new Map([['embeddings.mask_token', mask]]);
  for (const [name, shape, names] of table) {
    const { data } = expected.get(name)!;
    const length = data.length / names.length;
    names.forEach((theirs, i) => {
      out.set(theirs, {
        shape: [shape[0] / names.length, ...shape.slice(1)],
        data: data.slice(i * length, (i + 1) * length),
      });
    });
  }
  return out;
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dinov2-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function written(tensors: Tensors): string {
  const path = join(folder, 'model.safetensors');
  writeSafetensors(path, tensors);
  return path;
}

describe.each([
  ['the original', original, 'blocks.1.attn.qkv.weight', 'mask_token'],
  ["Hugging Face's", huggingFace, 'encoder.layer.1.attention.attention.key.weight', 'embeddings.mask_token'],
] as const)('dinoV2Weights from a file in %s names', (_, layout, tensor, maskToken) => {
  it('gives every parameter by its original name', () => {
    expect(dinoV2Weights(written(layout()), dimensions)).toEqual(expected);
  });

  it('does without the mask token', () => {
    const tensors = layout();
    tensors.delete(maskToken);
    expect(dinoV2Weights(written(tensors), dimensions)).toEqual(expected);
  });

  it('widens half precision', () => {
    const half = new Map([...layout()].map(([name, t]): [string, WritableTensor] => [name, { ...t, dtype: 'F16' }]));
    const given = dinoV2Weights(written(half), dimensions);
    for (const [name, { shape, data }] of expected) {
      expect(given.get(name)!.shape).toEqual(shape);
      expect(Math.max(...data.map((x, i) => Math.abs(x - given.get(name)!.data[i])))).toBeLessThan(2e-3);
    }
  });

  it('names file and tensor where one is missing, misshapen or of another type', () => {
    const path = join(folder, 'model.safetensors');
    const load = (change: (tensors: Tensors) => void) => {
      const tensors = layout();
      change(tensors);
      return () => dinoV2Weights(written(tensors), dimensions);
    };
    const shape = layout().get(tensor)!.shape;
    const complaint = `${path}: tensor "${tensor}" should be F32, F16 or BF16 of shape [${shape}], found`;
    expect(load(t => t.delete(tensor))).toThrow(`${complaint} nothing`);
    expect(load(t => t.set(tensor, { shape: [2, 3], data: new Float32Array(6) }))).toThrow(`${complaint} F32 [2,3]`);
    const integers = { shape, data: new Int32Array(shape[0] * shape[1]) };
    expect(load(t => t.set(tensor, integers))).toThrow(`${complaint} I32 [${shape}]`);
  });

  it('refuses the file of a deeper model or of one with registers', () => {
    const path = written(layout());
    const beyond = () => dinoV2Weights(path, { ...dimensions, depth: 1 });
    expect(beyond).toThrow(
      /model\.safetensors holds tensors that the chosen DINOv2 does not have: .*(blocks|layer)\.1\..*\.\.\. \(\d+\)/,
    );
    const registers = layout().set('register_tokens', { shape: [1, 4, 4], data: new Float32Array(16) });
    expect(() => dinoV2Weights(written(registers), dimensions)).toThrow('does not have: register_tokens.');
  });
});

it('says what a file of another network holds', () => {
  const path = written(new Map([['conv.weight', { shape: [1], data: new Float32Array(1) }]]));
  expect(() => dinoV2Weights(path, dimensions)).toThrow('holds no DINOv2 vision transformer');
  expect(() => dinoV2Weights(path, dimensions)).toThrow('found conv.weight');
  expect(() => dinoV2Weights(written(new Map()), dimensions)).toThrow('found none');
  expect(() => dinoV2Weights(join(folder, 'none.safetensors'), dimensions)).toThrow('none.safetensors');
});
