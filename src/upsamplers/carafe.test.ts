import { expect, it } from 'vitest';
import { expectDefinition } from '../../test/support/definition.ts';
import { at, tabulate, total } from '../../test/support/nd.ts';
import { input } from '../graph/tensor.ts';
import { Scope } from '../nn/scope.ts';
import { carafe, carafeUpsampler } from './carafe.ts';

it('reassembles the cells around a pixel with weights predicted from the features', async () => {
  const scope = Scope.trained('u');
  const y = carafe(input('f', [1, 2, 3, 5], 'clicks'), scope, { kernel: 3, compressed: 2 });
  expect(Object.fromEntries([...scope.parameters].map(([name, { shape }]) => [name, shape]))).toEqual({
    'u.channel_compressor.weight': [2, 2, 1, 1],
    'u.channel_compressor.bias': [2],
    'u.content_encoder.weight': [36, 2, 3, 3],
    'u.content_encoder.bias': [36],
  });
  await expectDefinition(
    y,
    of => {
      const inside = (i: number, j: number) => i >= 0 && i < 3 && j >= 0 && j < 5;
      const few = tabulate([2, 3, 5], ([o, i, j]) => {
        const weight = (c: number) => at(of('u.channel_compressor.weight'), [o, c, 0, 0]);
        return total(2, c => weight(c) * at(of('f'), [0, c, i, j])) + at(of('u.channel_compressor.bias'), [o]);
      });
      const predicted = (channel: number, i: number, j: number) =>
        at(of('u.content_encoder.bias'), [channel]) +
        total(2 * 9, n => {
          const [c, a, b] = [Math.floor(n / 9), Math.floor((n % 9) / 3), n % 3];
          const [y0, x0] = [i + a - 1, j + b - 1];
          return inside(y0, x0) ? at(of('u.content_encoder.weight'), [channel, c, a, b]) * at(few, [c, y0, x0]) : 0;
        });
      return tabulate([1, 2, 6, 10], ([, c, row, column]) => {
        const [i, j] = [Math.floor(row / 2), Math.floor(column / 2)];
        const weights = Array.from({ length: 9 }, (_, k) =>
          Math.exp(predicted(4 * k + 2 * (row % 2) + (column % 2), i, j)),
        );
        const sum = weights.reduce((a, b) => a + b);
        return total(9, k => {
          const [y0, x0] = [i + Math.floor(k / 3) - 1, j + (k % 3) - 1];
          return inside(y0, x0) ? (weights[k] / sum) * at(of('f'), [0, c, y0, x0]) : 0;
        });
      });
    },
    { slopes: ['f', 'u.content_encoder.weight'] },
  );
});

it('doubles as often as it may', () => {
  const scope = Scope.frozen('u');
  const y = carafeUpsampler.upsample(
    input('f', [1, 8, 4, 4], 'clicks'),
    input('i', [1, 3, 56, 56], 'image'),
    [56, 56],
    scope,
  );
  expect(y.shape).toEqual([1, 8, 32, 32]);
  expect([...scope.parameters.keys()].filter(name => name.endsWith('encoder.bias'))).toEqual([
    'u.up1.content_encoder.bias',
    'u.up2.content_encoder.bias',
    'u.up3.content_encoder.bias',
  ]);
});
