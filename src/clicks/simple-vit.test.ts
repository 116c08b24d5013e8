import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { evaluate } from '../../test/support/run.ts';
import { GraphError, input } from '../graph/tensor.ts';
import { parameterCount, Scope } from '../nn/scope.ts';
import { clickEncoders } from './encoders.ts';
import { simpleVit, sineCosinePositions } from './simple-vit.ts';

describe('sineCosinePositions', () => {
  it('are sine and cosine of column, then of row, at frequencies from 1 to 1/10000', async () => {
    const { y } = await evaluate({ y: sineCosinePositions(2, 3, 8) });
    const at = (row: number, column: number) => {
      const wave = (x: number) => [Math.sin(x), Math.sin(x / 10000), Math.cos(x), Math.cos(x / 10000)];
      return [...wave(column), ...wave(row)];
    };
    expectClose(
      y,
      [0, 1].flatMap(row => [0, 1, 2].flatMap(column => at(row, column))),
      1e-7,
      'positions',
    );
  });
  it.each([6, 4])('need a multiple of 4 channels, 8 or more: %s', dim => {
    expect(() => sineCosinePositions(2, 2, dim)).toThrow(GraphError);
    expect(() => sineCosinePositions(2, 2, dim)).toThrow(`given ${dim}`);
  });
});

describe('simpleVit', () => {
  it('asks for the parameters of the original', () => {
    const scope = Scope.trained('c');
    const options = { depth: 1, heads: 2, headSize: 5, mlp: 7 };
    expect(simpleVit(input('maps', [2, 3, 8, 12], 'clicks'), scope, 4, 8, options).shape).toEqual([2, 8, 2, 3]);
    expect(Object.fromEntries([...scope.parameters].map(([name, { shape }]) => [name.slice(2), shape]))).toEqual({
      'to_patch_embedding.1.weight': [48],
      'to_patch_embedding.1.bias': [48],
      'to_patch_embedding.2.weight': [8, 48],
      'to_patch_embedding.2.bias': [8],
      'to_patch_embedding.3.weight': [8],
      'to_patch_embedding.3.bias': [8],
      'transformer.layers.0.0.norm.weight': [8],
      'transformer.layers.0.0.norm.bias': [8],
      'transformer.layers.0.0.to_qkv.weight': [30, 8],
      'transformer.layers.0.0.to_out.weight': [8, 10],
      'transformer.layers.0.1.net.0.weight': [8],
      'transformer.layers.0.1.net.0.bias': [8],
      'transformer.layers.0.1.net.1.weight': [7, 8],
      'transformer.layers.0.1.net.1.bias': [7],
      'transformer.layers.0.1.net.3.weight': [8, 7],
      'transformer.layers.0.1.net.3.bias': [8],
      'transformer.norm.weight': [8],
      'transformer.norm.bias': [8],
    });
  });

  it('is the second click encoder, with the sizes of the paper', () => {
    const encoder = clickEncoders.find(({ name }) => name === 'simple-vit')!;
    const scope = Scope.trained('c');
    const y = encoder.encode(input('maps', [1, 3, 28, 28], 'clicks'), scope, { channels: 384, stride: 14 });
    expect(y.shape).toEqual([1, 384, 2, 2]);
    const block = 4 * 384 * 512 + 2 * 384 * 2048 + 2048 + 384 + 4 * 384;
    const embedding = 2 * 588 + 384 * 588 + 3 * 384;
    expect(parameterCount(scope.parameters.values())).toBe(6 * block + embedding + 2 * 384);
  });
});
