import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import { GraphError } from '../graph/tensor.ts';
import { ones, uniformFanIn, zeros } from './initialisers.ts';
import { linear } from './layers.ts';
import { parameterCount, Scope } from './scope.ts';

describe('Scope', () => {
  it('names parameters by their path and rates them frozen or trained', () => {
    const frozen = Scope.frozen('backbone').at('blocks.0').at('attn').get('weight', [2, 3]);
    expect(frozen.attributes).toEqual({ name: 'backbone.blocks.0.attn.weight', rate: 'frozen' });
    expect(Scope.trained('head').get('bias', [4]).attributes).toEqual({ name: 'head.bias', rate: 'weights' });
  });

  it('gives one tensor for one name', () => {
    const scope = Scope.trained('head');
    expect(scope.at('a').get('w', [2])).toBe(scope.get('a.w', [2]));
    expect([...scope.parameters.keys()]).toEqual(['head.a.w']);
    expect(scope.at('a').parameters).toBe(scope.parameters);
  });

  it('refuses a name with another shape', () => {
    const scope = Scope.trained('head');
    scope.get('w', [2, 3]);
    const message = 'parameter "head.w": asked for as [2, 3] and as [3, 2]';
    expect(() => scope.get('w', [3, 2])).toThrow(new GraphError(message));
  });

  it('counts numbers', () => {
    const scope = Scope.trained('head');
    scope.get('a', [2, 3]);
    scope.get('b', []);
    expect(parameterCount(scope.parameters.values())).toBe(7);
  });

  it('keeps how a layer is initialised: biases by the fan-in of the weights', () => {
    const scope = Scope.trained('head');
    linear(scope.get('x', [5, 16]), scope.at('fc'), 300);
    const bias = scope.parameters.get('head.fc.bias')!;
    const drawn = bias.initialise(bias.shape, Random.of(1));
    expect(drawn).toHaveLength(300);
    expect(Math.max(...drawn.map(Math.abs))).toBeLessThanOrEqual(1 / 4);
    expect(Math.max(...drawn.map(Math.abs))).toBeGreaterThan(0.9 / 4);
  });
});

describe('initialisers', () => {
  it('fill', () => {
    expect([...zeros([2, 2], Random.of(0))]).toEqual([0, 0, 0, 0]);
    expect([...ones([3], Random.of(0))]).toEqual([1, 1, 1]);
  });

  it('draw uniformly within 1/sqrt(fanIn), the same from the same stream', () => {
    const data = uniformFanIn(25)([100, 25], Random.of(3, 'w'));
    expect(data).toEqual(uniformFanIn(25)([100, 25], Random.of(3, 'w')));
    expect(data).not.toEqual(uniformFanIn(25)([100, 25], Random.of(4, 'w')));
    expect(Math.max(...data.map(Math.abs))).toBeLessThanOrEqual(0.2);
    // the variance of a uniform distribution over [-a, a] is a^2/3
    const variance = data.reduce((sum, v) => sum + v * v, 0) / data.length;
    expect(variance).toBeGreaterThan((0.2 ** 2 / 3) * 0.93);
    expect(variance).toBeLessThan((0.2 ** 2 / 3) * 1.07);
  });
});
