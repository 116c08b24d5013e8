import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { randomValues } from '../../test/support/definition.ts';
import { at, type Nd, nd, tabulate, total } from '../../test/support/nd.ts';
import { evaluate } from '../../test/support/run.ts';
import { split } from '../graph/passes/split.ts';
import { input, nameOf, type Shape, sources } from '../graph/tensor.ts';
import { bilinear } from '../nn/resize.ts';
import { parameterCount, Scope } from '../nn/scope.ts';
import { uplift, upliftUpsampler } from './uplift.ts';

// biome-ignore format: one list
const OFFSETS = [
  [-2, -2], [-2, 0], [-2, 2], [-1, -1], [-1, 0], [-1, 1], [0, -2], [0, -1], [0, 0],
  [0, 1], [0, 2], [1, -1], [1, 0], [1, 1], [2, -2], [2, 0], [2, 2],
];
const clamp = (i: number, size: number) => Math.min(Math.max(i, 0), size - 1);

/** The network in plain arithmetic, layer by layer, for one image. */
function reference(features: Nd, image: Nd, get: (name: string) => Float32Array): Nd {
  const conv = (x: Nd, name: string, out: number, k: number, bias: boolean): Nd => {
    const [, c, h, w] = x.shape;
    const weight = nd([out, c, k, k], get(`${name}.weight`));
    const pad = (k - 1) / 2;
    return tabulate([1, out, h, w], ([, o, i, j]) => {
      let sum = bias ? get(`${name}.bias`)[o] : 0;
      for (let a = 0; a < k; a++) {
        for (let b = 0; b < k; b++) {
          const [y, z] = [i + a - pad, j + b - pad];
          if (y < 0 || y >= h || z < 0 || z >= w) continue;
          sum += total(c, n => at(weight, [o, n, a, b]) * at(x, [0, n, y, z]));
        }
      }
      return sum;
    });
  };
  const active = (x: Nd, name: string): Nd => {
    const part = (p: string) => get(`${name}.${p}`);
    return tabulate(x.shape, index => {
      const c = index[1];
      const normal = (at(x, index) - part('running_mean')[c]) / Math.sqrt(part('running_var')[c] + 1e-5);
      return Math.max(0, normal * part('weight')[c] + part('bias')[c]);
    });
  };
  const plus = (x: Nd, y: Nd): Nd => tabulate(y.shape, i => at(y, i) + (i[1] < x.shape[1] ? at(x, i) : 0));
  const joined = (x: Nd, y: Nd): Nd =>
    tabulate([1, x.shape[1] + y.shape[1], ...x.shape.slice(2)], ([, c, i, j]) =>
      c < x.shape[1] ? at(x, [0, c, i, j]) : at(y, [0, c - x.shape[1], i, j]),
    );
  const sampled = (x: Nd, [h, w]: Shape): Nd =>
    tabulate([1, x.shape[1], h, w], ([, c, i, j]) =>
      at(x, [0, c, Math.floor((i * x.shape[2]) / h), Math.floor((j * x.shape[3]) / w)]),
    );
  const double = (x: Nd, name: string): Nd => {
    const first = active(conv(x, `${name}.0`, 64, 3, false), `${name}.1`);
    const second = active(conv(first, `${name}.3`, 64, 3, false), `${name}.4`);
    return plus(x, conv(second, `${name}.6`, 64, 1, true));
  };

  const maps = [image];
  for (const [i, out] of [16, 32, 64, 128, 128].entries()) {
    const name = `encoder.block_${i}.blocks.0.conv`;
    const inner = active(conv(maps[i], `${name}.0`, out, 3, false), `${name}.1`);
    maps.push(plus(maps[i], conv(inner, `${name}.3`, out, 1, true)));
  }
  const [, c, h, w] = features.shape;
  const low = double(joined(features, sampled(maps[5], [h, w])), 'decoder.block_0.blocks.0.conv');
  const up = nd([64, 64, 2, 2], get('decoder.up_1.up.weight'));
  const [rows, columns] = [bilinear(h, 2 * h, { alignCorners: true }), bilinear(w, 2 * w, { alignCorners: true })];
  const high = tabulate([1, 64, 2 * h, 2 * w], ([, o, y, x]) => {
    const cell = [Math.floor(y / 2), Math.floor(x / 2)];
    const raised = total(64, n => at(up, [n, o, y % 2, x % 2]) * at(low, [0, n, ...cell]));
    const smooth = total(h, i => total(w, j => rows.data[y * h + i] * columns.data[x * w + j] * at(low, [0, o, i, j])));
    return raised + get('decoder.up_1.up.bias')[o] + smooth;
  });
  const guide = double(joined(high, sampled(maps[4], [2 * h, 2 * w])), 'decoder.block_1.blocks.0.conv');
  const scores = plus(guide, conv(guide, 'attender.conv1', 17, 1, true));
  return tabulate([1, c, 2 * h, 2 * w], ([, k, y, x]) => {
    const weights = OFFSETS.map((_, n) => Math.exp(at(scores, [0, n, y, x])));
    const sum = weights.reduce((a, b) => a + b);
    return total(17, n => {
      const cell = [clamp(Math.floor(y / 2) + OFFSETS[n][0], h), clamp(Math.floor(x / 2) + OFFSETS[n][1], w)];
      return (weights[n] / sum) * at(features, [0, k, ...cell]);
    });
  });
}

describe('uplift', () => {
  it('is the network layer by layer', async () => {
    const y = uplift(
      input('f', [1, 5, 3, 2], 'clicks'),
      input('image', [1, 3, 9, 7], 'image'),
      Scope.frozen('u'),
      1,
      16,
    );
    const feeds = randomValues(y);
    // small weights, or the scores would be far apart and the softmax one cell
    for (const name of Object.keys(feeds)) if (name.endsWith('.weight')) feeds[name] = feeds[name].map(v => v / 20);
    const expected = reference(nd([1, 5, 3, 2], feeds.f), nd([1, 3, 9, 7], feeds.image), name => feeds[`u.${name}`]);
    expect(y.shape).toEqual([1, 5, 6, 4]);
    expectClose((await evaluate({ y }, feeds)).y, expected.data, 2e-5, 'the output');
  });

  it('encodes the image once, for all steps and clicks', () => {
    const scope = Scope.frozen('u');
    const [f, image] = [input('f', [1, 384, 4, 4], 'clicks'), input('image', [1, 3, 56, 56], 'image')];
    const y = upliftUpsampler.upsample(f, image, [56, 56], scope);
    expect(y.shape).toEqual([1, 384, 56, 56]);
    expect(parameterCount(scope.parameters.values())).toBeGreaterThan(600e3);
    const [, clicks] = split(new Map([['main', new Map([['y', y]])]]));
    const names = sources([...clicks.outputs.values()]).map(nameOf);
    expect(names.filter(name => /^image$|encoder/.test(name))).toEqual([]);
  });
});
