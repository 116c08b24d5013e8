import { gradient } from '../graph/gradient.ts';
import { sigmoid } from '../graph/ops/elementwise.ts';
import { defaultPasses, type Passes, prepare } from '../graph/passes/prepare.ts';
import type { Tensor } from '../graph/tensor.ts';
import { compile } from '../runtime/node.ts';
import type { CompileOptions, Program } from '../runtime/program.ts';
import { buildProbe, type Probe, type ProbeGraph } from './probe.ts';

export interface ProgramOptions extends Omit<CompileOptions, 'bound' | 'forGradient'> {
  /** Bands and chunks are made smaller where `memory` asks for it. */
  passes?: Passes;
}

/** The passes with chunks and bands that leave most of the memory to what is held beside them. */
function fitted({ passes = defaultPasses, memory = Infinity, images = 1 }: ProgramOptions): Passes {
  const { attentionBytes, bandBytes, keepBytes } = passes;
  return {
    ...passes,
    attentionBytes: Math.min(attentionBytes, memory / 30),
    bandBytes: Math.min(bandBytes, memory / 125 / images),
    // what is kept from click to click is kept of every image
    keepBytes: Math.min(keepBytes, memory / 32 / images),
  };
}

export interface TrainingProgramOptions extends ProgramOptions {
  /** Leave out the group `predict`, where no rounds of clicks are simulated: it holds the frozen weights once more. */
  stepOnly?: boolean;
}

/** Values of parameters by full name. */
export type Values = ReadonlyMap<string, Float32Array>;

/** The logits of a probe as an inference computes them under its memory. */
export function inferenceGraph({ logits }: ProbeGraph, options: ProgramOptions): Tensor {
  return prepare([logits], fitted(options), { forGradient: false })[0];
}

/**
 * The probe for inference: group `predict` gives `logits` [B,1,H,W] for `image` and `clicks`. The trained weights are
 * part of the program, so whatever depends on them alone is computed once.
 */
export function compileInference(
  graph: ProbeGraph,
  frozen: Values,
  trained: Values,
  options: ProgramOptions = {},
): Promise<Program> {
  const logits = inferenceGraph(graph, options);
  return compile({ predict: { logits } }, { ...options, forGradient: false, bound: new Map([...frozen, ...trained]) });
}

/**
 * The probe for inference on `batch` images at once, or one after the other where their maps of full size would take much of
 * the memory.
 *
 * @param frozen gives the frozen values of a graph.
 */
export function compilePredictor(
  probe: Probe,
  batch: number,
  size: readonly [number, number],
  frozen: (graph: ProbeGraph) => Values,
  trained: Values,
  options: ProgramOptions = {},
): Promise<Program> {
  const map = 4 * Math.max(probe.headWidth, probe.backbone.channels) * size[0] * size[1];
  const images = map > (options.memory ?? Infinity) / 16 ? batch : 1;
  const graph = buildProbe(probe, batch / images, size);
  return compileInference(graph, frozen(graph), trained, { ...options, images });
}

/**
 * The probe for training. Group `predict` gives `probability` [B,1,H,W]; group `step` gives `loss` [B], `logits` and,
 * under each trained parameter's name, its gradient of the summed loss. Inputs: `image`, `clicks`, `target` and every
 * trained parameter.
 *
 * @param loss the training loss of logits, one value per image.
 */
export function compileTraining(
  graph: ProbeGraph,
  frozen: Values,
  loss: (logits: Tensor) => { perImage: Tensor; total: Tensor },
  { stepOnly = false, ...options }: TrainingProgramOptions = {},
): Promise<Program> {
  const [logits] = prepare([graph.logits], fitted(options));
  const { perImage, total } = loss(logits);
  const names = [...graph.trained.keys()];
  const gradients = gradient(
    total,
    names.map(name => graph.trained.get(name)!.tensor),
  );
  // a gradient may not bear the name of the parameter that is fed
  const step = Object.fromEntries(names.map((name, i) => [gradientName(name), gradients[i]]));
  const groups: Record<string, Record<string, Tensor>> = { step: { loss: perImage, logits, ...step } };
  if (!stepOnly) groups.predict = { probability: sigmoid(logits) };
  // a step alone feeds everything anew: there is nothing to keep between runs
  const split = stepOnly ? false : options.split;
  return compile(groups, { ...options, split, bound: frozen });
}

/** The name of a parameter's gradient among the results of `step`. */
export const gradientName = (parameter: string): string => `gradient:${parameter}`;
