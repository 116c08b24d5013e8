import { findBackbone } from '../src/backbones/registry.ts';
import { gradient } from '../src/graph/gradient.ts';
import { reshape, sum } from '../src/graph/ops/basic.ts';
import { mul } from '../src/graph/ops/elementwise.ts';
import { prepare } from '../src/graph/passes/prepare.ts';
import { count, input, nameOf, type Tensor } from '../src/graph/tensor.ts';
import { Scope } from '../src/nn/scope.ts';
import { compile } from '../src/runtime/node.ts';
import { findUpsampler } from '../src/upsamplers/registry.ts';
import type { backboneWork, upsamplerWork } from './catalogue.ts';
import { initial, initialFilled, noise } from './initial.ts';
import type { Step, WorkloadOptions } from './workloads.ts';

/** Channels and side of the features that upsamplers are given. */
const [CHANNELS, CELLS] = [384, 16];

/** A backbone's features of an image that is `scale` times `size`; with `toTokens` their gradient to its tokens. */
export async function backboneForward(
  { backbone: name, scale, toTokens }: (typeof backboneWork)[number],
  { size, threads }: WorkloadOptions,
): Promise<Step> {
  const backbone = findBackbone(name);
  const side = size * scale;
  const image = input('image', [1, 3, side, side], 'image');
  const scope = Scope.frozen('backbone');
  const cells = side / backbone.early.stride;
  const shape = [1, backbone.early.channels, cells, cells];
  const tokens = toTokens ? input('tokens', shape, 'clicks') : undefined;
  const features = backbone.features(image, scope, tokens);
  const given = { image: noise('image', count(image.shape)) };
  const bound = initial(scope.parameters);
  if (!tokens) {
    const program = await compile({ look: { y: features } }, { threads, bound, forGradient: false });
    return async () => (await program.run('look', given)).y;
  }
  const weigh = input('weigh', features.shape, 'image');
  const [y] = gradient(sum(mul(features, weigh), [0, 1, 2, 3]), [tokens]);
  // all is fed anew with every step: nothing to keep between runs
  const program = await compile({ step: { y } }, { threads, bound, split: false });
  const more = { tokens: new Float32Array(count(shape)), weigh: noise('weigh', count(features.shape)) };
  return async () => (await program.run('step', { ...given, ...more })).y;
}

/**
 * An upsampler's forward pass; `kept`: the image was there before, only the features are new. The map stays in the
 * runtime's memory, as where a head takes it: each channel's sum is what comes out. ONNX Runtime's binding to JavaScript would copy a
 * map that comes out into memory that is new each time, which takes longer than most interpolations.
 */
export async function upsamplerForward(
  { upsampler: name, guided, kept }: (typeof upsamplerWork)[number],
  { size, threads }: WorkloadOptions,
): Promise<Step> {
  const image = input('image', [1, 3, size, size], 'image');
  // so that smaller sizes, for tests, keep the cells in a window
  const cells = Math.max(CELLS, Math.floor(size / 14));
  const features = input('features', [1, CHANNELS, cells, cells], 'clicks');
  const scope = Scope.frozen('upsampler');
  const looks: Tensor[] = [];
  // what a backbone says of views is given: its work is not the upsampler's
  const look = (move: (image: Tensor) => Tensor) => {
    const said = input(`look${looks.length}`, features.shape.with(0, move(image).shape[0]), 'image');
    looks.push(said);
    return said;
  };
  const fine = findUpsampler(name).upsample(features, image, [size, size], scope, { look });
  const [y] = prepare([fine], undefined, { forGradient: false });
  const bound = initialFilled(scope.parameters);
  // added to the prepared graph, flat: no pass, of ours or ONNX Runtime's, can make the sums without the map as it is
  const total = sum(reshape(y, [CHANNELS, count(y.shape) / CHANNELS]), [1]);
  const program = await compile({ look: { total } }, { threads, bound, split: kept, forGradient: false });
  const feedsOf = (...inputs: Tensor[]) =>
    Object.fromEntries(inputs.map(each => [nameOf(each), noise(nameOf(each), count(each.shape))]));
  const cellsAlone = feedsOf(features);
  const given = feedsOf(features, ...(guided ? [image, ...looks] : []));
  let known = false;
  return async () => {
    const feeds = kept && known ? cellsAlone : given;
    known = true;
    return (await program.run('look', feeds)).total;
  };
}
