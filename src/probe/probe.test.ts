import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { maxAbsolute, maxDifference } from '../../test/support/differences.ts';
import { copied, evaluate, uniform } from '../../test/support/run.ts';
import { headNamed, initialValues, toyBackbone, toyProbe } from '../../test/support/toy-probe.ts';
import { dinoV2 } from '../backbones/dinov2.ts';
import type { Backbone } from '../backbones/types.ts';
import { resample } from '../graph/ops/linear.ts';
import { defaultPasses, prepare } from '../graph/passes/prepare.ts';
import { split } from '../graph/passes/split.ts';
import { GraphError, nameOf, sources, type Tensor, topological } from '../graph/tensor.ts';
import { bilinear } from '../nn/resize.ts';
import type { Parameter } from '../nn/scope.ts';
import { bicubicInterpolation, bilinearInterpolation, nearestNeighbour, none } from '../upsamplers/interpolation.ts';
import { enlarged, largeImage } from '../upsamplers/large-image.ts';
import type { Upsampler } from '../upsamplers/types.ts';
import { buildFeatures, buildProbe, injections, type Probe, type ProbeGraph } from './probe.ts';
import { compileInference, type ProgramOptions } from './programs.ts';

/** DINOv2 with one small block, so that a probe has attention and a position embedding in it. */
const tinyVit: Backbone = toyBackbone(4, 8, {
  name: 'tiny ViT',
  features: (image, scope, clicks) =>
    dinoV2(image, scope, { patch: 4, dim: 8, depth: 1, heads: 2, positions: 3 }, clicks),
});

type Size = readonly [number, number];

const size: Size = [16, 24];
const feedsOf = (seed: string, batch = 1, [height, width]: Size = size) => ({
  image: uniform([batch, 3, height, width], 0, 1, 'image', seed),
  clicks: uniform([batch, 3, height, width], 0, 1, 'clicks', seed),
});

async function inference(graph: ProbeGraph, options: ProgramOptions = {}) {
  return compileInference(graph, initialValues(graph.frozen), initialValues(graph.trained), { threads: 1, ...options });
}

/** Logits of one run of a program of its own. */
async function logitsOf(
  probe: Probe,
  feeds: Record<string, Float32Array>,
  options: ProgramOptions = {},
  at: Size = size,
) {
  const program = await inference(buildProbe(probe, 1, at), options);
  try {
    return copied(await program.run('predict', feeds)).logits;
  } finally {
    await program.release();
  }
}

/** Values of any tensors of a graph. */
const valuesOf = (
  { frozen, trained = new Map() }: { frozen: Map<string, Parameter>; trained?: Map<string, Parameter> },
  outputs: Record<string, Tensor>,
  feeds = feedsOf('a'),
) => {
  const all = new Map([...Object.entries(feeds), ...initialValues(frozen), ...initialValues(trained)]);
  const names = sources(Object.values(outputs)).map(nameOf);
  return evaluate(outputs, Object.fromEntries(names.map(name => [name, all.get(name)!])));
};

describe('buildProbe', () => {
  it.each(injections)('has the promised shapes, and every parameter where it belongs: %s', injection => {
    const probe = toyProbe({ backbone: tinyVit, injection, headWidth: 5 });
    const graph = buildProbe(probe, 2, size);
    expect(graph.image.shape).toEqual([2, 3, 16, 24]);
    expect(graph.clicks.shape).toEqual([2, 3, 16, 24]);
    expect(graph.features.shape).toEqual([2, 8, 4, 6]);
    expect(graph.upsampled.shape).toEqual([2, 8, 16, 24]);
    expect(graph.logits.shape).toEqual([2, 1, 16, 24]);
    const names = sources([graph.logits]).map(nameOf);
    expect(names.toSorted()).toEqual(['image', 'clicks', ...graph.frozen.keys(), ...graph.trained.keys()].toSorted());
    expect([...graph.frozen.keys()].every(name => name.startsWith('frozen.backbone.'))).toBe(true);
    expect(Object.fromEntries([...graph.trained].map(([name, p]) => [name, p.shape]))).toEqual({
      'probe.clicks.proj.weight': [8, 3, 4, 4],
      'probe.clicks.proj.bias': [8],
      'probe.head.convs.0.conv.weight': [5, 8, 3, 3],
      'probe.head.convs.0.conv.bias': [5],
      'probe.head.convs.1.conv.weight': [5, 5, 3, 3],
      'probe.head.convs.1.conv.bias': [5],
      'probe.head.classifier.weight': [1, 5, 1, 1],
      'probe.head.classifier.bias': [1],
    });
  });

  it.each([
    [18, 24],
    [16, 25],
    [2, 4],
  ])('refuses %d x %d px, off the stride', (height, width) => {
    const message = new RegExp(`tiny ViT: ${height} x ${width} px is not a multiple of its stride 4`);
    const probe = toyProbe({ backbone: tinyVit });
    expect(() => buildProbe(probe, 1, [height, width])).toThrow(message);
    expect(() => buildFeatures(probe, [height, width])).toThrow(message);
    expect(() => buildProbe(probe, 1, [height, width])).toThrow(GraphError);
  });

  it('brings features to the scale that the head expects', async () => {
    const scaled = buildProbe(toyProbe({ backbone: { ...tinyVit, featureScale: 3 } }), 1, size);
    const plain = buildProbe(toyProbe({ backbone: tinyVit }), 1, size);
    const [{ y }, { x }] = [
      await valuesOf(scaled, { y: scaled.features }),
      await valuesOf(plain, { x: plain.features }),
    ];
    expectClose(
      y,
      x.map(v => 3 * v),
      1e-6,
      'features',
    );
  });

  it('enlarges clicks at early injection, not the previous mask', async () => {
    const backbone = { ...tinyVit, early: { channels: 8, stride: 4, gain: 5 } };
    const feeds = feedsOf('a');
    const area = size[0] * size[1];
    const enlarged = feeds.clicks.map((v, i) => (i < area ? v : 5 * v));
    const found = await logitsOf(toyProbe({ backbone }), feeds);
    const expected = await logitsOf(toyProbe({ backbone: tinyVit }), { ...feeds, clicks: enlarged });
    expectClose(found, expected, 1e-5, 'logits');
    expect(maxDifference(found, await logitsOf(toyProbe({ backbone: tinyVit }), feeds))).toBeGreaterThan(1e-3);
    const late = (b: Backbone) => logitsOf(toyProbe({ backbone: b, injection: 'late' }), feeds);
    expect(await late(backbone)).toEqual(await late(tinyVit));
  });

  it('brings features that an upsampler leaves coarse to the full size', async () => {
    const half: Upsampler = {
      ...bilinearInterpolation,
      name: 'half',
      upsample: (x, image, [h, w], scope) => nearestNeighbour.upsample(x, image, [h / 2, w / 2], scope),
    };
    const graph = buildProbe(toyProbe({ upsampler: half }), 1, size);
    expect(graph.upsampled.shape).toEqual([1, 8, 16, 24]);
    const coarse = half.upsample(graph.features, graph.image, size, undefined as never);
    expect(coarse.shape).toEqual([1, 8, 8, 12]);
    const aligned = (from: number, to: number) => bilinear(from, to, { alignCorners: true });
    const resized = resample(coarse, aligned(8, 16), aligned(12, 24));
    const { y, expected } = await valuesOf(graph, { y: graph.upsampled, expected: resized });
    expectClose(y, expected, 1e-6, 'features');
  });
});

describe('the low-res path', () => {
  it('runs the head on the grid of the backbone and resizes its logits, corners aligned', async () => {
    const graph = buildProbe(toyProbe({ upsampler: none }), 1, size);
    expect(graph.upsampled).toBe(graph.features);
    expect(graph.logits.op).toBe('resample');
    const [low] = graph.logits.inputs;
    expect(low.shape).toEqual([1, 1, 4, 6]);
    const { logits, coarse } = await valuesOf(graph, { logits: graph.logits, coarse: low });
    const corners = (values: Float32Array, h: number, w: number) =>
      [0, w - 1, (h - 1) * w, h * w - 1].map(i => values[i]);
    expectClose(corners(logits, ...size), corners(coarse, 4, 6), 1e-6, 'corners');
    expect(maxAbsolute(logits)).toBeLessThanOrEqual(maxAbsolute(coarse) + 1e-6);
    // 15 steps between rows of pixels are 3 between rows of cells
    expect(logits[5 * 24]).toBeCloseTo(coarse[6], 5);
    const full = buildProbe(toyProbe(), 1, size);
    expect(maxDifference(logits, (await valuesOf(full, { y: full.logits })).y)).toBeGreaterThan(1e-3);
  });
});

describe('what runs when', () => {
  const stagesOf = ({ logits }: ProbeGraph) => {
    const stages = split(new Map([['predict', new Map([['logits', logits]])]]));
    return Object.fromEntries(stages.map(({ rate, outputs }) => [rate, sources([...outputs.values()]).map(nameOf)]));
  };

  it.each([none, bilinearInterpolation])('late injection: all of the backbone runs once an image, $name', upsampler => {
    const graph = buildProbe(toyProbe({ backbone: tinyVit, injection: 'late', upsampler }), 1, size);
    const { image, clicks } = stagesOf(graph);
    expect(image.toSorted()).toEqual(['image', ...graph.frozen.keys()].toSorted());
    expect(clicks.filter(name => name === 'image' || name.startsWith('frozen.'))).toEqual([]);
    expect(clicks).toContain('clicks');
  });

  it('early injection: the blocks run for every click, the patches of the image once', () => {
    const { image, clicks } = stagesOf(buildProbe(toyProbe({ backbone: tinyVit }), 1, size));
    expect(image).toContain('frozen.backbone.patch_embed.proj.weight');
    expect(image.filter(name => name.includes('blocks'))).toEqual([]);
    expect(clicks).toContain('frozen.backbone.blocks.0.attn.qkv.weight');
  });

  it.each(injections)('new clicks alone give the same logits as a complete run: %s', async injection => {
    const probe = toyProbe({ backbone: tinyVit, injection });
    const program = await inference(buildProbe(probe, 1, size));
    const [a, b] = [feedsOf('a'), feedsOf('b')];
    const run = async (feeds: Record<string, Float32Array>) => copied(await program.run('predict', feeds)).logits;
    try {
      const first = await run(a);
      const second = await run({ clicks: b.clicks });
      expect(second).toEqual(await logitsOf(probe, { image: a.image, clicks: b.clicks }));
      expect(await run({ clicks: a.clicks })).toEqual(first);
      expect(await run({ image: b.image })).toEqual(await logitsOf(probe, { image: b.image, clicks: a.clicks }));
      expect(maxDifference(first, second)).toBeGreaterThan(1e-3);
    } finally {
      await program.release();
    }
  });
});

describe('passes', () => {
  // wide enough for Winograd, 8 rows of cells or more for the low-res head
  const wide: Size = [32, 40];
  const off = { ...defaultPasses, commute: false, winograd: false };
  const cases = [none, bilinearInterpolation, bicubicInterpolation].flatMap(upsampler =>
    injections.map(injection => ({ upsampler, injection, name: upsampler.name })),
  );

  it.each(cases)('give the same logits on and off: $name, $injection', async ({ upsampler, injection }) => {
    const probe = toyProbe({ backbone: toyBackbone(4, 96), upsampler, injection, headWidth: 96 });
    const feeds = feedsOf('a', 1, wide);
    const expected = await logitsOf(probe, feeds, { passes: off, split: false }, wide);
    expect(maxAbsolute(expected)).toBeGreaterThan(0.01);
    for (const passes of [defaultPasses, { ...off, commute: true }, { ...off, winograd: true }, off]) {
      expectClose(await logitsOf(probe, feeds, { passes }, wide), expected, 2e-5, JSON.stringify(passes));
    }
    const { logits } = buildProbe(probe, 1, wide);
    const large = (y: Tensor) => topological([y]).filter(t => t.op === 'conv2d' && t.inputs[1].shape[2] === 3).length;
    expect(large(logits)).toBe(2);
    expect(large(prepare([logits], defaultPasses, { forGradient: false })[0])).toBe(0);
  });

  it('give the same logits for every image of a batch', async () => {
    const probe = toyProbe({ backbone: tinyVit });
    const [a, b] = [feedsOf('a'), feedsOf('b')];
    const both = {
      image: Float32Array.of(...a.image, ...b.image),
      clicks: Float32Array.of(...a.clicks, ...b.clicks),
    };
    const program = await inference(buildProbe(probe, 2, size));
    const { logits } = await program.run('predict', both);
    const expected = [...(await logitsOf(probe, a)), ...(await logitsOf(probe, b))];
    expectClose(logits, expected, 1e-5, 'logits');
    await program.release();
  });
});

describe('buildFeatures', () => {
  const probe = toyProbe({ backbone: tinyVit, head: headNamed('linear') });

  it('needs the picture and frozen weights alone, under the names of the probe', () => {
    const graph = buildFeatures(probe, size);
    expect(graph.image.shape).toEqual([1, 3, 16, 24]);
    expect(graph.features.shape).toEqual([1, 8, 4, 6]);
    expect(graph.upsampled.shape).toEqual([1, 8, 16, 24]);
    expect(buildFeatures({ ...probe, upsampler: none }, size).upsampled.shape).toEqual([1, 8, 4, 6]);
    expect(sources([graph.upsampled]).map(nameOf).toSorted()).toEqual(['image', ...graph.frozen.keys()].toSorted());
    expect([...graph.frozen.keys()]).toEqual([...buildProbe(probe, 1, size).frozen.keys()]);
  });

  it('gives what a late probe sees before any click is added', async () => {
    const graph = buildFeatures(probe, size);
    const late = buildProbe({ ...probe, injection: 'late' }, 1, size);
    const feeds = { ...feedsOf('a'), clicks: new Float32Array(3 * 16 * 24) };
    const found = await valuesOf(graph, { features: graph.features, upsampled: graph.upsampled }, feeds);
    const bias = initialValues(late.trained).get('probe.clicks.proj.bias')!;
    const { features } = await valuesOf(late, { features: late.features }, feeds);
    expectClose(
      found.features,
      features.map((v, i) => v - bias[Math.floor(i / 24)]),
      1e-6,
      'features',
    );
    const aligned = (from: number, to: number) => bilinear(from, to, { alignCorners: true });
    const resized = resample(graph.features, aligned(4, 16), aligned(6, 24));
    expectClose(found.upsampled, (await valuesOf(graph, { y: resized }, feeds)).y, 1e-6, 'upsampled');
  });
});

describe('an upsampler that enlarges the image', () => {
  const upsampler = largeImage(2);

  it.each(injections)('gives the backbone and the clicks the larger grid: %s', async injection => {
    const probe = toyProbe({ backbone: tinyVit, injection, upsampler });
    const graph = buildProbe(probe, 1, size);
    expect(graph.image.shape).toEqual([1, 3, 16, 24]);
    expect(graph.clicks.shape).toEqual([1, 3, 16, 24]);
    expect(graph.features.shape).toEqual([1, 8, 8, 12]);
    expect(graph.upsampled.shape).toEqual([1, 8, 16, 24]);
    expect(graph.logits.shape).toEqual([1, 1, 16, 24]);

    // the same as a picture and maps that were enlarged before
    const feeds = feedsOf('a');
    const large = buildProbe({ ...probe, upsampler: none }, 1, [32, 48]);
    const { image, clicks } = graph;
    const twice = copied(await evaluate({ ofImage: enlarged(image, 2), ofClicks: enlarged(clicks, 2) }, feeds));
    const { features } = await valuesOf(graph, { features: graph.features }, feeds);
    const largeFeeds = { image: twice.ofImage, clicks: twice.ofClicks };
    const expected = await valuesOf(large, { features: large.features }, largeFeeds);
    expect(maxAbsolute(features)).toBeGreaterThan(0.1);
    expectClose(features, expected.features, 1e-5, 'features');
  });

  it('looks at features on the larger grid too', () => {
    const graph = buildFeatures({ backbone: tinyVit, upsampler: largeImage(4) }, size);
    expect(graph.features.shape).toEqual([1, 8, 16, 24]);
    expect(graph.upsampled.shape).toEqual([1, 8, 16, 24]);
  });

  it('needs the size of the image itself to be a multiple of the stride', () => {
    expect(() => buildProbe(toyProbe({ backbone: tinyVit, upsampler }), 1, [18, 24])).toThrow(
      /18 x 24 px is not a mul/,
    );
  });
});
