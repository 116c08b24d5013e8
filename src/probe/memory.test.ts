import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { randomFeeds } from '../../test/support/passes.ts';
import { heldAtOnce } from '../../test/support/peak.ts';
import { evaluate } from '../../test/support/run.ts';
import { headNamed, initialValues, toyBackbone, toyProbe } from '../../test/support/toy-probe.ts';
import { findBackbone } from '../backbones/registry.ts';
import { deduplicate } from '../graph/passes/deduplicate.ts';
import { defaultPasses, prepare } from '../graph/passes/prepare.ts';
import { split } from '../graph/passes/split.ts';
import { count, sources, type Tensor, topological } from '../graph/tensor.ts';
import { upsamplers } from '../upsamplers/registry.ts';
import { buildProbe, type Injection } from './probe.ts';
import { inferenceGraph } from './programs.ts';

const [CHANNELS, SIZE] = [96, [40, 36] as const];

const probeWith = (name: string, injection: Injection, memory?: number, head = 'conv') =>
  buildProbe(
    toyProbe({
      head: headNamed(head),
      backbone: toyBackbone(4, CHANNELS),
      headWidth: CHANNELS,
      upsampler: upsamplers.find(each => each.name === name)!,
      injection,
      ...(memory !== undefined && { memory }),
    }),
    2,
    SIZE,
  );

const TINY = { ...defaultPasses, bandBytes: 1.5e5, keepBytes: 2e4 };
/** Each of its 49 taps would make its own rows of the projected image, which takes minutes to compile. */
const tiny = (name: string) => (name === 'jbu-learned' ? { ...TINY, keepBytes: 8e5 } : TINY);
const OFF = { ...defaultPasses, winograd: false };
const inference = ({ logits }: { logits: Tensor }, passes = TINY) =>
  prepare([logits], passes, { forGradient: false })[0];

/** What the fit of `upsample-anything` adds to the graph, 51 times over, takes minutes to compile. */
const tested = upsamplers.map(({ name }) => name).filter(name => name !== 'upsample-anything');

describe('a probe under a small bound', () => {
  async function expectSame(name: string, head: string): Promise<void> {
    const injection = name === 'bilinear' ? 'late-upsampled' : 'early';
    const plain = probeWith(name, injection, undefined, head);
    const feeds = randomFeeds([plain.logits]);
    for (const [key, values] of initialValues(new Map([...plain.frozen, ...plain.trained]))) {
      // where a parameter starts at 0, other numbers test more
      if (key in feeds && values.some(value => value !== 0)) feeds[key] = values;
    }
    const small = inference(probeWith(name, injection, 3e6, head), tiny(name));
    const { y: expected } = await evaluate({ y: inference(plain, OFF) }, feeds, { forGradient: false });
    const { y } = await evaluate({ y: small }, feeds, { forGradient: false });
    expectClose(y, expected, 2e-4, `${name}, ${head}`);
  }

  it.each(tested)('%s: gives what it gives under a large one', name => expectSame(name, 'conv'));

  it.each(['linear', 'simple-conv', 'conv-dilated', 'conv-multi-dilation', 'conv-context'])(
    'with the head %s',
    async head => {
      for (const name of ['bilinear', 'jbu', 'jafar']) await expectSame(name, head);
    },
  );
});

const FULL_MAP = 4 * CHANNELS * SIZE[0] * SIZE[1];

describe('no value of a graph is as large as a map of one image at full size', () => {
  it.each(['nearest', 'bilinear', 'bicubic', 'joint-bilateral', 'jbu', 'large-image-x2', 'loftup', 'naf'])(
    '%s',
    name => {
      const ofPictures = (t: Tensor) =>
        sources([t]).some(({ attributes: { rate } }) => rate === 'image' || rate === 'clicks');
      const whole = (y: Tensor) =>
        topological([y]).filter(t => t.inputs.length > 0 && 4 * count(t.shape) >= FULL_MAP && ofPictures(t));
      for (const injection of ['early', 'late'] as const) {
        const graph = probeWith(name, injection, 3e6);
        expect(whole(inference(graph, OFF)).length).toBeGreaterThan(0);
        const streamed = inference(graph);
        expect(whole(streamed).map(({ op, shape }) => `${op} ${shape}`)).toEqual([]);
        expect(sources([streamed]).length).toBe(sources([graph.logits]).length);
      }
    },
  );
});

describe('an image of 1024 px and its mirror image', () => {
  const memory = 2e9;

  it.each(upsamplers.map(({ name }) => name))('%s: all that is held takes less than 2 GB', name => {
    const probe = buildProbe(
      toyProbe({
        head: headNamed('conv'),
        backbone: findBackbone('mobilesam'),
        headWidth: 256,
        upsampler: upsamplers.find(each => each.name === name)!,
        injection: 'early',
        memory,
      }),
      1,
      [1024, 1024],
    );
    const [logits] = deduplicate([inferenceGraph(probe, { memory, images: 2 })]);
    const stages = split(new Map([['predict', new Map([['logits', logits]])]]));
    const kept = stages.slice(0, -1).flatMap(({ outputs }) => [...outputs.values()]);
    const keptBytes = kept.reduce((sum, { shape }) => sum + 4 * count(shape), 0);
    // a session keeps its memory for its next run
    const peaks = stages.map(({ outputs }) => heldAtOnce([...outputs.values()], 'last'));
    expect(2 * keptBytes + peaks.reduce((sum, peak) => sum + peak)).toBeLessThan(memory);
  });
});
