import { expect, it } from 'vitest';
import { expectDefinition } from '../../test/support/definition.ts';
import { at, tabulate } from '../../test/support/nd.ts';
import { input } from '../graph/tensor.ts';
import { batchNorm } from './batch-norm.ts';
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
