import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { evaluate, uniform } from '../../test/support/run.ts';
import { initialValues } from '../../test/support/toy-probe.ts';
import { neg } from '../graph/ops/elementwise.ts';
import { slice } from '../graph/ops/layout.ts';
import { input } from '../graph/tensor.ts';
import { projectOne, selfAttention } from './attention.ts';
import { linear } from './layers.ts';
import { Scope } from './scope.ts';

const x = input('x', [2, 3, 8], 'image');
const feeds = { x: uniform(x.shape, -1, 1, 'x') };

const values = (scope: Scope) => Object.fromEntries(initialValues(scope.parameters));

describe('projectOne', () => {
  it.each([0, 1, 2] as const)('gives part %i of the joint projection', async part => {
    const scope = Scope.frozen('s');
    const joint = slice(linear(x, scope, 24), 2, 8 * part, 8);
    const one = projectOne(x, scope, part);
    const { a, b } = await evaluate({ a: joint, b: one }, { ...feeds, ...values(scope) });
    expectClose(b, a, 1e-6, 'projection');
  });

  it('leaves the bias out where asked', () => {
    const scope = Scope.frozen('s');
    projectOne(x, scope, 1, { bias: false });
    expect([...scope.parameters.keys()]).toEqual(['s.weight']);
  });
});

describe('selfAttention', () => {
  it('puts q and k through the same rotation', async () => {
    const scope = Scope.frozen('s');
    const plain = selfAttention(x, scope, 2);
    const turned = selfAttention(x, scope, 2, { rotate: neg });
    const { a, b } = await evaluate({ a: plain, b: turned }, { ...feeds, ...values(scope) });
    expectClose(b, a, 1e-6, 'attention');
  });

  it('takes keys without bias where asked', async () => {
    const scope = Scope.frozen('s');
    // a rotation that differs between tokens; without one, a bias of keys has no effect
    const rotate = (y: typeof x) => slice(y, 2, y.shape[2] - 1, y.shape[2], -1);
    const free = selfAttention(x, scope, 2, { rotate, keyBias: false });
    const all = values(scope);
    const changed = { ...all, 's.qkv.bias': all['s.qkv.bias'].map((v, i) => (i >= 8 && i < 16 ? NaN : v)) };
    const zeroed = { ...all, 's.qkv.bias': all['s.qkv.bias'].map((v, i) => (i >= 8 && i < 16 ? 0 : v)) };
    const { y } = await evaluate({ y: free }, { ...feeds, ...changed });
    const { z } = await evaluate({ z: selfAttention(x, scope, 2, { rotate }) }, { ...feeds, ...zeroed });
    expectClose(y, z, 1e-6, 'attention');
  });
});
