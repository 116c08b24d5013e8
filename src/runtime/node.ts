import { availableParallelism } from 'node:os';
import * as ort from 'onnxruntime-node';
import { toOnnx } from '../graph/onnx/model.ts';
import { deduplicate } from '../graph/passes/deduplicate.ts';
import { type Stage, split } from '../graph/passes/split.ts';
import { count, GraphError, show, type Tensor } from '../graph/tensor.ts';
import type { CompileOptions, Feeds, OutputGroups, Program, Results } from './program.ts';

interface CompiledStage {
  session: ort.InferenceSession;
  group: string;
  inputs: string[];
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
  const shapes = new Map<string, Tensor>();
  const compiled: CompiledStage[] = [];
  for (const { group, outputs } of stages) {
    const model = toOnnx(outputs, bound);
    for (const [name, tensor] of model.inputs) shapes.set(name, tensor);
    compiled.push({
      session: await ort.InferenceSession.create(model.bytes, sessionOptions(options)),
      group,
      inputs: [...model.inputs.keys()],
      outputs: Object.fromEntries([...outputs].map(([name, tensor]) => [name, emptyTensor(tensor)])),
      stale: true,
    });
  }
  return new StagedProgram(compiled, shapes);
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

function sessionOptions({
  device = 'cpu',
  threads = availableParallelism(),
}: CompileOptions): ort.InferenceSession.SessionOptions {
  return {
    executionProviders: [device],
    intraOpNumThreads: threads,
    logSeverityLevel: 4,
    // idle threads sleep: costs nothing alone, halves the time beside other work
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  };
}

const emptyTensor = (tensor: Tensor) => new ort.Tensor('float32', new Float32Array(count(tensor.shape)), tensor.shape);

class StagedProgram implements Program {
  private readonly values: Record<string, ort.Tensor> = {};

  constructor(
    private readonly stages: CompiledStage[],
    private readonly sources: ReadonlyMap<string, Tensor>,
  ) {}

  async run(group: string, feeds: Feeds): Promise<Results> {
    const fresh = new Set(Object.keys(feeds));
    for (const name of fresh) this.feed(name, feeds[name]);
    for (const stage of this.stages) {
      if (stage.inputs.some(name => fresh.has(name))) stage.stale = true;
      if (!stage.stale || (stage.group !== '' && stage.group !== group)) continue;
      await this.execute(stage);
      for (const name of Object.keys(stage.outputs)) fresh.add(name);
    }
    const own = this.stages.find(stage => stage.group === group);
    if (!own) throw new GraphError(`no group "${group}" in this program`);
    return Object.fromEntries(Object.entries(own.outputs).map(([name, t]) => [name, t.data as Float32Array]));
  }

  async release(): Promise<void> {
    for (const stage of this.stages) await stage.session.release();
  }

  private feed(name: string, data: Float32Array): void {
    const source = this.sources.get(name);
    if (!source)
      throw new GraphError(`no input "${name}" in this program (inputs: ${[...this.sources.keys()].join(', ')})`);
    if (data.length !== count(source.shape)) {
      throw new GraphError(`input "${name}": ${data.length} numbers given for shape ${show(source.shape)}`);
    }
    this.values[name] = new ort.Tensor('float32', data, source.shape);
  }

  private async execute(stage: CompiledStage): Promise<void> {
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
