import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/close.ts';
import { maxDifference } from '../../test/support/differences.ts';
import { alignedAxis, antialiasedAxis, cubicAxis, type PlainVit, plainVit } from '../../test/support/plain-vit.ts';
import { evaluate, uniform } from '../../test/support/run.ts';
import { gradient } from '../graph/gradient.ts';
import { sum } from '../graph/ops/basic.ts';
import { mul } from '../graph/ops/elementwise.ts';
import { constant, count, input } from '../graph/tensor.ts';
import { Scope } from '../nn/scope.ts';
import { clipConfig } from './clip.ts';
import { dinoV2 } from './dinov2.ts';
import { dinoV3Config } from './dinov3.ts';
import { antialiasedBicubic, offsetBicubic, plainBicubic } from './positions.ts';
import { siglip2Config } from './siglip2.ts';
import { type VitConfig, vit } from './vit.ts';

const sizes = { patch: 4, dim: 24, depth: 2, heads: 3 };
const plain = { ...sizes, epsilon: 1e-6 };
const grid = 3;
const tanhForm = (x: number) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

/** Every variant that families are made of, and the same by the formulas. */
const variants: [name: string, config: VitConfig, reference: PlainVit][] = [
  [
    'ViT and DINO',
    { ...plain, positions: { grid, resize: offsetBicubic } },
    { ...plain, positions: { grid, axis: cubicAxis((n, size) => (size + 0.1) / n) } },
  ],
  [
    'DeiT and MAE',
    { ...plain, positions: { grid, resize: plainBicubic } },
    { ...plain, positions: { grid, axis: cubicAxis((n, size) => size / n) } },
  ],
  [
    'registers, SwiGLU and LayerScale',
    {
      ...plain,
      positions: { grid, resize: antialiasedBicubic },
      registers: 3,
      layerScale: true,
      gated: true,
      hidden: 20,
    },
    { ...plain, positions: { grid, axis: antialiasedAxis }, registers: 3, layerScale: true, gated: true, hidden: 20 },
  ],
  [
    'CLIP',
    clipConfig({ ...sizes, grid }),
    {
      ...sizes,
      epsilon: 1e-5,
      preNorm: true,
      activation: x => x / (1 + Math.exp(-1.702 * x)),
      positions: { grid, axis: cubicAxis((n, size) => (size + 0.1) / n) },
    },
  ],
  [
    'SigLIP 2',
    siglip2Config({ ...sizes, grid, hidden: 28 }),
    { ...plain, hidden: 28, classToken: false, activation: tanhForm, positions: { grid, axis: alignedAxis } },
  ],
  ['DINOv3', dinoV3Config(sizes), { ...sizes, epsilon: 1e-5, registers: 4, keyBias: false, layerScale: true }],
  [
    'DINOv3 with SwiGLU',
    dinoV3Config({ ...sizes, gated: true, hidden: 20 }),
    { ...sizes, epsilon: 1e-5, registers: 4, keyBias: false, layerScale: true, gated: true, hidden: 20 },
  ],
];

/** Random parameters of some size: a fan-in for matrices, around 1 for scales, large for biases. */
function drawn(scope: Scope): Map<string, Float32Array> {
  return new Map(
    [...scope.parameters.values()].map(({ name, shape }) => {
      const fanIn = count(shape.slice(1));
      const reach = shape.length > 1 && /weight$/.test(name) ? 2 / Math.sqrt(fanIn) : 1;
      return [name, uniform(shape, -reach, reach, name)];
    }),
  );
}

function example(config: VitConfig, height: number, width: number, clicked: boolean) {
  const scope = Scope.frozen('w');
  const image = input('image', [1, 3, height, width], 'image');
  const cells = [1, config.dim, height / config.patch, width / config.patch];
  const clicks = clicked ? input('clicks', cells, 'clicks') : undefined;
  const y = vit(image, scope, config, clicks);
  const parameters = drawn(scope);
  const pixels = uniform(image.shape, -1, 1, 'pixels', height, width);
  const maps = clicked ? uniform(cells, -1, 1, 'clicks', height, width) : undefined;
  const feeds = { image: pixels, ...(maps && { clicks: maps }) };
  const get = (name: string) => parameters.get(`w.${name}`)!;
  const picture = { pixels, height, width, ...(maps && { clicks: maps }) };
  return { y, clicks, feeds, bound: parameters, get, picture };
}

describe.each(variants)('%s', (_, config, reference) => {
  it.each([
    [12, 12, false],
    [8, 20, true],
    [20, 12, false],
    [4, 4, true],
  ])('equals the formulas at %i x %i px, clicks: %s', async (height, width, clicked) => {
    const { y, feeds, bound, get, picture } = example(config, height, width, clicked);
    expect(y.shape).toEqual([1, config.dim, height / 4, width / 4]);
    const found = await evaluate({ y }, feeds, { bound });
    expectClose(found.y, plainVit(picture, get, reference), 1e-5, 'features');
  });

  it('has the gradient to the clicks that finite differences give', async () => {
    const { y, clicks, feeds, bound, get, picture } = example(config, 8, 12, true);
    const factors = uniform(y.shape, -1, 1, 'factors');
    const loss = sum(mul(y, constant(factors, y.shape)), [0, 1, 2, 3]);
    const { dx } = await evaluate({ dx: gradient(loss, [clicks!])[0] }, feeds, { bound });
    const lossAt = (at: Float64Array) =>
      plainVit({ ...picture, clicks: at }, get, reference).reduce((total, v, i) => total + v * factors[i], 0);
    const along = uniform(clicks!.shape, -1, 1, 'along');
    const at = (step: number) => lossAt(Float64Array.from(picture.clicks!, (v, i) => v + step * along[i]));
    const expected = (at(1e-5) - at(-1e-5)) / 2e-5;
    const scale = Math.sqrt(along.reduce((s, v) => s + v * v, 0) * dx.reduce((s, v) => s + v * v, 0));
    expect(Math.abs(dx.reduce((s, v, i) => s + v * along[i], 0) - expected) / scale).toBeLessThan(1e-5);
  });
});

describe('choice of features', () => {
  const config: VitConfig = { ...plain, positions: { grid, resize: offsetBicubic }, depth: 3 };
  const image = input('image', [1, 3, 8, 12], 'image');

  it("gives a block's output through the final norm, which is what a shallower network gives", async () => {
    const scope = Scope.frozen('w');
    const chosen = vit(image, scope, config, undefined, { block: 2 });
    const shallow = vit(image, scope, { ...config, depth: 2 });
    expect([...scope.parameters.keys()].some(name => name.includes('blocks.2'))).toBe(false);
    const whole = vit(image, scope, config);
    const pixels = { image: uniform(image.shape, -1, 1, 'pixels') };
    const found = await evaluate({ chosen, shallow, whole }, pixels, { bound: drawn(scope) });
    expect(found.chosen).toEqual(found.shallow);
    expect(maxDifference(found.chosen, found.whole)).toBeGreaterThan(0.1);
  });

  it('gives keys and values of the block it names, and asks for nothing above', () => {
    for (const kind of ['key', 'value'] as const) {
      const scope = Scope.frozen('w');
      expect(vit(image, scope, config, undefined, { block: 2, kind }).shape).toEqual([1, 24, 2, 3]);
      const names = [...scope.parameters.keys()];
      expect(names).toContain('w.blocks.0.mlp.fc1.weight');
      expect(names).toContain('w.blocks.1.attn.qkv.weight');
      expect(names.filter(name => /blocks\.(1\.(mlp|norm2)|2)/.test(name))).toEqual([]);
    }
  });

  it('leaves out the bias of keys where they have none', async () => {
    const scope = Scope.frozen('w');
    const y = vit(image, scope, dinoV3Config({ ...sizes, depth: 1 }), undefined, { kind: 'key' });
    expect([...scope.parameters.keys()]).not.toContain('w.blocks.0.attn.qkv.bias');
    expect(y.shape).toEqual([1, 24, 2, 3]);
  });
});

it('dinoV2 is the variant that its options say', () => {
  const image = input('image', [1, 3, 8, 12], 'image');
  const names = (changes: object) => {
    const scope = Scope.frozen('w');
    dinoV2(image, scope, { ...sizes, positions: 3, ...changes });
    return new Set([...scope.parameters.keys()].map(name => name.replace(/blocks\.\d+/, 'blocks.#')));
  };
  expect(names({})).toContain('w.blocks.#.ls1.gamma');
  expect(names({})).not.toContain('w.register_tokens');
  expect(names({ registers: 4 })).toContain('w.register_tokens');
  expect(names({ swiGlu: 20 })).toContain('w.blocks.#.mlp.w12.weight');
});
