import { UserError } from '../base/errors.ts';
import type { Granularity } from '../granularity/granularity.ts';
import { sameShape, show } from '../graph/tensor.ts';
import { buildProbe, type Probe, type ProbeGraph } from '../probe/probe.ts';
import type { Values } from '../probe/programs.ts';
import { loadState } from '../training/state.ts';
import { weightsHash } from '../weights/hash.ts';
import type { Config } from './config.ts';
import type { Frozen } from './frozen.ts';
import { filesOf, requireSameFiles } from './own-files.ts';
import { RunFolder } from './run-folder.ts';

/** The run that multi-granular probes started from. */
export interface StartRecord {
  run: string;
  sha256: Record<string, string>;
}

/**
 * What the probes of a configuration get for their granularity, if anything.
 *
 * @throws UserError beside baselines, or where the training set has no granularities to learn
 */
export function granularityOf({
  granularity,
  baselines,
  training,
}: Pick<Config, 'granularity' | 'baselines' | 'training'>): Granularity | undefined {
  if (granularity === null) return undefined;
  if (baselines.length > 0) {
    throw new UserError(`a multi-granular run has no baselines: ${baselines.join(', ')} cannot be given a granularity`);
  }
  if (!training.data.startsWith('granular:')) {
    throw new UserError(
      `${training.data} has objects without granularities, of which a multi-granular probe would learn one alone. ` +
        `Cut them into parts (clickprobe granularity make ${training.data} --from ${granularity.from}), then train ` +
        'with --data granular:DIR',
    );
  }
  const { place, tableStart, lora, trainUpsampler } = granularity;
  const projections = [...lora.projections] as Granularity['lora']['projections'];
  return { place, tableStart, lora: { ...lora, projections }, trainUpsampler };
}

/**
 * The parameters of the trained probe that a multi-granular one starts from, out of the run that the configuration names.
 *
 * @throws UserError where that run has no such probe, or one of other shapes
 */
export function loadStart({ granularity, training }: Config, probe: Probe): Values {
  const { from } = granularity!;
  const { start } = buildProbe(probe, 1, [training.size, training.size]);
  const folder = new RunFolder(from);
  requireSameFiles(folder, filesOf([probe]));
  const path = folder.checkpoint(probe.upsampler.name);
  const state = loadState(path, new Map([...start].map(([name, { shape }]) => [name, shape])));
  if (state) return state.parameters;
  throw new UserError(
    `${from} has no trained probe with the upsampler ${probe.upsampler.name} (${path} does not exist). Name the --out ` +
      'folder of a clickprobe bench that trained it',
  );
}

/** What each probe started from, for the record of a run: the hash of its parameters by upsampler. */
export function startRecord({ granularity }: Config, frozen: ReadonlyMap<string, Frozen>): StartRecord | undefined {
  if (granularity === null) return undefined;
  const hashes = [...frozen].map(([name, { start }]) => [name, valuesHash(start!)]);
  return { run: granularity.from, sha256: Object.fromEntries(hashes) };
}

/** The hash of parameters without their shapes. */
export const valuesHash = (values: Values): string =>
  weightsHash(new Map([...values].map(([name, data]) => [name, { shape: [data.length], data }])));

/** Where the upsampler is trained too: the weights that it starts from, by their names in the graph. */
export function upsamplerStart(graph: ProbeGraph, { upsampler }: Frozen): Values {
  const start = new Map<string, Float32Array>();
  for (const [name, { shape }] of graph.trained) {
    const own = /^granular\.upsampler\.(.*)$/.exec(name)?.[1];
    if (own === undefined) continue;
    const stored = upsampler.get(own);
    if (!stored || !sameShape(stored.shape, shape)) {
      throw new UserError(
        `the weights of the upsampler do not fit: "${own}" should be ${show(shape)}, ` +
          `found ${stored ? show(stored.shape) : 'nothing'}`,
      );
    }
    start.set(name, stored.data);
  }
  return start;
}
