import { findBackbone } from '../src/backbones/registry.ts';
import { Random } from '../src/base/random.ts';
import { clickEncoders } from '../src/clicks/encoders.ts';
import { gradient } from '../src/graph/gradient.ts';
import { sum } from '../src/graph/ops/basic.ts';
import { abs, add, exp, log, mul, neg, relu, sub } from '../src/graph/ops/elementwise.ts';
import { mean } from '../src/graph/ops/reduce.ts';
import { prepare } from '../src/graph/passes/prepare.ts';
import { input, type Tensor } from '../src/graph/tensor.ts';
import { heads } from '../src/heads/heads.ts';
import { toProbability } from '../src/interaction/session.ts';
import { Scope } from '../src/nn/scope.ts';
import { buildProbe, type Injection } from '../src/probe/probe.ts';
import { compileInference, compileTraining, gradientName } from '../src/probe/programs.ts';
import { compile } from '../src/runtime/node.ts';
import { Adam } from '../src/training/adam.ts';
import { normalisedFocalLoss } from '../src/training/loss.ts';
import { bilinearInterpolation, none } from '../src/upsamplers/interpolation.ts';
import type { Upsampler } from '../src/upsamplers/types.ts';
import { backboneWork, type ProbeWork, upsamplerWork } from './catalogue.ts';
import { withMirror } from './flip.ts';
import { backboneForward, upsamplerForward } from './frozen-workloads.ts';
import { initial, noise } from './initial.ts';

export interface WorkloadOptions {
  /** Side of the image in pixels; the head alone works on a map of half of it. */
  size: number;
  threads: number;
}

/** Does the work once and gives its main result, to be looked at by whoever doubts that it was done. */
export type Step = () => Promise<Float32Array>;

type Workload = (options: WorkloadOptions) => Promise<Step>;

const WIDTH = 384;
const LEARNING_RATE = 5e-5;

/** Everything that is done once before the clock starts: graph, gradients, compilation, data. */
const probeWork: Readonly<Record<ProbeWork, Workload>> = {
  head,
  train,
  click: options => click(options, { upsampler: bilinearInterpolation, injection: 'early', newImage: true }),
  'later-click': options => click(options, { upsampler: none, injection: 'late', newImage: false }),
};

/** By the names of the catalogue. */
export const workloads: Readonly<Record<string, Workload>> = {
  ...probeWork,
  ...Object.fromEntries(
    backboneWork.map(work => [work.name, (options: WorkloadOptions) => backboneForward(work, options)]),
  ),
  ...Object.fromEntries(
    upsamplerWork.map(work => [work.name, (options: WorkloadOptions) => upsamplerForward(work, options)]),
  ),
};

const convHead = heads.find(({ name }) => name === 'conv')!;

async function head({ size, threads }: WorkloadOptions): Promise<Step> {
  const side = Math.floor(size / 2);
  const x = input('x', [1, WIDTH, side, side], 'clicks');
  const label = input('label', [1, 1, side, side], 'clicks');
  const scope = Scope.trained('head');
  const [logits] = prepare([convHead.logits(x, scope, WIDTH)]);
  const loss = binaryCrossEntropy(logits, label);
  const named = new Map([...[...scope.parameters].map(([name, { tensor }]) => [name, tensor] as const), ['x', x]]);
  const gradients = gradient(loss, [...named.values()]);
  const outputs = Object.fromEntries([...named.keys()].map((name, i) => [gradientName(name), gradients[i]]));
  // everything is fed anew with every step: nothing to keep between runs
  const program = await compile({ step: { loss, ...outputs } }, { threads, split: false });
  const feeds = {
    ...Object.fromEntries(initial(scope.parameters)),
    x: noise('x', WIDTH * side * side),
    label: coins('label', side * side),
  };
  return async () => (await program.run('step', feeds)).loss;
}

/** The mean over all pixels of max(z,0) - z t + log(1 + exp(-|z|)), as in PyTorch's `binary_cross_entropy_with_logits`. */
function binaryCrossEntropy(logits: Tensor, label: Tensor): Tensor {
  const each = add(sub(relu(logits), mul(logits, label)), log(add(exp(neg(abs(logits))), 1)));
  return mean(each, [0, 1, 2, 3]);
}

async function train({ size, threads }: WorkloadOptions): Promise<Step> {
  const graph = probe(1, size, bilinearInterpolation, 'early');
  const target = input('target', [1, 1, size, size], 'image');
  const loss = (logits: Tensor) => {
    const perImage = normalisedFocalLoss(logits, target);
    return { perImage, total: sum(perImage, [0]) };
  };
  // the frozen values have no name here: once compiled, nothing holds them
  const program = await compileTraining(graph, initial(graph.frozen), loss, { stepOnly: true, threads });
  const trained = initial(graph.trained);
  const adam = new Adam();
  const area = size * size;
  const data = {
    image: noise('image', 3 * area),
    clicks: noise('clicks', 3 * area),
    target: coins('target', area),
  };
  return async () => {
    const results = await program.run('step', { ...data, ...Object.fromEntries(trained) });
    const gradients = new Map([...trained.keys()].map(name => [name, results[gradientName(name)]]));
    adam.step(trained, gradients, LEARNING_RATE);
    return results.loss;
  };
}

interface ClickVariant {
  upsampler: Upsampler;
  injection: Injection;
  /** Feed an image with every click, or the first time only. */
  newImage: boolean;
}

async function click({ size, threads }: WorkloadOptions, variant: ClickVariant): Promise<Step> {
  const graph = probe(2, size, variant.upsampler, variant.injection);
  const program = await compileInference(graph, initial(graph.frozen), initial(graph.trained), { threads });
  const [image, clicks] = [noise('image', 3 * size * size), noise('clicks', 3 * size * size)];
  let known = false;
  return async () => {
    const feeds: Record<string, Float32Array> = { clicks: withMirror(clicks, size) };
    if (variant.newImage || !known) feeds.image = withMirror(image, size);
    known = true;
    const { logits } = await program.run('predict', feeds);
    return toProbability(logits, true, size, size);
  };
}

const probe = (batch: number, size: number, upsampler: Upsampler, injection: Injection) =>
  buildProbe(
    {
      backbone: findBackbone('dinov2-s14'),
      upsampler,
      head: convHead,
      headWidth: WIDTH,
      clickEncoder: clickEncoders.find(({ name }) => name === 'patch-embed')!,
      injection,
    },
    batch,
    [size, size],
  );

function coins(name: string, length: number): Float32Array {
  const random = Random.of(0, 'data', name);
  return Float32Array.from({ length }, () => (random.chance(0.5) ? 1 : 0));
}
