import * as ort from 'onnxruntime-node';
import { UserError } from '../base/errors.ts';
import { toOnnx } from '../graph/onnx/model.ts';
import { deduplicate } from '../graph/passes/deduplicate.ts';
import { type Stage, split } from '../graph/passes/split.ts';
import { count, GraphError, nameOf, RENAMING, show, type Tensor, topological } from '../graph/tensor.ts';
import { oneByOne } from './one-by-one.ts';
import type { CompileOptions, Feeds, OutputGroups, Program, Results } from './program.ts';
import { commonSessionOptions } from './session-options.ts';

interface CompiledStage {
  session: ort.InferenceSession;
  group: string;
  inputs: string[];
  outputs: Record<string, Tensor>;
}

/** A stage with what it gave last. */
interface StageState extends Omit<CompiledStage, 'outputs'> {
  outputs: Record<string, ort.Tensor>;
  stale: boolean;
}

/**
 * Compiles a graph into ONNX Runtime sessions, one for each stage of the split pass.
 *
 * `session.run` blocks its thread while it computes: where something else must answer, compile in a worker thread.
 */
export async function compile(groups: OutputGroups, options: CompileOptions = {}): Promise<Program> {
  const bound = options.bound ?? new Map();
  const stages = plan(groups, options.split ?? true);
  const shared = options.device === 'webgpu' ? new Set<string>() : shareable(stages, bound);
  const written = new Map([...bound].filter(([name]) => !shared.has(name)));
  const shapes = new Map<string, Tensor>();
  const compiled: CompiledStage[] = [];
  for (const { group, outputs } of stages) {
    const lateShapes =
      !(options.forGradient ?? true) && plannedBytes([...outputs.values()]) > (options.memory ?? Infinity) / 4;
    const model = toOnnx(outputs, written, { lateShapes });
    for (const [name, tensor] of model.inputs) {
      if (shapes.has(name) && shapes.get(name) !== tensor) {
        throw new GraphError(`two different inputs are named "${name}"`);
      }
      shapes.set(name, tensor);
    }
    const blocked = (options.forGradient ?? true) || mixesNeighbours([...outputs.values()]);
    const session = await createSession(model.bytes, options, blocked);
    // the session has its own copy: give the memory back now, not when the garbage collector comes round
    (model.bytes.buffer as ArrayBuffer).resize(0);
    compiled.push({
      session,
      group,
      inputs: [...model.inputs.keys()],
      outputs: Object.fromEntries(outputs),
    });
  }
  // what stages hand on to one another is not for the caller to feed
  for (const { group, outputs } of stages) if (group === '') for (const name of outputs.keys()) shapes.delete(name);
  const values: Record<string, ort.Tensor> = {};
  for (const name of shared) {
    values[name] = boundTensor(name, bound.get(name)!, shapes.get(name)!);
    shapes.delete(name);
  }
  const programs = Array.from({ length: options.images ?? 1 }, () => {
    const stages = compiled.map(({ outputs, ...stage }) => {
      const given = Object.entries(outputs).map(([name, tensor]) => [name, emptyTensor(tensor)]);
      return { ...stage, outputs: Object.fromEntries(given), stale: true };
    });
    return new StagedProgram(stages, shapes, { ...values });
  });
  return programs.length === 1 ? programs[0] : oneByOne(programs);
}

/** Smaller ones, in bytes, are better known when the session is made. */
const LEAST_SHARED = 65536;

/**
 * Bound matrices that nothing but products with varying values read. They are not copied into the sessions but handed to
 * them with every run: all sessions of all programs read the caller's memory. What else depends on bound values alone
 * is computed when a session is made.
 */
function shareable(stages: readonly Stage[], bound: ReadonlyMap<string, Float32Array>): Set<string> {
  const found = new Map<string, boolean>();
  for (const { outputs } of stages) {
    const varying = new Set<Tensor>();
    for (const node of topological([...outputs.values()])) {
      const varies = node.op === 'input' ? !bound.has(nameOf(node)) : node.inputs.some(x => varying.has(x));
      if (varies) varying.add(node);
      for (const x of node.inputs) {
        const name = x.op === 'input' ? nameOf(x) : undefined;
        if (name === undefined || (bound.get(name)?.byteLength ?? 0) < LEAST_SHARED) continue;
        found.set(name, (found.get(name) ?? true) && node.op === 'matmul' && varies);
      }
    }
  }
  return new Set([...found].filter(([, fits]) => fits).map(([name]) => name));
}

function boundTensor(name: string, data: Float32Array, { shape }: Tensor): ort.Tensor {
  if (data.length !== count(shape)) {
    throw new GraphError(`"${name}": ${data.length} numbers bound to shape ${show(shape)}`);
  }
  return new ort.Tensor('float32', data, shape);
}

function plan(groups: OutputGroups, cut: boolean): Stage[] {
  const names = Object.entries(groups).flatMap(([group, outputs]) =>
    Object.keys(outputs).map(name => ({ group, name })),
  );
  const merged = deduplicate(names.map(({ group, name }) => groups[group][name]));
  const renewed = new Map(Object.keys(groups).map(group => [group, new Map<string, Tensor>()]));
  names.forEach(({ group, name }, i) => {
    renewed.get(group)!.set(name, merged[i]);
  });
  if (cut) return split(renewed);
  return [...renewed].map(([group, outputs]) => ({ rate: 'clicks', group, outputs }));
}

/**
 * Whether there are spatial convolutions of several channels: in an inference only these gain from ONNX Runtime's
 * blocked layouts. The tile transforms of Winograd, of one channel each, would have to be put in order again.
 */
const mixesNeighbours = (outputs: readonly Tensor[]): boolean =>
  topological(outputs).some(({ op, inputs, attributes }) => {
    const [, channels, ...kernel] = op === 'conv2d' ? inputs[1].shape : [];
    return kernel.some(side => side > 1) && channels * (attributes.groups as number) > 1;
  });

/**
 * What ONNX Runtime would hold from their first use to their last: it plans ahead to put values of one shape in the same
 * place, and values of every shape then have a place at the same time.
 */
function plannedBytes(outputs: readonly Tensor[]): number {
  const sizes = new Map<string, number>();
  for (const { op, shape, inputs } of topological(outputs)) {
    if (inputs.length > 0 && !RENAMING.has(op)) sizes.set(show(shape), 4 * count(shape));
  }
  return [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
}

async function createSession(
  model: Uint8Array,
  options: CompileOptions,
  blocked: boolean,
): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(model, sessionOptions(options, blocked));
  } catch (error) {
    const message = error instanceof Error ? error.message : `${error}`;
    if (options.device !== 'webgpu' || !message.includes('WebGPU adapter')) throw error;
    throw new UserError(
      'device webgpu: there is no usable GPU adapter on this machine (it needs a driver for Vulkan, Metal or D3D12, ' +
        'on Linux also libvulkan1). Use --device cpu',
      { cause: error },
    );
  }
}

function sessionOptions(
  { device = 'cpu', threads }: CompileOptions,
  blocked: boolean,
): ort.InferenceSession.SessionOptions {
  const common = commonSessionOptions(threads);
  return {
    ...common,
    // it has nothing to do in our graphs, and in ONNX Runtime 1.30 fails on some whose shapes are known late
    extra: { ...common.extra, optimization: { disable_specified_optimizers: 'ReshapeFusion' } },
    graphOptimizationLevel: blocked ? 'all' : 'extended',
    executionProviders: [device],
    // one block for all intermediate values, planned ahead, is larger than what is ever held at once
    enableMemPattern: false,
  };
}

const emptyTensor = (tensor: Tensor) => new ort.Tensor('float32', new Float32Array(count(tensor.shape)), tensor.shape);

class StagedProgram implements Program {
  /** @param values of inputs that are not for the caller to feed; those fed are added. */
  constructor(
    private readonly stages: StageState[],
    private readonly sources: ReadonlyMap<string, Tensor>,
    private readonly values: Record<string, ort.Tensor>,
  ) {}

  async run(group: string, feeds: Feeds): Promise<Results> {
    const own = this.stages.find(stage => stage.group === group);
    if (!own) throw new GraphError(`no group "${group}" in this program`);
    for (const [name, data] of Object.entries(feeds)) this.check(name, data);
    for (const [name, data] of Object.entries(feeds)) this.keep(name, data);
    // all that is outdated is marked before anything runs, so that a run that fails leaves nothing outdated unmarked
    const fresh = new Set(Object.keys(feeds));
    for (const stage of this.stages) {
      if (stage.inputs.some(name => fresh.has(name))) stage.stale = true;
      if (stage.stale && stage.group === '') for (const name of Object.keys(stage.outputs)) fresh.add(name);
    }
    for (const stage of this.needed(own)) if (stage.stale) await this.execute(stage);
    return Object.fromEntries(Object.entries(own.outputs).map(([name, t]) => [name, t.data as Float32Array]));
  }

  async release(): Promise<void> {
    for (const stage of this.stages) await stage.session.release();
  }

  /** A group's own stage after the shared ones that it draws on, directly or not. */
  private needed(own: StageState): StageState[] {
    const names = new Set(own.inputs);
    const stages = [own];
    for (const stage of this.stages.filter(s => s.group === '').reverse()) {
      if (!Object.keys(stage.outputs).some(name => names.has(name))) continue;
      stages.unshift(stage);
      for (const name of stage.inputs) names.add(name);
    }
    return stages;
  }

  private check(name: string, data: Float32Array): void {
    const source = this.sources.get(name);
    if (!source)
      throw new GraphError(`no input "${name}" in this program (inputs: ${[...this.sources.keys()].join(', ')})`);
    if (data.length !== count(source.shape)) {
      throw new GraphError(`input "${name}": ${data.length} numbers given for shape ${show(source.shape)}`);
    }
  }

  /** Copies a value: the caller may change the array, or feed one that the run writes its results into. */
  private keep(name: string, data: Float32Array): void {
    this.values[name] ??= emptyTensor(this.sources.get(name)!);
    (this.values[name].data as Float32Array).set(data);
  }

  private async execute(stage: StageState): Promise<void> {
    const feeds: Record<string, ort.Tensor> = {};
    for (const name of stage.inputs) {
      if (!this.values[name]) throw new GraphError(`input "${name}" was never fed`);
      feeds[name] = this.values[name];
    }
    await stage.session.run(feeds, stage.outputs);
    // inputs of later stages; group outputs are never inputs, their names cannot clash with `value:n`
    if (stage.group === '') Object.assign(this.values, stage.outputs);
    stage.stale = false;
  }
}
