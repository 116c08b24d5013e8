import { describe, expect, it } from 'vitest';
import { maxAbsolute, maxDifference } from '../../test/support/differences.ts';
import { copied, uniform } from '../../test/support/run.ts';
import { initialValues, toyBackbone, toyProbe } from '../../test/support/toy-probe.ts';
import { dinoV2 } from '../backbones/dinov2.ts';
import { mobileSamBackbone, tinyVit as tinyVitFeatures } from '../backbones/mobilesam.ts';
import type { Backbone } from '../backbones/types.ts';
import { type Granularity, granularityPlaces } from '../granularity/granularity.ts';
import { nameOf, sources } from '../graph/tensor.ts';
import type { Parameter } from '../nn/scope.ts';
import { liftUpsampler } from '../upsamplers/lift.ts';
import { buildProbe, type Probe } from './probe.ts';
import { compileInference } from './programs.ts';

const size = [16, 24] as const;

const tinyVit: Backbone = toyBackbone(4, 8, {
  name: 'tiny ViT',
  features: (image, scope, clicks) =>
    dinoV2(image, scope, { patch: 4, dim: 8, depth: 2, heads: 2, positions: 3 }, clicks),
});

const granularity: Granularity = {
  place: 'early',
  tableStart: 'zero',
  lora: { projections: ['q', 'k'], rank: 2, alpha: 1 },
  trainUpsampler: false,
};

const granular = (changes: Partial<Granularity> = {}, probe: Partial<Probe> = {}): Probe =>
  toyProbe({ backbone: tinyVit, granularity: { ...granularity, ...changes }, ...probe });

const feeds = {
  image: uniform([1, 3, ...size], 0, 1, 'image'),
  clicks: uniform([1, 3, ...size], 0, 1, 'clicks'),
};

/** Initial values, B and the table at random too where asked for. */
function values(parameters: ReadonlyMap<string, Parameter>, moved: boolean) {
  const out = initialValues(parameters);
  if (moved)
    for (const [name, data] of out) if (/lora_B|table/.test(name)) data.set(uniform([data.length], -1, 1, name));
  return out;
}

async function logits(probe: Probe, { row, moved = false }: { row?: number; moved?: boolean } = {}) {
  const graph = buildProbe(probe, 1, size);
  const trained = new Map([...initialValues(graph.start), ...values(graph.trained, moved)]);
  const program = await compileInference(graph, initialValues(graph.frozen), trained, { threads: 1 });
  try {
    const own: Record<string, Float32Array> = row === undefined ? {} : { granularity: Float32Array.of(row) };
    return copied(await program.run('predict', { ...feeds, ...own })).logits;
  } finally {
    await program.release();
  }
}

describe('a probe that takes a granularity', () => {
  it.each(granularityPlaces)('leaves what is trained as it is, and learns LoRA and the table: %s', place => {
    const graph = buildProbe(granular({ place, tableStart: 'normal' }), 2, size);
    const plain = buildProbe(toyProbe({ backbone: tinyVit }), 2, size);
    expect([...graph.frozen.keys()]).toEqual([...plain.frozen.keys()]);
    expect([...graph.start.keys()]).toEqual([...plain.trained.keys()]);
    expect([...plain.start]).toEqual([]);
    expect([...graph.start.values()].every(({ tensor }) => tensor.attributes.rate === 'frozen')).toBe(true);
    expect([...graph.trained.keys()].toSorted()).toEqual([
      'granular.backbone.blocks.0.attn.qkv.lora_A',
      'granular.backbone.blocks.0.attn.qkv.lora_B',
      'granular.backbone.blocks.1.attn.qkv.lora_A',
      'granular.backbone.blocks.1.attn.qkv.lora_B',
      'granular.table.weight',
    ]);
    expect(graph.granularity?.shape).toEqual([2]);
    expect(plain.granularity).toBeUndefined();
    const names = sources([graph.logits]).map(nameOf).toSorted();
    const known = [...graph.frozen.keys(), ...graph.start.keys(), ...graph.trained.keys()];
    expect(names).toEqual(['image', 'clicks', 'granularity', ...known].toSorted());
  });

  it.each(granularityPlaces.flatMap(place => (['early', 'late'] as const).map(injection => ({ place, injection }))))(
    'is the trained probe at first, where the table starts at zero: rows $place, clicks $injection',
    async ({ place, injection }) => {
      const expected = await logits(toyProbe({ backbone: tinyVit, injection }));
      const probe = granular({ place }, { injection });
      for (const row of [0, 9]) expect(maxDifference(await logits(probe, { row }), expected)).toBeLessThan(1e-6);
      // and no longer is it once anything has moved
      const moved = await logits(probe, { row: 4, moved: true });
      expect(maxDifference(moved, expected)).toBeGreaterThan(1e-3 * maxAbsolute(expected));
      expect(maxDifference(await logits(probe, { row: 5, moved: true }), moved)).toBeGreaterThan(1e-6);
    },
  );

  it('adapts every block of MobileSAM in the order of its rows', () => {
    const config = {
      stem: [4, 4],
      depth: 1,
      stages: [
        { channels: 8, depth: 1, window: 2, heads: 2 },
        { channels: 12, depth: 1, window: 2, heads: 3 },
        { channels: 16, depth: 1, window: 2, heads: 4 },
      ],
      neck: 4,
    } as const;
    const backbone: Backbone = {
      ...mobileSamBackbone,
      channels: 4,
      early: { channels: 12, stride: 16, gain: 1 },
      qkv: { headChannels: 4 },
      features: (image, scope, clicks) => tinyVitFeatures(image, scope, config, clicks),
    };
    const graph = buildProbe(granular({}, { backbone }), 1, [32, 32]);
    const adaptedBlocks = [...graph.trained.keys()].filter(name => name.endsWith('lora_A'));
    expect(adaptedBlocks).toEqual([1, 2, 3].map(i => `granular.backbone.layers.${i}.blocks.0.attn.qkv.lora_A`));
    expect(mobileSamBackbone.qkv).toEqual({ headChannels: 32 });
  });

  it('trains the upsampler too where asked for, under names of its own', () => {
    const graph = buildProbe(granular({ trainUpsampler: true }, { upsampler: liftUpsampler }), 1, size);
    const learned = [...graph.trained.keys()].filter(name => name.startsWith('granular.upsampler.'));
    expect(learned.length).toBeGreaterThan(0);
    expect([...graph.frozen.keys()].some(name => name.startsWith('frozen.upsampler.'))).toBe(false);
  });

  it('says so where there is nothing to train', () => {
    expect(() => buildProbe(granular({ trainUpsampler: true }), 1, size)).toThrow(/bilinear has no parameters/);
    const backbone = toyBackbone(4, 8);
    expect(() => buildProbe(granular({}, { backbone }), 1, size)).toThrow(/toy has no attention to adapt/);
  });
});
