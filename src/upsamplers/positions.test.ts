import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { at, nd, tabulate } from '../../test/support/nd.ts';
import { evaluate, uniform } from '../../test/support/run.ts';
import { input } from '../graph/tensor.ts';
import { linspace, turnByFrequencies, turnByPeriods } from './positions.ts';

const [B, C, H, W] = [2, 16, 3, 5];
const shape = [B, C, H, W];
const map = input('x', shape, 'image');
const x = uniform(shape, -1, 1, 'x');

describe('linspace', () => {
  it('has both ends, or the first where there is one', () => {
    expect([...linspace(-1, 1, 5)]).toEqual([-1, -0.5, 0, 0.5, 1]);
    expect([...linspace(-1, 1, 1)]).toEqual([-1]);
  });
});

describe('turnByFrequencies', () => {
  it('is x cos(a) + r sin(a) by the sum of both angles', async () => {
    const f = uniform([2, C], -7, 7, 'f');
    const y = turnByFrequencies(map, input('f', [2, C], 'frozen'));
    const source = nd(shape, x);
    const expected = tabulate(shape, ([b, c, i, j]) => {
      const angle = (i / (H - 1)) * f[c] + (j / (W - 1)) * f[C + c];
      const turned = c < C / 2 ? -at(source, [b, c + C / 2, i, j]) : at(source, [b, c - C / 2, i, j]);
      return at(source, [b, c, i, j]) * Math.cos(angle) + turned * Math.sin(angle);
    });
    expectClose((await evaluate({ y }, { x, f })).y, expected.data, 3e-6, 'the map');
  });
});

describe('turnByPeriods', () => {
  it('turns pairs of channels of a head, the first half by the row, the second by the column', async () => {
    const heads = 2;
    const d = C / heads;
    const periods = uniform([d / 4], 0.5, 9, 'periods');
    const y = turnByPeriods(map, input('p', [d / 4], 'frozen'), heads);
    const source = nd(shape, x);
    const expected = tabulate(shape, ([b, c, i, j]) => {
      const [head, n] = [Math.floor(c / d), c % d];
      const pair = n % (d / 2);
      const place = pair < d / 4 ? (2 * (i + 0.5)) / H - 1 : (2 * (j + 0.5)) / W - 1;
      const angle = (2 * Math.PI * place) / periods[pair % (d / 4)];
      const [first, second] = [pair, pair + d / 2].map(k => at(source, [b, head * d + k, i, j]));
      return n < d / 2
        ? first * Math.cos(angle) - second * Math.sin(angle)
        : second * Math.cos(angle) + first * Math.sin(angle);
    });
    expectClose((await evaluate({ y }, { x, p: periods })).y, expected.data, 3e-6, 'the map');
  });
});
