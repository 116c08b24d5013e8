import { expect, it } from 'vitest';
import { expectDefinition } from '../../test/support/definition.ts';
import { at, type Nd, tabulate, total } from '../../test/support/nd.ts';
import { split } from '../graph/passes/split.ts';
import { input, nameOf, sources } from '../graph/tensor.ts';
import { Scope } from '../nn/scope.ts';
import { sapa, sapaUpsampler } from './sapa.ts';

it('lets pixels of the guide attend to the cells around their own, zeros beyond the border among them', async () => {
  const scope = Scope.trained('u');
  const [f, guide] = [input('f', [1, 4, 3, 5], 'clicks'), input('g', [1, 3, 6, 10], 'image')];
  const y = sapa(f, guide, scope, { kernel: 3, embedding: 2 });
  expect(Object.fromEntries([...scope.parameters].map(([name, { shape }]) => [name, shape]))).toEqual({
    'u.norm_y.weight': [3],
    'u.norm_y.bias': [3],
    'u.q.weight': [2, 3],
    'u.q.bias': [2],
    'u.norm_x.weight': [4],
    'u.norm_x.bias': [4],
    'u.k.weight': [2, 4],
    'u.k.bias': [2],
  });
  await expectDefinition(
    y,
    of => {
      const embedded = (map: Nd, norm: string, name: string) => {
        const [, c, h, w] = map.shape;
        return tabulate([2, h, w], ([o, i, j]) => {
          const values = Array.from({ length: c }, (_, k) => at(map, [0, k, i, j]));
          const mean = total(c, k => values[k]) / c;
          const deviation = Math.sqrt(total(c, k => (values[k] - mean) ** 2) / c + 1e-5);
          const normal = (k: number) =>
            ((values[k] - mean) / deviation) * at(of(`u.${norm}.weight`), [k]) + at(of(`u.${norm}.bias`), [k]);
          return total(c, k => at(of(`u.${name}.weight`), [o, k]) * normal(k)) + at(of(`u.${name}.bias`), [o]);
        });
      };
      const [q, k] = [embedded(of('g'), 'norm_y', 'q'), embedded(of('f'), 'norm_x', 'k')];
      return tabulate([1, 4, 6, 10], ([, c, row, column]) => {
        const cells = Array.from({ length: 9 }, (_, n) => {
          const cell = [Math.floor(row / 2) + Math.floor(n / 3) - 1, Math.floor(column / 2) + (n % 3) - 1];
          const inside = cell[0] >= 0 && cell[0] < 3 && cell[1] >= 0 && cell[1] < 5;
          const likeness = inside ? total(2, e => at(q, [e, row, column]) * at(k, [e, ...cell])) : 0;
          return { weight: Math.exp(likeness), value: inside ? at(of('f'), [0, c, ...cell]) : 0 };
        });
        return (
          cells.reduce((s, { weight, value }) => s + weight * value, 0) / cells.reduce((s, { weight }) => s + weight, 0)
        );
      });
    },
    { slopes: ['f', 'g', 'u.k.weight'] },
  );
});

it('asks the image once', () => {
  const [f, image] = [input('f', [1, 16, 4, 4], 'clicks'), input('image', [1, 3, 64, 64], 'image')];
  const y = sapaUpsampler.upsample(f, image, [64, 64], Scope.frozen('u'));
  expect(y.shape).toEqual([1, 16, 64, 64]);
  const [, clicks] = split(new Map([['main', new Map([['y', y]])]]));
  expect(
    sources([...clicks.outputs.values()])
      .map(nameOf)
      .filter(name => /^image$|norm_y|\.q\./.test(name)),
  ).toEqual([]);
});
