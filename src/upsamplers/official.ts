import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import { type DownloadOptions, download } from '../downloads/download.ts';
import { fileNameOf, mirroredSources } from '../downloads/mirror.ts';
import { cachedFile } from '../hub/cache.ts';
import { type Fetched, fetchFromHub } from '../hub/fetch-file.ts';
import { alone } from '../hub/lock.ts';
import { cacheFolder, type HubSettings } from '../hub/settings.ts';
import { trainingAdvice } from './read-checkpoint.ts';
import type { PublishedFile, PublishedWeights, Upsampler } from './types.ts';

/** The key of weights that serve every backbone. */
export const ANY = 'any';

/** Official weights as commands name them. */
export interface NamedWeights extends PublishedWeights {
  /** `loftup:dinov2-s14`; `anyup` where the file serves every backbone. */
  name: string;
  upsampler: Upsampler;
  /** Backbone that they were trained for; `any` for all. */
  backbone: string;
}

/** The official weights of an upsampler, those for every backbone first. */
export const officialWeights = (upsampler: Upsampler): NamedWeights[] =>
  Object.entries(upsampler.weights ?? {}).map(([backbone, published]) => ({
    ...published,
    name: backbone === ANY ? upsampler.name : `${upsampler.name}:${backbone}`,
    upsampler,
    backbone,
  }));

/** The official weights of an upsampler for a backbone: its own, else those that serve every backbone. */
export function findOfficial(upsampler: Upsampler, backbone: string): NamedWeights | undefined {
  const all = officialWeights(upsampler);
  return all.find(each => each.backbone === backbone) ?? all.find(each => each.backbone === ANY);
}

/** @throws UserError where none are published for a backbone, saying for which they are and what to do */
export function officialFor(upsampler: Upsampler, backbone: string): NamedWeights {
  const found = findOfficial(upsampler, backbone);
  if (found) return found;
  const others = officialWeights(upsampler).map(each => each.backbone);
  throw new UserError(
    `no weights of ${upsampler.name} are published for ${backbone}` +
      `${others.length > 0 ? `; there are for ${others.join(', ')}` : ''}${trainingAdvice(upsampler, backbone)}. ` +
      `To use a file: --upsampler-weights ${upsampler.name}=FILE`,
  );
}

/** Where a file is published, for people. */
export function placeText(file: PublishedFile): string {
  if ('hub' in file) return `${file.hub}/${file.name}`;
  return 'url' in file ? file.url : `${file.name}: ${file.page}`;
}

/** What a file is called. */
export const fileName = (file: PublishedFile): string => ('url' in file ? fileNameOf(file.url) : file.name);

/** The official file in the cache; undefined where it is not there. */
export function cachedOfficial({ file }: PublishedWeights): string | undefined {
  if ('hub' in file) return cachedFile({ id: file.hub, file: file.name, revision: 'main' });
  if ('page' in file) return undefined;
  const path = cachePathOf(file.url);
  return existsSync(path) ? path : undefined;
}

/** A folder for each address: files of several methods may bear one name. */
const cachePathOf = (url: string): string =>
  join(cacheFolder(), 'files', createHash('sha256').update(url).digest('hex').slice(0, 16), fileNameOf(url));

interface OfficialOptions
  extends Pick<DownloadOptions, 'signal' | 'onProgress' | 'onNote' | 'check' | 'stallSeconds' | 'attempts'> {
  settings: HubSettings;
  /** Folder on a server that holds files from outside the hub under the same names, tried first: CLICKPROBE_MIRROR. */
  mirror?: string;
  /** Of a file on the hub; `main` by default. */
  revision?: string;
  /** The file to make; in the cache by default. */
  to?: string;
}

/**
 * Fetches official weights into the cache. What is there already is checked and kept.
 *
 * @throws UserError as `fetchFromHub`; where a person has to fetch the file, saying from where
 */
export async function fetchOfficial(named: NamedWeights, options: OfficialOptions): Promise<Fetched> {
  const { file } = named;
  const { settings, revision, to, mirror = process.env.CLICKPROBE_MIRROR || undefined, ...rest } = options;
  if ('hub' in file) {
    return fetchFromHub({ id: file.hub, file: file.name, revision: revision ?? 'main' }, { ...rest, settings, to });
  }
  if (revision !== undefined) {
    throw new UserError(`${named.name} is a file at ${placeText(file)}, which has no revisions: leave out --revision`);
  }
  if ('page' in file) throw byHand(named, file);
  const path = to ?? cachePathOf(file.url);
  if (settings.offline) return fromCache(named, path, options);
  return alone(`${path}.lock`, () =>
    download({ sources: mirroredSources([file.url], mirror), to: path, ...rest, advice: adviceFor(named) }),
  );
}

async function fromCache(named: NamedWeights, path: string, { check }: OfficialOptions): Promise<Fetched> {
  if (!existsSync(path)) {
    throw new UserError(
      `${path} (${named.name}) does not exist, and offline mode (--offline or CLICKPROBE_OFFLINE=1) fetches nothing. ` +
        'Fetch it once with a network, or copy the cache from a machine that has it',
      { exitCode: 69 },
    );
  }
  const wrong = await check?.(path);
  if (wrong !== undefined) throw new UserError(`${path}: ${wrong}. Fetch it anew with a network`, { exitCode: 69 });
  return { path, bytes: statSync(path).size };
}

function adviceFor({ upsampler, file }: NamedWeights): string {
  return (
    `Check the network, name a server that has ${fileName(file)} in CLICKPROBE_MIRROR, or fetch the file in another ` +
    `way and give it: --upsampler-weights ${upsampler.name}=FILE`
  );
}

function byHand({ name, upsampler }: NamedWeights, { page, name: file }: { page: string; name: string }): UserError {
  return new UserError(
    `${name} cannot be fetched by a program: download "${file}" from ${page} in a browser, ` +
      `then give it: --upsampler-weights ${upsampler.name}=FILE`,
    { exitCode: 69 },
  );
}
