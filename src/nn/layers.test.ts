import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { at, nd, tabulate, total } from '../../test/support/nd.ts';
import { evaluate, uniform } from '../../test/support/run.ts';
import { conv2d } from '../graph/ops/conv.ts';
import { GraphError, input, nameOf, type Shape, sources, type Tensor } from '../graph/tensor.ts';
import { attend, mergeHeads, selfAttention, splitHeads } from './attention.ts';
import { channelNorm, conv, layerNorm, linear, patchEmbed, toMap, toTokens } from './layers.ts';
import { Scope } from './scope.ts';

/** Evaluates with random values for every source; gives them too. */
async function evaluated(y: Tensor) {
  const feeds = Object.fromEntries(sources([y]).map(s => [nameOf(s), uniform(s.shape, -1, 1, nameOf(s))]));
  const shapes = Object.fromEntries(sources([y]).map(s => [nameOf(s), s.shape]));
  const { y: data } = await evaluate({ y }, feeds);
  return { y: nd(y.shape, data), of: (name: string) => nd(shapes[name], feeds[name]) };
}
const x = (...shape: number[]) => input('x', shape, 'image');
const shapesOf = (scope: Scope): Record<string, Shape> =>
  Object.fromEntries([...scope.parameters.values()].map(p => [p.name, p.shape]));

describe('layers', () => {
  it('linear multiplies the last axis by the transposed weight', async () => {
    const scope = Scope.trained('s');
    const { y, of } = await evaluated(linear(x(2, 3, 4), scope.at('fc'), 5));
    expect(shapesOf(scope)).toEqual({ 's.fc.weight': [5, 4], 's.fc.bias': [5] });
    const expected = tabulate([2, 3, 5], ([b, n, o]) => {
      return total(4, c => at(of('x'), [b, n, c]) * at(of('s.fc.weight'), [o, c])) + at(of('s.fc.bias'), [o]);
    });
    expect(y.shape).toEqual([2, 3, 5]);
    expectClose(y.data, expected.data, 2e-6, 'linear');
  });

  it('linear and conv go without a bias where asked', () => {
    const scope = Scope.trained('s');
    linear(x(2, 4), scope.at('fc'), 3, { bias: false });
    conv(x(1, 4, 5, 5), scope.at('conv'), { out: 6, kernel: 3, bias: false, groups: 2 });
    expect(shapesOf(scope)).toEqual({ 's.fc.weight': [3, 4], 's.conv.weight': [6, 2, 3, 3] });
  });

  it('conv pads every side and passes its options on', () => {
    const y = conv(x(1, 4, 9, 9), Scope.trained('s'), { out: 6, kernel: 3, padding: 2, stride: 2, dilation: 2 });
    expect(y.shape).toEqual([1, 6, 5, 5]);
    expect(y.attributes).toEqual({ stride: 2, pads: [2, 2, 2, 2], groups: 1, dilation: 2 });
  });

  it('layerNorm and channelNorm normalise tokens and maps alike', async () => {
    const scope = Scope.trained('s');
    const map = x(2, 6, 3, 4);
    const tokens = layerNorm(toTokens(map), scope, 1e-6);
    const direct = (await evaluated(channelNorm(map, scope, 1e-6))).y;
    expectClose((await evaluated(toMap(tokens, 3, 4))).y.data, direct.data, 2e-6, 'channelNorm');
    expect(shapesOf(scope)).toEqual({ 's.weight': [6], 's.bias': [6] });
  });

  it('toTokens and toMap undo each other, row-major', async () => {
    const map = x(2, 3, 2, 5);
    const { y, of } = await evaluated(toTokens(map));
    expect(y.shape).toEqual([2, 10, 3]);
    expect(at(y, [1, 7, 2])).toBe(at(of('x'), [1, 2, 1, 2]));
    const back = await evaluated(toMap(toTokens(map), 2, 5));
    expect(back.y).toEqual(back.of('x'));
  });

  it('patchEmbed is the convolution whose kernel is its stride', async () => {
    const scope = Scope.trained('s');
    const image = x(2, 3, 8, 12);
    const patches = (await evaluated(patchEmbed(image, scope, 4, 5))).y;
    const direct = conv2d(image, scope.get('weight', [5, 3, 4, 4]), scope.get('bias', [5]), { stride: 4 });
    expect(patches.shape).toEqual([2, 5, 2, 3]);
    expectClose(patches.data, (await evaluated(direct)).y.data, 2e-6, 'patches');
    expect(() => patchEmbed(x(1, 3, 9, 8), scope, 4, 5)).toThrow(GraphError);
  });
});

describe('attention', () => {
  it('splits a joint projection head-major and merges it back', async () => {
    const [q, k, v] = splitHeads(x(2, 5, 3 * 2 * 4), 2);
    for (const [i, part] of [q, k, v].entries()) {
      const { y, of } = await evaluated(part);
      const expected = tabulate([2, 2, 5, 4], ([b, h, n, d]) => at(of('x'), [b, n, i * 8 + h * 4 + d]));
      expect(y).toEqual(expected);
    }
    const { y, of } = await evaluated(mergeHeads(q));
    expect(y).toEqual(tabulate([2, 5, 8], index => at(of('x'), index)));
  });

  it.each([false, true])('weighs values by the softmax of scaled scores, with a bias: %s', async biased => {
    const [q, k, v] = ['q', 'k', 'v'].map(name => input(name, [2, 3, 4, 5], 'image'));
    const bias = biased ? input('bias', [3, 4, 4], 'weights') : undefined;
    const { y, of } = await evaluated(attend(q, k, v, bias));
    const score = (b: number, h: number, i: number, j: number) =>
      total(5, c => at(of('q'), [b, h, i, c]) * at(of('k'), [b, h, j, c])) / Math.sqrt(5) +
      (biased ? at(of('bias'), [h, i, j]) : 0);
    const expected = tabulate([2, 3, 4, 5], ([b, h, i, c]) => {
      const sum = total(4, j => Math.exp(score(b, h, i, j)));
      return total(4, j => (Math.exp(score(b, h, i, j)) / sum) * at(of('v'), [b, h, j, c]));
    });
    expectClose(y.data, expected.data, 3e-6, 'attention');
  });

  it('asks for the parameters of a transformer block', () => {
    const scope = Scope.frozen('s');
    expect(selfAttention(x(2, 7, 12), scope.at('attn'), 3).shape).toEqual([2, 7, 12]);
    expect(shapesOf(scope)).toEqual({
      's.attn.qkv.weight': [36, 12],
      's.attn.qkv.bias': [36],
      's.attn.proj.weight': [12, 12],
      's.attn.proj.bias': [12],
    });
  });
});
