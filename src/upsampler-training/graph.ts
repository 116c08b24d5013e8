import { UserError } from '../base/errors.ts';
import { gradient } from '../graph/gradient.ts';
import { deduplicate } from '../graph/passes/deduplicate.ts';
import { prepare } from '../graph/passes/prepare.ts';
import { GraphError, input, nameOf, type Shape, sources, type Tensor } from '../graph/tensor.ts';
import { type BatchStatistic, normaliseByBatch } from '../nn/batch-norm.ts';
import { IMAGENET } from '../nn/imagenet.ts';
import { type Parameter, Scope } from '../nn/scope.ts';
import { compile } from '../runtime/node.ts';
import type { CompileOptions, Program } from '../runtime/program.ts';
import { normalised } from './features.ts';
import type { Given, Method, Setting } from './method.ts';

export const OWN = 'upsampler.';
export const TEACHER = 'teacher.';

/** One form of a method's loss. */
interface Variant {
  outputs: Record<string, Tensor>;
  /** Which running statistics follow which outputs, in the order in which layers were applied. */
  statistics: { name: string; output: string }[];
  parts: readonly string[];
  /** Names of everything that is fed. */
  inputs: ReadonlySet<string>;
}

export interface TrainingGraph {
  variants: readonly Variant[];
  /** Every parameter by its full name: `upsampler.*`, `helper.*`, `teacher.*`. */
  parameters: ReadonlyMap<string, Parameter>;
  /** Those that have a gradient. */
  trained: readonly string[];
}

export const pictureInput = (name: string): string => `image:${name}`;
export const featuresInput = (name: string): string => `features:${name}`;
export const arrayInput = (name: string): string => `array:${name}`;
const gradientOutput = (parameter: string): string => `gradient:${parameter}`;
const partOutput = (name: string): string => `part:${name}`;

/**
 * The graph of a training: the loss of every variant, its gradients and the statistics of its batches.
 *
 * @throws UserError where the method, the size and the backbone do not fit together
 */
export function buildTraining(method: Method, setting: Setting): TrainingGraph {
  try {
    return build(method, setting);
  } catch (error) {
    if (!(error instanceof GraphError)) throw error;
    const { size, backbone } = setting;
    throw new UserError(
      `${method.upsampler} cannot be trained at --size ${size} on ${backbone.name} (stride ${backbone.stride}): ` +
        `${error.message}. Choose another --size`,
      { cause: error },
    );
  }
}

function build(method: Method, setting: Setting): TrainingGraph {
  const [own, helper, teacher] = ['upsampler', 'helper', 'teacher'].map(prefix => Scope.trained(prefix));
  const found = normaliseByBatch(own);
  const losses = Array.from({ length: method.variants?.(setting) ?? 1 }, (_, variant) => {
    found.length = 0;
    const { total, parts } = method.loss(given(setting, { own, helper, teacher }), variant);
    return { total, parts, found: [...found] };
  });
  const parameters = new Map([...own.parameters, ...helper.parameters, ...teacher.parameters]);
  const running = new Set(losses.flatMap(each => each.found.map(({ name }) => name)));
  const trained = [...own.parameters.keys(), ...helper.parameters.keys()].filter(
    name => !running.has(name) && !method.fixed?.test(name.slice(name.indexOf('.') + 1)),
  );
  return { parameters, trained, variants: losses.map(loss => variantOf(loss, trained)) };
}

function variantOf(
  { total, parts, found }: { total: Tensor; parts: Readonly<Record<string, Tensor>>; found: BatchStatistic[] },
  trained: readonly string[],
): Variant {
  const names = Object.keys(parts);
  // merged before gradients are built, so that what stands twice in a loss goes back once
  const merged = deduplicate([total, ...names.map(name => parts[name]), ...found.map(({ value }) => value)]);
  // a layer that was built twice on the same values is one layer
  const distinct = new Map(found.map((statistic, i) => [merged[1 + names.length + i], statistic.name]));
  const [loss, ...rest] = prepare([...merged.slice(0, 1 + names.length), ...distinct.keys()]);
  const known = new Map(sources([loss]).map(source => [nameOf(source), source]));
  const gradients = gradient(
    loss,
    trained.map(name => {
      const source = known.get(name);
      if (!source) throw new GraphError(`the loss does not depend on ${name}`);
      return source;
    }),
  );
  const statistics = [...distinct.values()].map((name, i) => ({ name, output: `statistic:${i}` }));
  const outputs: Record<string, Tensor> = { loss };
  names.forEach((name, i) => {
    outputs[partOutput(name)] = rest[i];
  });
  statistics.forEach(({ output }, i) => {
    outputs[output] = rest[names.length + i];
  });
  trained.forEach((name, i) => {
    outputs[gradientOutput(name)] = gradients[i];
  });
  const inputs = new Set(sources(Object.values(outputs)).map(nameOf));
  return { outputs, statistics, parts: names, inputs };
}

function given(setting: Setting, scopes: Pick<Given, 'own' | 'helper' | 'teacher'>): Given {
  const { backbone, batch } = setting;
  const made = new Map<string, Tensor>();
  const source = (name: string, shape: Shape): Tensor => {
    const known = made.get(name) ?? input(name, shape, 'clicks');
    made.set(name, known);
    return known;
  };
  return {
    ...setting,
    ...scopes,
    image: (name, side) => normalised(source(pictureInput(name), [batch, 3, side, side]), IMAGENET),
    features(name, side) {
      if (side % backbone.stride !== 0) {
        const near = Math.max(1, Math.round(side / backbone.stride)) * backbone.stride;
        throw new GraphError(`pictures of ${side} px are no whole number of cells (${near} px would be)`);
      }
      const cells = side / backbone.stride;
      return source(featuresInput(name), [batch, backbone.channels, cells, cells]);
    },
    array: (name, shape) => source(arrayInput(name), [batch, ...shape]),
  };
}

/** What a step computes. */
export interface StepResult {
  loss: number;
  parts: Record<string, number>;
  gradients: Map<string, Float32Array>;
  /** Running statistic and what the batch had, in order. */
  statistics: { name: string; value: Float32Array }[];
}

/** Programs of all variants, compiled when first needed. */
export class TrainingPrograms {
  private readonly programs = new Map<number, Promise<Program>>();

  constructor(
    private readonly graph: TrainingGraph,
    private readonly options: CompileOptions = {},
  ) {}

  /**
   * Loss and gradients of a variant; the arrays given back are reused by the next step.
   *
   * @param parameters all of them; those that the variant does not use are left alone.
   */
  async step(
    variant: number,
    parameters: ReadonlyMap<string, Float32Array>,
    feeds: ReadonlyMap<string, Float32Array>,
  ): Promise<StepResult> {
    const { outputs, inputs, statistics, parts } = this.graph.variants[variant];
    let program = this.programs.get(variant);
    if (!program) {
      program = compile({ step: outputs }, { ...this.options, split: false });
      this.programs.set(variant, program);
    }
    const fed = [...parameters, ...feeds].filter(([name]) => inputs.has(name));
    const results = await (await program).run('step', Object.fromEntries(fed));
    return {
      loss: results.loss[0],
      parts: Object.fromEntries(parts.map(name => [name, results[partOutput(name)][0]])),
      gradients: new Map(this.graph.trained.map(name => [name, results[gradientOutput(name)]])),
      statistics: statistics.map(({ name, output }) => ({ name, value: results[output] })),
    };
  }

  async release(): Promise<void> {
    for (const program of this.programs.values()) await (await program).release();
    this.programs.clear();
  }
}
