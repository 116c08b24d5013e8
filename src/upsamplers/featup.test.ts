import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { expectDefinition, randomValues } from '../../test/support/definition.ts';
import { at, type Nd, nd, tabulate, total } from '../../test/support/nd.ts';
import { evaluate, projected, uniform } from '../../test/support/run.ts';
import { gradient } from '../graph/gradient.ts';
import { deduplicate } from '../graph/passes/deduplicate.ts';
import { split } from '../graph/passes/split.ts';
import { count, GraphError, input, nameOf, sources, type Tensor, topological } from '../graph/tensor.ts';
import { bicubic } from '../nn/resize.ts';
import { Scope } from '../nn/scope.ts';
import { featUp, featUpJbu, featUpKernels, featUpNoNorm, jbuStage, stageKernels } from './featup.ts';

const mirrored = (i: number, size: number) => (i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i);

/** Bicubic x2, then the kernels over 7x7 mirrored neighbours. */
function filtered(features: Nd, kernels: Nd): Nd {
  const [b, c, h, w] = features.shape;
  const [down, across] = [bicubic(h, 2 * h).data, bicubic(w, 2 * w).data];
  const fine = tabulate([b, c, 2 * h, 2 * w], ([n, k, y, x]) =>
    total(h, i => total(w, j => down[y * h + i] * across[x * w + j] * at(features, [n, k, i, j]))),
  );
  return tabulate(fine.shape, ([n, k, y, x]) =>
    total(49, tap => {
      const [i, j] = [mirrored(y + Math.floor(tap / 7) - 3, 2 * h), mirrored(x + (tap % 7) - 3, 2 * w)];
      return at(kernels, [n, y, x, tap]) * at(fine, [n, k, i, j]);
    }),
  );
}

describe('jbuStage', () => {
  it.each([
    [2, 3],
    [5, 4],
    [9, 6],
  ])('applies its kernels to the features enlarged bicubically: %s x %s cells', async (h, w) => {
    const scope = Scope.frozen('s');
    const [f, guidance] = [input('f', [2, 3, h, w], 'clicks'), input('g', [2, 3, 2 * h, 2 * w], 'image')];
    const y = jbuStage(f, guidance, scope);
    const feeds = randomValues(y);
    const { kernels } = stageKernels(guidance, scope)(0, 2 * h);
    const found = await evaluate({ kernels, y }, feeds);
    const expected = filtered(nd(f.shape, feeds.f), nd(kernels.shape, found.kernels));
    expect(Math.max(...found.y.map((v, i) => Math.abs(v - expected.data[i])))).toBeLessThan(2e-5);
  });

  it('refuses maps that its window reaches across', () => {
    const guidance = input('g', [1, 3, 3, 8], 'image');
    expect(() => stageKernels(guidance, Scope.frozen('s'))).toThrow(GraphError);
    expect(() => stageKernels(guidance, Scope.frozen('s'))).toThrow(
      'a window of 7x7 pixels needs a map of more than 3',
    );
  });
});

describe('stageKernels', () => {
  it('are likeness times distance, summing to 1, and a tenth of a learned correction', async () => {
    const guidance = input('g', [1, 3, 4, 5], 'image');
    const { kernels } = stageKernels(guidance, Scope.trained('s'), { keys: 4, radius: 1 })(0, 4);
    const gelu = (x: number) => {
      const t = 1 / (1 + 0.3275911 * (Math.abs(x) / Math.SQRT2));
      const tail = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
      const erf = Math.sign(x) * (1 - tail * Math.exp((-x * x) / 2));
      return (x * (1 + erf)) / 2;
    };
    await expectDefinition(
      kernels,
      of => {
        const layer = (name: string, x: (i: number) => number, n: number, o: number) =>
          total(n, i => at(of(`s.${name}.weight`), [o, i, 0, 0]) * x(i)) + at(of(`s.${name}.bias`), [o]);
        const key = (y: number, x: number) => {
          const hidden = [0, 1, 2, 3].map(o => gelu(layer('range_proj.0', c => at(of('g'), [0, c, y, x]), 3, o)));
          return [0, 1, 2, 3].map(o => layer('range_proj.3', i => hidden[i], 4, o));
        };
        const temperature = Math.exp(of('s.range_temp').data[0]);
        const sigma = of('s.sigma_spatial').data[0];
        const weights = (y: number, x: number) => {
          const own = key(y, x);
          const likeness = Array.from({ length: 9 }, (_, p) => {
            const other = key(mirrored(y + Math.floor(p / 3) - 1, 4), mirrored(x + (p % 3) - 1, 5));
            return Math.exp(temperature * total(4, i => own[i] * other[i]));
          });
          const near = likeness.map((v, p) => {
            const distance = (Math.floor(p / 3) - 1) ** 2 + ((p % 3) - 1) ** 2;
            return v * Math.exp(-distance / (2 * sigma ** 2));
          });
          const sum = near.reduce((a, v) => a + v);
          const combined = near.map(v => v / sum);
          const seen = [...combined, ...[0, 1, 2].map(c => at(of('g'), [0, c, y, x]))];
          const inner = combined.map((_, o) => gelu(layer('fixup_proj.0', i => seen[i], 12, o)));
          return combined.map((v, o) => v + 0.1 * layer('fixup_proj.3', i => inner[i], 9, o));
        };
        return tabulate(kernels.shape, ([, y, x, p]) => weights(y, x)[p]);
      },
      { tolerance: 1e-5 },
    );
  });
});

describe('featUp', () => {
  const graph = (keepBytes: number, size?: [number, number], options = { norm: true, mixing: true }) =>
    featUp(input('f', [2, 5, 3, 4], 'clicks'), input('image', [2, 3, 42, 56], 'image'), Scope.trained('u'), {
      ...options,
      stages: 2,
      size,
      keepBytes,
    });

  it.each([
    ['of its own size', undefined],
    ['brought to another', [9, 13] as [number, number]],
  ])('is the same by the weights of all cells and stage by stage, gradients too: %s', async (_, size) => {
    const results = [Infinity, 0].map(async keepBytes => {
      const y = graph(keepBytes, size);
      const inputs = ['f', 'image'].map(name => sources([y]).find(source => nameOf(source) === name)!);
      const [first, second] = gradient(projected(y, uniform(y.shape, -1, 1, 'projection')), inputs);
      return evaluate({ y, first, second }, randomValues(y));
    });
    const [whole, staged] = await Promise.all(results);
    for (const name of ['y', 'first', 'second']) expectClose(whole[name], staged[name], 2e-5, name);
  });

  it('is the stack on normalised features, then the 1x1', async () => {
    const y = graph(0);
    const feeds = randomValues(y);
    const bare = graph(0, undefined, { norm: false, mixing: false });
    const f = nd([2, 5, 3, 4], feeds.f);
    const normal = tabulate(f.shape, ([n, c, i, j]) => {
      const values = [0, 1, 2, 3, 4].map(k => at(f, [n, k, i, j]));
      const mean = total(5, k => values[k]) / 5;
      const variance = total(5, k => (values[k] - mean) ** 2) / 5;
      const parameter = (name: string) => feeds[`u.model.1.norm.${name}`][c];
      return ((values[c] - mean) / Math.sqrt(variance + 1e-5)) * parameter('weight') + parameter('bias');
    });
    const values = Object.fromEntries(sources([bare]).map(source => [nameOf(source), feeds[nameOf(source)]]));
    const stack = nd(bare.shape, (await evaluate({ bare }, { ...values, f: Float32Array.from(normal.data) })).bare);
    const [weight, bias] = ['weight', 'bias'].map(name => feeds[`u.upsampler.fixup_proj.1.${name}`]);
    const expected = tabulate(y.shape, ([n, c, i, j]) => {
      const mixed = total(5, k => weight[5 * c + k] * at(stack, [n, k, i, j])) + bias[c];
      return at(stack, [n, c, i, j]) + 0.1 * mixed;
    });
    const found = (await evaluate({ y }, feeds)).y;
    expect(Math.max(...found.map((v, i) => Math.abs(v - expected.data[i])))).toBeLessThan(3e-5);
  });
});

describe('the FeatUp upsamplers', () => {
  const clickStage = (y: Tensor) => {
    const [image, clicks] = split(new Map([['main', new Map([['y', deduplicate([y])[0]]])]]));
    expect([image.rate, clicks.rate]).toEqual(['image', 'clicks']);
    return { image, nodes: topological([...clicks.outputs.values()]) };
  };

  it('leave to a click one product with weights kept from the image, where these are small', () => {
    const [f, image] = [input('f', [1, 384, 14, 14], 'clicks'), input('image', [1, 3, 224, 224], 'image')];
    const { image: kept, nodes } = clickStage(featUpKernels.upsample(f, image, [224, 224], Scope.frozen('u')));
    expect([...kept.outputs.values()].map(({ shape }) => 4 * count(shape))).toEqual([4 * 196 * 224 * 224]);
    expect(nodes.map(({ op }) => op).toSorted()).toEqual(['input', 'input', 'matmul', 'reshape', 'reshape']);
  });

  it.each([featUpJbu, featUpNoNorm, featUpKernels])('$name: guidance is seen by the image stage alone', upsampler => {
    const [f, image] = [input('f', [1, 384, 32, 32], 'clicks'), input('image', [1, 3, 448, 448], 'image')];
    const y = upsampler.upsample(f, image, [448, 448], Scope.frozen('u'));
    expect(y.shape).toEqual([1, 384, 448, 448]);
    const { image: kept, nodes } = clickStage(y);
    expect(nodes.filter(({ op }) => ['gelu', 'softmax', 'exp', 'conv2d'].includes(op)).length).toBeLessThanOrEqual(1);
    const names = nodes.filter(({ op }) => op === 'input').map(({ attributes }) => String(attributes.name));
    expect(names.filter(name => /up\d|^image$/.test(name))).toEqual([]);
    const bytes = [...kept.outputs.values()].reduce((sum, { shape }) => sum + 4 * count(shape), 0);
    expect(bytes).toBeLessThan(142e6);
  });

  it.each([
    [
      [4, 5],
      [64, 80],
      [64, 80],
    ],
    [
      [4, 5],
      [56, 70],
      [56, 70],
    ],
    [
      [6, 4],
      [48, 32],
      [48, 32],
    ],
    [
      [4, 4],
      [200, 100],
      [64, 64],
    ],
  ])('make %s cells to %s pixels: %s', (low, size, expected) => {
    const f = input('f', [1, 8, ...low], 'clicks');
    const y = featUpJbu.upsample(
      f,
      input('image', [1, 3, ...size], 'image'),
      size as [number, number],
      Scope.frozen('u'),
    );
    expect(y.shape).toEqual([1, 8, ...expected]);
  });
});
