import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { maxAbsolute, maxDifference } from '../../test/support/differences.ts';
import { parameterGradients } from '../../test/support/parameter-gradients.ts';
import { copied, projected, uniform } from '../../test/support/run.ts';
import { headNamed, initialValues, toyBackbone, toyProbe } from '../../test/support/toy-probe.ts';
import { clickEncoders } from '../clicks/encoders.ts';
import { sum } from '../graph/ops/basic.ts';
import { defaultPasses, prepare } from '../graph/passes/prepare.ts';
import { split } from '../graph/passes/split.ts';
import { constant, nameOf, sources, topological } from '../graph/tensor.ts';
import { heads } from '../heads/heads.ts';
import { necks } from '../necks/necks.ts';
import { Adam } from '../training/adam.ts';
import { normalisedFocalLoss } from '../training/loss.ts';
import { bilinearInterpolation, none } from '../upsamplers/interpolation.ts';
import { findUpsampler, upsamplers } from '../upsamplers/registry.ts';
import { buildProbe, injections, type Probe } from './probe.ts';
import { compileInference, compileTraining, gradientName, type ProgramOptions } from './programs.ts';

type Size = readonly [number, number];
const SIZE: Size = [24, 40];

const feedsOf = (seed: string, [height, width]: Size = SIZE, batch = 1) => ({
  image: uniform([batch, 3, height, width], 0, 1, 'image', seed),
  clicks: uniform([batch, 3, height, width], 0, 1, 'clicks', seed),
});

async function logitsOf(probe: Probe, options: ProgramOptions = {}, size = SIZE, feeds = feedsOf('a', size)) {
  const graph = buildProbe(probe, 1, size);
  const [frozen, trained] = [initialValues(graph.frozen), initialValues(graph.trained)];
  const program = await compileInference(graph, frozen, trained, { threads: 1, ...options });
  try {
    return copied(await program.run('predict', feeds)).logits;
  } finally {
    await program.release();
  }
}

/** The probe of a neck; the one that upsamples by itself on no upsampler. */
const multiScale = (name: string, changes: Partial<Probe> = {}): Probe => {
  const neck = necks.find(each => each.name === name)!;
  return toyProbe({
    upsampler: neck.usesUpsampler ? bilinearInterpolation : none,
    head: headNamed('segformer'),
    multiScale: { neck, width: 4 },
    ...changes,
  });
};

/** Losses of a few steps of training on one noisy picture, whose object is its bright right half. */
async function losses(probe: Probe, steps: number): Promise<number[]> {
  const graph = buildProbe(probe, 1, SIZE);
  const object = Float32Array.from({ length: SIZE[0] * SIZE[1] }, (_, i) => (i % SIZE[1] < SIZE[1] / 2 ? 0 : 1));
  const { image, clicks } = feedsOf('a');
  const feeds = { image: image.map((v, i) => 0.2 * v + 0.8 * object[i % object.length]), clicks };
  const target = constant(object, [1, 1, ...SIZE]);
  const program = await compileTraining(
    graph,
    initialValues(graph.frozen),
    logits => {
      const perImage = normalisedFocalLoss(logits, target);
      return { perImage, total: sum(perImage, [0]) };
    },
    { threads: 1 },
  );
  const trained = initialValues(graph.trained);
  const adam = new Adam();
  const found: number[] = [];
  try {
    for (let i = 0; i < steps; i++) {
      const results = await program.run('step', { ...feeds, ...Object.fromEntries(trained) });
      found.push(results.loss[0]);
      adam.step(trained, new Map([...trained.keys()].map(name => [name, results[gradientName(name)]])), 3e-3);
    }
  } finally {
    await program.release();
  }
  return found;
}

/** Every trained parameter gets a gradient. */
async function expectGradients(probe: Probe, size = SIZE): Promise<void> {
  const { logits, frozen, trained } = buildProbe(probe, 1, size);
  const values = Object.fromEntries([
    ...Object.entries(feedsOf('a', size)),
    ...initialValues(frozen),
    ...initialValues(trained),
  ]);
  const loss = projected(logits, uniform(logits.shape, -1, 1, 'projection'));
  for (const [name, dw] of await parameterGradients(loss, trained, values)) {
    expect(maxAbsolute(dw), name).toBeGreaterThan(0);
  }
}

describe('click encoders and injections', () => {
  const cases = clickEncoders.flatMap(clickEncoder =>
    injections.map(injection => ({ clickEncoder, injection, name: clickEncoder.name })),
  );

  it.each(cases)('every parameter learns, the loss falls: $name, $injection', async ({ clickEncoder, injection }) => {
    const probe = toyProbe({ clickEncoder, injection });
    await expectGradients(probe);
    const found = await losses(probe, 20);
    expect(found.at(-1)).toBeLessThan(0.9 * found[0]);
  });

  it('late and late-upsampled are the same where the upsampler is what brings clicks to size, or there is none', async () => {
    for (const upsampler of [bilinearInterpolation, none]) {
      const [a, b] = [toyProbe({ upsampler, injection: 'late' }), toyProbe({ upsampler, injection: 'late-upsampled' })];
      expectClose(await logitsOf(a), await logitsOf(b), 1e-5, upsampler.name);
    }
    const guided = findUpsampler('jbu');
    const [a, b] = [
      toyProbe({ upsampler: guided, injection: 'late' }),
      toyProbe({ upsampler: guided, injection: 'late-upsampled' }),
    ];
    expect(maxDifference(await logitsOf(a), await logitsOf(b))).toBeGreaterThan(1e-3);
  });

  it.each([none, bilinearInterpolation, findUpsampler('jbu')])(
    'late-upsampled: the upsampled features are made once an image, $name',
    upsampler => {
      const { logits, frozen } = buildProbe(toyProbe({ upsampler, injection: 'late-upsampled' }), 1, SIZE);
      const stages = split(new Map([['predict', new Map([['logits', logits]])]]));
      const ofRate = (rate: string) =>
        stages.filter(stage => stage.rate === rate).flatMap(s => [...s.outputs.values()]);
      const names = (rate: string) => sources(ofRate(rate)).map(nameOf);
      expect(names('image').toSorted()).toEqual(['image', ...frozen.keys()].toSorted());
      expect(names('clicks').filter(name => name === 'image' || name.startsWith('frozen.'))).toEqual([]);
      const kept = ofRate('image').map(({ shape }) => shape);
      expect(kept).toEqual([upsampler === none ? [1, 8, 6, 10] : [1, 8, ...SIZE]]);
    },
  );
});

describe('heads in a probe', () => {
  it.each(heads.map(({ name }) => name))('every parameter learns: %s', async name => {
    await expectGradients(toyProbe({ head: headNamed(name), injection: 'late' }));
  });

  it.each(heads.filter(({ name }) => name.startsWith('conv-')))(
    '$name: the same with passes on and off',
    async head => {
      // wide enough for Winograd, whose convolutions must not be dilated
      for (const upsampler of [bilinearInterpolation, none]) {
        const probe = toyProbe({ backbone: toyBackbone(4, 96), head, headWidth: 192, upsampler, injection: 'late' });
        const size: Size = [32, 40];
        const off = { ...defaultPasses, commute: false, winograd: false };
        const expected = await logitsOf(probe, { passes: off, split: false }, size);
        expect(maxAbsolute(expected)).toBeGreaterThan(0.01);
        for (const passes of [defaultPasses, { ...off, commute: true }, { ...off, winograd: true }]) {
          expectClose(
            await logitsOf(probe, { passes }, size),
            expected,
            2e-5,
            `${upsampler.name} ${JSON.stringify(passes)}`,
          );
        }
      }
    },
  );

  it('conv-context sees late clicks on the grid too, wherever they enter', async () => {
    for (const injection of injections) {
      const probe = toyProbe({ head: headNamed('conv-context'), injection });
      const { logits } = buildProbe(probe, 1, SIZE);
      const low = topological([logits]).filter(t => t.op === 'conv2d' && t.shape[2] === 6);
      expect(low).toHaveLength(2);
      expect(sources(low).map(nameOf)).toContain('clicks');
    }
  });
});

describe('multi-scale', () => {
  const names = necks.map(({ name }) => name);
  const cases = names.flatMap(name => injections.map(injection => ({ name, injection })));

  it.each(cases)('$name, $injection: shapes, parameters, gradients', async ({ name, injection }) => {
    const probe = multiScale(name, { injection });
    const graph = buildProbe(probe, 2, SIZE);
    expect(graph.logits.shape).toEqual([2, 1, ...SIZE]);
    expect(graph.upsampled.shape).toEqual([2, name.endsWith('wide') ? 8 : 4, ...SIZE]);
    const parts = new Set([...graph.trained.keys()].map(each => each.split('.')[1]));
    expect(parts).toEqual(new Set(['clicks', 'neck', 'head']));
    await expectGradients(probe);
  });

  it.each(names)('%s: the loss falls', async name => {
    const found = await losses(multiScale(name), 12);
    expect(found.at(-1)).toBeLessThan(0.9 * found[0]);
  });

  it.each(cases)(
    '$name, $injection: the same with passes on and off, and for new clicks',
    async ({ name, injection }) => {
      const probe = multiScale(name, { injection });
      const off = { ...defaultPasses, commute: false, winograd: false };
      const expected = await logitsOf(probe, { passes: off, split: false });
      expect(maxAbsolute(expected)).toBeGreaterThan(0.01);
      expectClose(await logitsOf(probe), expected, 2e-5, 'passes');

      const graph = buildProbe(probe, 1, SIZE);
      const program = await compileInference(graph, initialValues(graph.frozen), initialValues(graph.trained), {
        threads: 1,
      });
      const [a, b] = [feedsOf('a'), feedsOf('b')];
      await program.run('predict', { image: a.image, clicks: b.clicks });
      expectClose((await program.run('predict', { clicks: a.clicks })).logits, expected, 2e-5, 'new clicks');
      await program.release();
    },
  );

  it('the gradients are the same with passes on and off', async () => {
    const { logits, frozen, trained } = buildProbe(multiScale('upsampler-fpn'), 1, SIZE);
    const values = Object.fromEntries([
      ...Object.entries(feedsOf('a')),
      ...initialValues(frozen),
      ...initialValues(trained),
    ]);
    const weights = uniform(logits.shape, -1, 1, 'projection');
    const direct = await parameterGradients(projected(logits, weights), trained, values);
    const passed = await parameterGradients(projected(prepare([logits])[0], weights), trained, values);
    for (const [name, expected] of direct) {
      const scale = Math.max(1, maxAbsolute(expected));
      expect(maxDifference(passed.get(name)!, expected) / scale, name).toBeLessThan(1e-4);
    }
  });

  it('with commuting, coarse maps are mixed before they are enlarged', () => {
    const size: Size = [64, 96];
    const { logits } = buildProbe(
      multiScale('upsampler-fpn', { backbone: toyBackbone(8, 32), headWidth: 32 }),
      1,
      size,
    );
    const large = (outputs: ReturnType<typeof prepare>) =>
      topological(outputs).filter(t => t.op === 'conv2d' && t.shape[2] === size[0]).length;
    // of each of the four maps a share of the fusion; of the finest its own two, and the classifier
    expect(large([logits])).toBe(4 + 2 + 1);
    // at least the shares of the two coarsest maps, and the projection of the upsampled features
    expect(large(prepare([logits]))).toBeLessThanOrEqual(4);
  });

  it('without an upsampler the fine maps stay on the grid, like the low-res head', () => {
    const { upsampled, logits } = buildProbe(multiScale('upsampler-fpn', { upsampler: none }), 1, SIZE);
    expect(upsampled.shape).toEqual([1, 4, 6, 10]);
    expect(logits.shape).toEqual([1, 1, ...SIZE]);
    expect(logits.op).toBe('resample');
  });

  it.each(upsamplers)('upsampler-fpn takes $name', upsampler => {
    for (const stride of [14, 16]) {
      const size: Size = [9 * stride, 10 * stride];
      const probe = multiScale('upsampler-fpn', { upsampler, backbone: toyBackbone(stride, 32) });
      const { logits, upsampled } = buildProbe(probe, 1, size);
      expect(logits.shape).toEqual([1, 1, ...size]);
      expect(upsampled.shape.slice(1, 2)).toEqual([4]);
    }
  });
});
