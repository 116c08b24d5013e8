import { expect, it } from 'vitest';
import { expectDefinition } from '../../test/support/definition.ts';
import { at, type Nd, tabulate } from '../../test/support/nd.ts';
import { input, nameOf, sources } from '../graph/tensor.ts';
import { batchNorm, normaliseByBatch } from './batch-norm.ts';
import { Scope } from './scope.ts';

it('normalises channels by their running statistics', async () => {
  const scope = Scope.trained('bn');
  const y = batchNorm(input('x', [2, 3, 2, 4], 'image'), scope, 0.1);
  expect([...scope.parameters.keys()].toSorted()).toEqual([
    'bn.bias',
    'bn.running_mean',
    'bn.running_var',
    'bn.weight',
  ]);
  await expectDefinition(
    y,
    of =>
      tabulate(y.shape, index => {
        const channel = (name: string) => at(of(`bn.${name}`), [index[1]]);
        const normal = (at(of('x'), index) - channel('running_mean')) / Math.sqrt(channel('running_var') + 0.1);
        return normal * channel('weight') + channel('bias');
      }),
    { tolerance: 3e-6, slopes: ['x', 'bn.weight'] },
  );
});

it('normalises by the batch where asked to, and says what it found', async () => {
  const scope = Scope.trained('bn');
  const found = normaliseByBatch(scope);
  const y = batchNorm(input('x', [2, 3, 2, 4], 'image'), scope.at('layer'), 0.1);
  expect(found.map(({ name }) => name)).toEqual(['bn.layer.running_mean', 'bn.layer.running_var']);
  expect(sources([y]).map(nameOf).toSorted()).toEqual(['bn.layer.bias', 'bn.layer.weight', 'x']);
  const channelOf = (x: Nd, c: number) => {
    const values: number[] = [];
    for (let b = 0; b < 2; b++)
      for (let i = 0; i < 2; i++) for (let j = 0; j < 4; j++) values.push(at(x, [b, c, i, j]));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return { mean, squares: values.reduce((sum, value) => sum + (value - mean) ** 2, 0), count: values.length };
  };
  await expectDefinition(
    y,
    of =>
      tabulate(y.shape, index => {
        const { mean, squares, count } = channelOf(of('x'), index[1]);
        const channel = (name: string) => at(of(`bn.layer.${name}`), [index[1]]);
        return ((at(of('x'), index) - mean) / Math.sqrt(squares / count + 0.1)) * channel('weight') + channel('bias');
      }),
    { tolerance: 3e-6, slopes: ['x', 'bn.layer.weight'] },
  );
  await expectDefinition(found[0].value, of => tabulate([3], ([c]) => channelOf(of('x'), c).mean));
  // the running variance follows the unbiased one
  await expectDefinition(found[1].value, of =>
    tabulate([3], ([c]) => channelOf(of('x'), c).squares / (channelOf(of('x'), c).count - 1)),
  );
  // other scopes stay as they are
  const other = Scope.trained('other');
  expect(sources([batchNorm(input('x', [1, 2, 1, 1], 'image'), other)]).length).toBe(5);
});
