import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { maxAbsolute } from '../../test/support/differences.ts';
import { evaluate, uniform } from '../../test/support/run.ts';
import { count, input, type Tensor } from '../graph/tensor.ts';
import { Scope } from '../nn/scope.ts';
import { fitWeights } from '../weights/fit-weights.ts';
import type { Layout } from '../weights/layout.ts';
import { readWeights } from '../weights/read-weights.ts';
import { writeSafetensors } from '../weights/safetensors.ts';
import { clipConfig, clipLayouts } from './clip.ts';
import { dinoV2, dinoV2Layouts } from './dinov2.ts';
import { dinoV3Config, dinoV3Layouts } from './dinov3.ts';
import { parametersOf } from './entry.ts';
import { offsetBicubic } from './positions.ts';
import { samEncoder, samLayouts } from './sam.ts';
import { siglip2Config, siglip2Layouts } from './siglip2.ts';
import { vit } from './vit.ts';
import { vitLayouts } from './vit-names.ts';

// Small networks of every family, in files of every layout in which the family is published.

type Network = (image: Tensor, scope: Scope) => Tensor;
type Tensors = Map<string, { shape: number[]; data: Float32Array }>;

const sizes = { patch: 4, dim: 8, depth: 2, heads: 2 };
const v2 = { ...sizes, positions: 3 };
const clip = clipConfig({ ...sizes, grid: 3, projection: 6 });
const sam = { ...sizes, window: 2, global: [1], grid: 3, neck: 5 };

const families: [name: string, network: Network, layouts: readonly Layout[]][] = [
  ['DINOv2', (x, s) => dinoV2(x, s, v2), dinoV2Layouts.filter((_, i) => i !== 2)],
  ['DINOv2 with registers', (x, s) => dinoV2(x, s, { ...v2, registers: 4 }), dinoV2Layouts],
  ['DINOv2 with SwiGLU', (x, s) => dinoV2(x, s, { ...v2, swiGlu: 12 }), dinoV2Layouts.filter((_, i) => i !== 2)],
  [
    'ViT, DeiT, DINO and MAE',
    (x, s) => vit(x, s, { ...sizes, epsilon: 1e-6, positions: { grid: 3, resize: offsetBicubic } }),
    vitLayouts,
  ],
  [
    'CLIP and MaskCLIP',
    (x, s) => {
      vit(x, s, clip);
      return vit(x, s, clip, undefined, { kind: 'value' });
    },
    clipLayouts,
  ],
  ['SigLIP 2', (x, s) => vit(x, s, siglip2Config({ ...sizes, grid: 3, hidden: 12 })), siglip2Layouts],
  ['DINOv3', (x, s) => vit(x, s, dinoV3Config(sizes)), dinoV3Layouts],
  ['DINOv3 with SwiGLU', (x, s) => vit(x, s, dinoV3Config({ ...sizes, gated: true, hidden: 12 })), dinoV3Layouts],
  ['SAM', (x, s) => samEncoder(x, s, sam), samLayouts],
];

/** A file of the layout, its numbers random, and the parameters that it holds. */
function written(network: Network, layout: Layout): { file: Tensors; expected: Tensors } {
  const [file, expected]: Tensors[] = [new Map(), new Map()];
  for (const { name, shape } of parametersOf(network, 4)) {
    const { names, first, transposed } = layout.source(name)!;
    const data = uniform(shape, -1, 1, name);
    const rows = shape.find(size => size > 1) ?? 1;
    const width = data.length / rows;
    let at = 0;
    names.forEach((theirs, i) => {
      const even = rows / names.length;
      const take = first === undefined ? even : i === 0 ? first : (rows - first) / (names.length - 1);
      const part = data.subarray(at * width, (at + take) * width);
      if (theirs === null) part.fill(0);
      else if (transposed) {
        const turned = part.map((_, k) => part[(k % rows) * width + Math.floor(k / rows)]);
        file.set(theirs, { shape: [width, rows], data: turned });
      } else file.set(theirs, { shape: names.length === 1 ? [...shape] : [take, ...bare(shape).slice(1)], data: part });
      at += take;
    });
    expected.set(name, { shape: [...shape], data });
  }
  return { file, expected };
}

const bare = (shape: readonly number[]) => shape.filter(size => size > 1);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'families-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.each(families)('%s', (_, network, layouts) => {
  const needed = parametersOf(network, 4);

  it.each(layouts.map((layout, i) => [`${layout.name} (${i})`, layout] as const))(
    'comes from a file in %s names',
    (_, layout) => {
      const { file, expected } = written(network, layout);
      expect(fitWeights(file, 'f', 'it', needed, layouts)).toEqual(expected);
      const moved = new Map([...file].map(([name, tensor]) => [`model.${name}`, tensor]));
      expect(fitWeights(moved, 'f', 'it', needed, layouts)).toEqual(expected);
      for (const theirs of file.keys()) {
        const back = layout.parameters(theirs).filter(name => expected.has(name));
        expect(back.flatMap(name => layout.source(name)!.names)).toContain(theirs);
      }
      for (const one of file.keys()) {
        const without = new Map([...file].filter(([name]) => name !== one));
        expect(() => fitWeights(without, 'f', 'it', needed, [layout])).toThrow(`tensor "${one}" should be of shape`);
      }
    },
  );

  it('computes from a file on disk', async () => {
    const { file, expected } = written(network, layouts.at(-1)!);
    const path = join(folder, 'model.safetensors');
    writeSafetensors(path, file);
    const weights = fitWeights(readWeights(path), path, 'it', needed, layouts);
    const image = input('image', [2, 3, 8, 12], 'image');
    const y = network(image, Scope.frozen('w'));
    expect(y.shape.slice(2)).toEqual([2, 3]);
    const pixels = uniform(image.shape, -1, 1, 'pixels');
    const run = async (values: ReadonlyMap<string, { data: Float32Array }>) => {
      const bound = new Map([...values].map(([name, { data }]) => [`w.${name}`, data]));
      return (await evaluate({ y }, { image: pixels }, { bound })).y;
    };
    const found = await run(weights);
    expect(found).toHaveLength(count(y.shape));
    expect(maxAbsolute(found)).toBeGreaterThan(0.1);
    expect(found.every(Number.isFinite)).toBe(true);
    expect(found).toEqual(await run(expected));
  });
});

// Written out by hand from the published files.
const published: [family: string, layout: string, layouts: readonly Layout[], names: Record<string, string>][] = [
  [
    'DINOv2',
    'original',
    dinoV2Layouts,
    {
      'blocks.3.ls1.gamma': 'blocks.3.ls1.gamma',
      'blocks.39.mlp.w12.weight': 'blocks.39.mlp.w12.weight',
      register_tokens: 'register_tokens',
      'patch_embed.proj.bias': 'patch_embed.proj.bias',
    },
  ],
  [
    'DINOv2',
    'timm',
    dinoV2Layouts,
    { reg_token: 'register_tokens', 'blocks.39.mlp.fc1.weight': 'blocks.39.mlp.w12.weight', 'norm.bias': 'norm.bias' },
  ],
  [
    'DINOv2',
    'Hugging Face',
    dinoV2Layouts,
    {
      'embeddings.cls_token': 'cls_token',
      'embeddings.position_embeddings': 'pos_embed',
      'embeddings.register_tokens': 'register_tokens',
      'embeddings.patch_embeddings.projection.weight': 'patch_embed.proj.weight',
      'encoder.layer.11.norm1.weight': 'blocks.11.norm1.weight',
      'encoder.layer.11.attention.attention.key.bias': 'blocks.11.attn.qkv.bias',
      'encoder.layer.11.attention.output.dense.weight': 'blocks.11.attn.proj.weight',
      'encoder.layer.11.layer_scale2.lambda1': 'blocks.11.ls2.gamma',
      'encoder.layer.11.mlp.fc2.bias': 'blocks.11.mlp.fc2.bias',
      'encoder.layer.11.mlp.weights_in.weight': 'blocks.11.mlp.w12.weight',
      'encoder.layer.11.mlp.weights_out.weight': 'blocks.11.mlp.w3.weight',
      'layernorm.weight': 'norm.weight',
    },
  ],
  [
    'ViT',
    'Hugging Face',
    vitLayouts,
    {
      'encoder.layer.0.attention.attention.query.weight': 'blocks.0.attn.qkv.weight',
      'encoder.layer.0.attention.output.dense.bias': 'blocks.0.attn.proj.bias',
      'encoder.layer.0.intermediate.dense.weight': 'blocks.0.mlp.fc1.weight',
      'encoder.layer.0.output.dense.weight': 'blocks.0.mlp.fc2.weight',
      'encoder.layer.0.layernorm_before.weight': 'blocks.0.norm1.weight',
      'encoder.layer.0.layernorm_after.bias': 'blocks.0.norm2.bias',
      'layernorm.bias': 'norm.bias',
    },
  ],
  [
    'CLIP',
    'original',
    clipLayouts,
    {
      class_embedding: 'cls_token',
      positional_embedding: 'pos_embed',
      'conv1.weight': 'patch_embed.proj.weight',
      'ln_pre.weight': 'norm_pre.weight',
      'transformer.resblocks.7.attn.in_proj_weight': 'blocks.7.attn.qkv.weight',
      'transformer.resblocks.7.attn.in_proj_bias': 'blocks.7.attn.qkv.bias',
      'transformer.resblocks.7.attn.out_proj.bias': 'blocks.7.attn.proj.bias',
      'transformer.resblocks.7.ln_2.weight': 'blocks.7.norm2.weight',
      'transformer.resblocks.7.mlp.c_fc.weight': 'blocks.7.mlp.fc1.weight',
      'transformer.resblocks.7.mlp.c_proj.bias': 'blocks.7.mlp.fc2.bias',
      'ln_post.bias': 'norm.bias',
      proj: 'proj',
    },
  ],
  [
    'CLIP',
    'Hugging Face',
    clipLayouts,
    {
      'vision_model.embeddings.class_embedding': 'cls_token',
      'vision_model.embeddings.position_embedding.weight': 'pos_embed',
      'vision_model.embeddings.patch_embedding.weight': 'patch_embed.proj.weight',
      'vision_model.pre_layrnorm.bias': 'norm_pre.bias',
      'vision_model.encoder.layers.7.self_attn.v_proj.weight': 'blocks.7.attn.qkv.weight',
      'vision_model.encoder.layers.7.self_attn.out_proj.weight': 'blocks.7.attn.proj.weight',
      'vision_model.encoder.layers.7.layer_norm2.weight': 'blocks.7.norm2.weight',
      'vision_model.encoder.layers.7.mlp.fc1.weight': 'blocks.7.mlp.fc1.weight',
      'vision_model.post_layernorm.weight': 'norm.weight',
      'visual_projection.weight': 'proj',
    },
  ],
  [
    'SigLIP 2',
    'Hugging Face',
    siglip2Layouts,
    {
      'embeddings.patch_embedding.bias': 'patch_embed.proj.bias',
      'encoder.layers.2.self_attn.k_proj.bias': 'blocks.2.attn.qkv.bias',
      'post_layernorm.weight': 'norm.weight',
    },
  ],
  [
    'DINOv3',
    'original',
    dinoV3Layouts,
    {
      storage_tokens: 'register_tokens',
      'blocks.5.attn.qkv.bias': 'blocks.5.attn.qkv.bias',
      'blocks.5.ls2.gamma': 'blocks.5.ls2.gamma',
      'blocks.5.mlp.w2.weight': 'blocks.5.mlp.w12.weight',
      'blocks.5.mlp.w3.bias': 'blocks.5.mlp.w3.bias',
    },
  ],
  [
    'DINOv3',
    'timm',
    dinoV3Layouts,
    {
      reg_token: 'register_tokens',
      'blocks.5.gamma_1': 'blocks.5.ls1.gamma',
      'blocks.5.mlp.fc1_g.weight': 'blocks.5.mlp.w12.weight',
      'blocks.5.mlp.fc1_x.bias': 'blocks.5.mlp.w12.bias',
    },
  ],
  [
    'DINOv3',
    'Hugging Face',
    dinoV3Layouts,
    {
      'embeddings.register_tokens': 'register_tokens',
      'embeddings.patch_embeddings.weight': 'patch_embed.proj.weight',
      'layer.5.attention.q_proj.bias': 'blocks.5.attn.qkv.bias',
      'layer.5.attention.k_proj.weight': 'blocks.5.attn.qkv.weight',
      'layer.5.attention.o_proj.bias': 'blocks.5.attn.proj.bias',
      'layer.5.layer_scale1.lambda1': 'blocks.5.ls1.gamma',
      'layer.5.mlp.gate_proj.weight': 'blocks.5.mlp.w12.weight',
      'norm.weight': 'norm.weight',
    },
  ],
  [
    'SAM',
    'original',
    samLayouts,
    {
      'blocks.2.attn.rel_pos_h': 'blocks.2.attn.rel_pos_h',
      'blocks.2.mlp.lin1.weight': 'blocks.2.mlp.fc1.weight',
      'neck.3.bias': 'neck.3.bias',
    },
  ],
  [
    'SAM',
    'Hugging Face',
    samLayouts,
    {
      'patch_embed.projection.weight': 'patch_embed.proj.weight',
      'layers.2.attn.rel_pos_w': 'blocks.2.attn.rel_pos_w',
      'layers.2.layer_norm2.bias': 'blocks.2.norm2.bias',
      'layers.2.mlp.lin2.bias': 'blocks.2.mlp.fc2.bias',
      'neck.conv2.weight': 'neck.2.weight',
      'neck.layer_norm1.weight': 'neck.1.weight',
    },
  ],
];

it.each(published)('%s in %s names', (_, name, layouts, table) => {
  const layout = layouts.find(each => each.name === name)!;
  for (const [theirs, ours] of Object.entries(table)) {
    expect(layout.parameters(theirs), theirs).toContain(ours);
    expect(layout.source(ours)?.names, ours).toContain(theirs);
  }
});

it('takes no file of a relative for its own', () => {
  const gated = families.find(([name]) => name === 'DINOv3 with SwiGLU')!;
  const plain = parametersOf((x, s) => vit(x, s, { ...dinoV3Config(sizes), hidden: 12 }), 4);
  const huggingFace = dinoV3Layouts.at(-1)!;
  const { file } = written(gated[1], huggingFace);
  expect(() => fitWeights(file, 'f', 'it', plain, dinoV3Layouts)).toThrow('layer.0.mlp.gate_proj.weight');
  const registers = families.find(([name]) => name === 'DINOv2 with registers')!;
  for (const layout of [dinoV2Layouts[0], dinoV2Layouts[1], dinoV2Layouts[3]]) {
    const other = written(registers[1], layout).file;
    const needed = parametersOf((x, s) => dinoV2(x, s, v2), 4);
    expect(() => fitWeights(other, 'f', 'it', needed, dinoV2Layouts)).toThrow(/does not have: .*reg/);
  }
});
