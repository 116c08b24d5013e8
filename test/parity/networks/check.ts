import { gradient } from '../../../src/graph/gradient.ts';
import { add } from '../../../src/graph/ops/elementwise.ts';
import { input, nameOf, type Rate, sameShape, show, sources, type Tensor } from '../../../src/graph/tensor.ts';
import { Scope } from '../../../src/nn/scope.ts';
import { maxAbsolute, maxDifference } from '../../support/differences.ts';
import { evaluate, projected } from '../../support/run.ts';
import type { Check } from '../case.ts';
import type { Golden } from './golden.ts';

/** What a case builder is given: the reference's inputs as sources, and the scope of its weights. */
export interface Sources {
  config: Record<string, unknown>;
  /** The source of `input.<name>`. */
  input(name: string, rate?: Rate): Tensor;
  has(name: string): boolean;
  /** Parameters named `weight.<original name>`; trained, so that their gradients can be asked for. */
  weights: Scope;
}

/** Builds the outputs of a case by the names of `output.<name>`. */
export type Builder = (from: Sources) => Record<string, Tensor>;

/** Least relative tolerance by tensor, where the reference's noise was not measured or another rounding is meant. */
export type Floors = Readonly<Record<string, number>>;

/** Ten times the reference's own float32 noise; no less than a rounding or two of the largest element. */
export function toleranceOf(golden: Golden, tensor: string, floors: Floors = {}, floor = 2e-6): number {
  const largest = maxAbsolute(golden.tensors.get(tensor)!.data);
  return Math.max(10 * (golden.noise[tensor] ?? 0), (floors[tensor] ?? floor) * largest);
}

/**
 * The gradient of a bias on the projected output is the sum of the projection, whose measured noise is a single number
 * and small by luck: it counts as no less than three tenths of a rounding of every number.
 */
export function withSummationNoise(golden: Golden, tensor: string): Golden {
  const size = golden.tensors.get('grad.R')!.data.reduce((sum, weight) => sum + Math.abs(weight), 0);
  const noise = Math.max(golden.noise[tensor] ?? 0, (0.3 * size) / 2 ** 24);
  return { ...golden, noise: { ...golden.noise, [tensor]: noise } };
}

/**
 * Runs a case and compares every output and every gradient that the reference holds.
 *
 * @throws Error where the reference holds an output or a gradient that the builder does not give.
 */
export async function checkNetwork(golden: Golden, build: Builder, floors: Floors = {}): Promise<Check[]> {
  const tensorOf = (name: string) => {
    const found = golden.tensors.get(name);
    if (!found) throw new Error(`${golden.name} holds no ${name}`);
    return found;
  };
  const made = new Map<string, Tensor>();
  const outputs = build({
    config: golden.config,
    input(name, rate = 'clicks') {
      const full = `input.${name}`;
      const known = made.get(full) ?? input(full, tensorOf(full).shape, rate);
      made.set(full, known);
      return known;
    },
    has: name => golden.tensors.has(`input.${name}`),
    weights: Scope.trained('weight'),
  });

  const wanted: Record<string, Tensor> = {};
  for (const name of namesUnder(golden, 'output.')) {
    const y = outputs[name];
    if (!y) throw new Error(`${golden.name} holds output.${name}, which its builder does not give`);
    const { shape } = tensorOf(`output.${name}`);
    if (!sameShape(shape, y.shape)) {
      throw new Error(`${golden.name}: output.${name} is ${show(y.shape)}, the reference's ${show(shape)}`);
    }
    wanted[`output.${name}`] = y;
  }

  const sought = namesUnder(golden, 'grad.').filter(name => name !== 'R' && !name.startsWith('R.'));
  if (sought.length > 0) {
    const losses = golden.projected.map(name => {
      const weights = golden.tensors.get(`grad.R.${name}`) ?? tensorOf('grad.R');
      return projected(outputs[name], weights.data);
    });
    const loss = losses.reduce((sum, one) => add(sum, one));
    const byName = new Map(sources([loss]).map(source => [nameOf(source), source]));
    const targets = sought.map(name => {
      const source = byName.get(name);
      if (!source) throw new Error(`${golden.name} holds grad.${name}, but its outputs do not use ${name}`);
      return source;
    });
    gradient(loss, targets).forEach((dx, i) => {
      wanted[`grad.${sought[i]}`] = dx;
    });
  }

  const feeds = Object.fromEntries(sources(Object.values(wanted)).map(s => [nameOf(s), tensorOf(nameOf(s)).data]));
  const results = await evaluate(wanted, feeds);
  return Object.keys(wanted).map(tensor => ({
    what: tensor,
    error: maxDifference(results[tensor], tensorOf(tensor).data),
    tolerance: toleranceOf(golden, tensor, floors),
  }));
}

const namesUnder = (golden: Golden, prefix: string): string[] =>
  [...golden.tensors.keys()].filter(name => name.startsWith(prefix)).map(name => name.slice(prefix.length));
