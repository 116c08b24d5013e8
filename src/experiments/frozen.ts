import type { Backbone } from '../backbones/types.ts';
import { UserError } from '../base/errors.ts';
import type { DownloadProgress } from '../downloads/download.ts';
import { sameShape, show } from '../graph/tensor.ts';
import { hubSettings } from '../hub/settings.ts';
import type { ProbeGraph } from '../probe/probe.ts';
import type { Values } from '../probe/programs.ts';
import { cachedOfficial, fetchOfficial, officialFor, placeText } from '../upsamplers/official.ts';
import { isOwn } from '../upsamplers/own/types.ts';
import { misfit, readUpsamplerWeights } from '../upsamplers/read-checkpoint.ts';
import type { Upsampler } from '../upsamplers/types.ts';
import type { Weights } from '../weights/weight.ts';

/** Loaded weights of what is not trained; empty where an upsampler is not learned. */
export interface Frozen {
  backbone: Weights;
  upsampler: Weights;
  /** Of the trained probe that a multi-granular one starts from. */
  start?: Values;
}

interface UpsamplerChoice {
  backbone: Backbone;
  upsampler: Upsampler;
  /** File of the upsampler's weights; by default the official ones for this backbone. */
  upsamplerWeights?: string | null;
}

interface FrozenChoice extends UpsamplerChoice {
  /** File of the backbone's weights; by default where the backbone finds them itself. */
  weights?: string | null;
}

interface FrozenOptions {
  signal?: AbortSignal;
  /** What is fetched from where and under which licence; what a file leaves out. */
  onNote?(text: string): void;
  onProgress?(progress: DownloadProgress): void;
}

/**
 * Loads what a probe keeps frozen. Official weights of a learned upsampler that are not in the cache are fetched.
 *
 * @throws UserError where a file is missing or does not fit, where nothing is published for the backbone, or where it
 *   cannot be fetched; each says what to do
 */
export async function loadFrozen(choice: FrozenChoice, options: FrozenOptions = {}): Promise<Frozen> {
  const backbone = await choice.backbone.weights(choice.weights ?? undefined);
  return { backbone, upsampler: (await loadUpsampler(choice, options)).weights };
}

interface LoadedUpsampler {
  weights: Weights;
  /** Where the weights come from: the path that was given, or the official file's place. Null where nothing is learned. */
  from: string | null;
}

/** The upsampler's part of `loadFrozen`. */
export async function loadUpsampler(
  { backbone, upsampler, upsamplerWeights }: UpsamplerChoice,
  { signal, onNote, onProgress }: FrozenOptions = {},
): Promise<LoadedUpsampler> {
  if (isOwn(upsampler)) return upsampler.load(backbone, upsamplerWeights ?? undefined, onNote);
  if (!upsampler.learned) {
    if (upsamplerWeights == null) return { weights: new Map(), from: null };
    throw new UserError(`${upsampler.name} is not learned: it takes no weights, given ${upsamplerWeights}`);
  }
  const read = (path: string) => readUpsamplerWeights(path, upsampler, backbone, onNote);
  if (upsamplerWeights != null) return { weights: read(upsamplerWeights), from: upsamplerWeights };

  const official = officialFor(upsampler, backbone.name);
  const cached = cachedOfficial(official);
  if (cached !== undefined) return { weights: read(cached), from: placeText(official.file) };
  const settings = hubSettings();
  if (!settings.offline && !('page' in official.file)) {
    onNote?.(`fetching the weights of ${official.name}: ${placeText(official.file)} (${upsampler.licence})`);
  }
  const { path } = await fetchOfficial(official, {
    ...{ settings, signal, onNote, onProgress },
    check: async file => misfit(file, upsampler, backbone),
  });
  return { weights: read(path), from: placeText(official.file) };
}

/**
 * Frozen weights under the names of a graph's sources `frozen.backbone.*` and `frozen.upsampler.*`, and what it starts
 * from.
 *
 * @param of whose they are, for messages; a probe will do.
 * @throws UserError where one is missing or of another shape
 */
export function frozenValues(
  graph: Pick<ProbeGraph, 'frozen'> & Partial<Pick<ProbeGraph, 'start'>>,
  frozen: Frozen,
  of: { backbone: Pick<Backbone, 'name'>; upsampler: Pick<Upsampler, 'name'> },
): Values {
  const values = new Map<string, Float32Array>();
  for (const name of graph.start?.keys() ?? []) values.set(name, frozen.start!.get(name)!);
  for (const [name, { shape }] of graph.frozen) {
    const [, part, own] = /^frozen\.(backbone|upsampler)\.(.*)$/.exec(name) ?? [];
    if (part !== 'backbone' && part !== 'upsampler') throw new Error(`"${name}" is neither backbone's nor upsampler's`);
    const stored = frozen[part].get(own);
    if (!stored || !sameShape(stored.shape, shape)) {
      throw new UserError(
        `the weights of ${of[part].name} do not fit: "${own}" should be ${show(shape)}, ` +
          `found ${stored ? show(stored.shape) : 'nothing'}. Give the right file with ` +
          (part === 'backbone' ? '--weights FILE' : `--upsampler-weights ${of[part].name}=FILE`),
      );
    }
    values.set(name, stored.data);
  }
  return values;
}
