import { expect, it } from 'vitest';
import { expectDefinition } from '../../test/support/definition.ts';
import { at, tabulate, total } from '../../test/support/nd.ts';
import { input } from '../graph/tensor.ts';
import { Scope } from '../nn/scope.ts';
import { implicitNetwork } from './implicit-network.ts';
import { scaledColours } from './loftup.ts';

const [H, W, N, C] = [3, 4, 2, 3];

it('are a function of place and colour', async () => {
  const scope = Scope.trained('u');
  const colours = scaledColours(input('image', [1, 3, H, W], 'image'), false);
  const y = implicitNetwork(colours, scope, { channels: C, frequencies: N });
  expect(y.shape).toEqual([1, C, H, W]);
  expect(scope.parameters.get('u.4.weight')?.shape).toEqual([C, 10 * N + 3, 1, 1]);
  await expectDefinition(
    y,
    of => {
      const image = of('image');
      const scaled = tabulate(image.shape, index => {
        const plane = [...image.data.slice(index[1] * H * W, (index[1] + 1) * H * W)];
        const low = Math.min(...plane);
        return (at(image, index) - low) / Math.max(Math.max(...plane) - low, 1e-4) - 0.5;
      });
      const frequencies = [Math.exp(-2), Math.exp(10)];
      const seen = (i: number, j: number) => {
        const colours = [0, 1, 2].map(k => at(scaled, [0, k, i, j]));
        const places = [(2 * i) / (H - 1) - 1, (2 * j) / (W - 1) - 1, ...colours];
        const wave = (f: (x: number) => number, which: number) =>
          frequencies.flatMap((frequency, n) =>
            places.map((place, d) => f(frequency * place + of('u.1.biases').data[which * 5 * N + n * 5 + d])),
          );
        return [...wave(Math.sin, 0), ...wave(Math.cos, 1), ...colours];
      };
      const normalised = (x: number[], name: string) => {
        const mean = total(x.length, k => x[k]) / x.length;
        const deviation = Math.sqrt(total(x.length, k => (x[k] - mean) ** 2) / x.length + 1e-5);
        const [weight, bias] = ['weight', 'bias'].map(part => of(`u.${name}.norm.${part}`).data);
        return x.map((v, k) => ((v - mean) / deviation) * weight[k] + bias[k]);
      };
      const layer = (x: number[], name: string) =>
        Array.from(
          { length: C },
          (_, o) =>
            total(x.length, k => at(of(`u.${name}.weight`), [o, k, 0, 0]) * x[k]) + of(`u.${name}.bias`).data[o],
        );
      const relu = (x: number[]) => x.map(v => Math.max(0, v));
      return tabulate([1, C, H, W], ([, c, i, j]) => {
        const first = relu(layer(normalised(seen(i, j), '2'), '4'));
        return relu(layer(normalised(first, '7'), '8'))[c];
      });
    },
    // the highest frequency is 22026: float32 phases are some 1e-3 off
    { tolerance: 3e-3 },
  );
});
