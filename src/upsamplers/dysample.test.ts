import { describe, expect, it } from 'vitest';
import { expectDefinition } from '../../test/support/definition.ts';
import { at, type Nd, tabulate, total } from '../../test/support/nd.ts';
import { GraphError, input } from '../graph/tensor.ts';
import { Scope } from '../nn/scope.ts';
import { dySample } from './dysample.ts';

const [C, H, W] = [4, 3, 5];
const clamp = (x: number, low: number, high: number) => Math.min(Math.max(x, low), high);

/** Bilinear sampling at the original's positions; offsets up to 2 cells. */
function reference(of: (name: string) => Nd, groups: number, dynamic: boolean): Nd {
  const conv = (name: string, o: number, i: number, j: number) =>
    total(C, c => at(of(`u.${name}.weight`), [o, c, 0, 0]) * at(of('f'), [0, c, i, j])) + at(of(`u.${name}.bias`), [o]);
  return tabulate([1, C, 2 * H, 2 * W], ([, c, row, column]) => {
    const [i, j] = [Math.floor(row / 2), Math.floor(column / 2)];
    const group = Math.floor(c / (C / groups));
    const offset = (axis: number) => {
      const channel = (axis * groups + group) * 4 + 2 * (row % 2) + (column % 2);
      const scale = dynamic ? 0.5 / (1 + Math.exp(-conv('scope', channel, i, j))) : 0.25;
      const start = (axis === 0 ? column % 2 : row % 2) / 2 - 0.25;
      return clamp(conv('offset', channel, i, j) * scale + start, -2, 2);
    };
    const [x, y] = [clamp(j + offset(0), 0, W - 1), clamp(i + offset(1), 0, H - 1)];
    const [x0, y0] = [Math.min(Math.floor(x), W - 2), Math.min(Math.floor(y), H - 2)];
    const value = (a: number, b: number) => at(of('f'), [0, c, a, b]);
    const along = (a: number) => (1 - x + x0) * value(a, x0) + (x - x0) * value(a, x0 + 1);
    return (1 - y + y0) * along(y0) + (y - y0) * along(y0 + 1);
  });
}

describe('dySample', () => {
  it.each([
    [1, false],
    [2, false],
    [2, true],
  ])('samples at learned offsets, in %s groups, dynamic scope %s', async (groups, dynamicScope) => {
    const scope = Scope.trained('u');
    const y = dySample(input('f', [1, C, H, W], 'clicks'), scope, { groups, dynamicScope });
    const shapes = Object.fromEntries([...scope.parameters].map(([name, { shape }]) => [name, shape]));
    const layer = (name: string) => ({ [`u.${name}.weight`]: [8 * groups, C, 1, 1], [`u.${name}.bias`]: [8 * groups] });
    expect(shapes).toEqual({ ...layer('offset'), ...(dynamicScope ? layer('scope') : {}) });
    const slopes = ['f', 'u.offset.weight'];
    await expectDefinition(y, of => reference(of, groups, dynamicScope), { slopes });
  });

  it('refuses groups that do not divide the channels', () => {
    const make = () => dySample(input('f', [1, 6, 3, 3], 'clicks'), Scope.frozen('u'));
    expect(make).toThrow(new GraphError('dysample: 6 channels are not divisible into 4 groups'));
  });
});
