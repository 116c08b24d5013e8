import { describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/support/close.ts';
import { relativeL2 } from '../../../test/support/differences.ts';
import { randomFeeds } from '../../../test/support/passes.ts';
import { evaluate, projected, uniform } from '../../../test/support/run.ts';
import { bilinear } from '../../nn/resize.ts';
import type { CompileOptions } from '../../runtime/program.ts';
import { gradient } from '../gradient.ts';
import { reshape } from '../ops/basic.ts';
import { conv2d, type Pads } from '../ops/conv.ts';
import { add, mul, relu, tanh } from '../ops/elementwise.ts';
import { resample } from '../ops/linear.ts';
import { input, nameOf, type Tensor, topological } from '../tensor.ts';
import { prepare } from './prepare.ts';

const SAME: Pads = [1, 1, 1, 1];
// some bands of rows
const BANDS = { bandBytes: 4 * 64 * 36 * 9 * 3, keepBytes: 0, attentionBytes: 1000 };

const sourcesOf = {
  image: input('image', [1, 64, 8, 9], 'image'),
  clicks: input('clicks', [1, 64, 8, 9], 'clicks'),
  w1: input('w1', [64, 64, 3, 3], 'weights'),
  b1: input('b1', [64], 'weights'),
  w2: input('w2', [64, 64, 3, 3], 'weights'),
  w3: input('w3', [1, 64, 1, 1], 'weights'),
};
const { image, clicks, w1, b1, w2, w3 } = sourcesOf;

/** A probe with late clicks: features upsampled, two 3x3 convolutions, 1x1. */
function probe(activation: (x: Tensor) => Tensor): Tensor {
  const features = add(tanh(mul(image, 2)), clicks);
  const up = resample(features, bilinear(8, 40, { alignCorners: true }), bilinear(9, 36, { alignCorners: true }));
  const hidden = activation(conv2d(up, w1, b1, { pads: SAME }));
  return conv2d(activation(conv2d(hidden, w2, undefined, { pads: SAME })), w3);
}

const named = (y: Tensor): Record<string, Tensor> => {
  const targets = Object.values(sourcesOf);
  const slopes = gradient(projected(y, uniform(y.shape, -1, 1, 'projection')), targets);
  return { y, ...Object.fromEntries(slopes.map((dx, i) => [`gradient to ${nameOf(targets[i])}`, dx])) };
};

const rewritten = (outputs: Record<string, Tensor>, pass: (y: readonly Tensor[]) => Tensor[]) => {
  const values = pass(Object.values(outputs));
  return Object.fromEntries(Object.keys(outputs).map((name, i) => [name, values[i]]));
};

async function differences(fast: Record<string, Tensor>, slow: Record<string, Tensor>, options: CompileOptions = {}) {
  const feeds = randomFeeds(Object.values(slow));
  const expected = await evaluate(slow, feeds, { split: false });
  const actual = await evaluate(fast, feeds, options);
  return Object.keys(slow).map(name => ({ name, actual: actual[name], expected: expected[name] }));
}

const both = (y: readonly Tensor[]) => prepare(y, { commute: true, winograd: true, ...BANDS });

describe('the passes together', () => {
  it.each([true, false])('change nothing in a smooth probe or its gradients, split: %s', async split => {
    const y = probe(tanh);
    const [fast] = both([y]);
    expect(topological([fast]).some(t => t.op === 'conv2d' && [w1, w2].includes(t.inputs[1]))).toBe(false);
    for (const { name, actual, expected } of await differences(named(fast), named(y), { split })) {
      expectClose(actual, expected, 1e-4, name);
      expect(relativeL2(actual, expected), name).toBeLessThanOrEqual(3e-5);
    }
  });

  it('can be switched off, each by itself', () => {
    const y = probe(relu);
    const direct = (commute: boolean, winograd: boolean) => {
      const [prepared] = prepare([y], { commute, winograd, ...BANDS });
      return [w1, w2].filter(w => topological([prepared]).some(t => t.op === 'conv2d' && t.inputs[1] === w));
    };
    expect(prepare([y], { commute: false, winograd: false, ...BANDS })[0]).toBe(y);
    expect(direct(true, false)).toEqual([w2]);
    expect(direct(false, true)).toEqual([]);
    expect(direct(true, true)).toEqual([]);
  });

  it('change a probe with ReLUs only where a value near zero changes its sign', async () => {
    const y = probe(relu);
    for (const { name, actual, expected } of await differences(named(both([y])[0]), named(y))) {
      expect(relativeL2(actual, expected), name).toBeLessThanOrEqual(3e-3);
    }
  });

  it('may also be applied to a graph that holds its gradients', async () => {
    const slow = named(probe(tanh));
    for (const { name, actual, expected } of await differences(rewritten(slow, both), slow)) {
      expectClose(actual, expected, 1e-4, name);
    }
  });

  it('may be applied to values of any shape', async () => {
    const y = { y: reshape(probe(tanh), [40 * 36]) };
    for (const { name, actual, expected } of await differences(rewritten(y, both), y)) {
      expectClose(actual, expected, 1e-4, name);
    }
  });
});
