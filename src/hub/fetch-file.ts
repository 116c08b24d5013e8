import { statSync } from 'node:fs';
import { UserError } from '../base/errors.ts';
import { type Downloaded, type DownloadOptions, download } from '../downloads/download.ts';
import { TransferFailure } from '../downloads/failure.ts';
import { shownUrl } from '../downloads/http.ts';
import { cachedFile, cachePath, type HubPlace, noteCommit, requireRevision } from './cache.ts';
import { alone } from './lock.ts';
import { type HubAnswer, lookUp } from './look-up.ts';
import { cacheFolder, type HubSettings } from './settings.ts';

export interface FetchOptions
  extends Pick<DownloadOptions, 'signal' | 'onProgress' | 'onNote' | 'check' | 'stallSeconds' | 'attempts'> {
  settings: HubSettings;
  /** The file to make; in the cache by default. */
  to?: string;
}

/** A file that is here, and what the hub said of it. */
export interface Fetched extends Downloaded {
  commit?: string;
  /** What the hub says it hashes to, and does. */
  sha256?: string;
}

/**
 * Fetches a file from the hub: asks what the revision stands for and what the file must hash to, then downloads that.
 * What is in the cache with that hash is not fetched again; what broke off is continued.
 *
 * @throws UserError (exit code 69) where the hub does not give it, saying why and what to do; (75) where another process
 *   fetches it; (74) where the disk fails; the signal's reason where it is aborted, the part being kept
 */
export async function fetchFromHub(place: HubPlace, options: FetchOptions): Promise<Fetched> {
  const { settings, to, signal, onProgress, onNote, check, stallSeconds = 30, attempts = 4 } = options;
  const { endpoint, token } = settings;
  requireRevision(place.revision);
  if (settings.offline) return fromCache(place, options);
  const answer = await lookUp(urlOf(place, endpoint), {
    ...{ token: token?.value, seconds: stallSeconds, attempts, signal, onNote },
  }).catch((error: unknown) => {
    throw error instanceof TransferFailure ? unreachable(place, settings, error) : error;
  });
  if (answer.status !== 200) throw refusal(place, settings, answer);

  const { commit, sha256, bytes } = answer;
  const path = to ?? cachePath(place, commit);
  return alone(`${path}.lock`, async () => {
    const downloaded = await download({
      // the commit cannot move while it is fetched
      sources: [urlOf({ ...place, revision: commit ?? place.revision }, endpoint)],
      to: path,
      headers: token && { authorization: `Bearer ${token.value}` },
      ...{ sha256, bytes, signal, onProgress, onNote, check, stallSeconds, attempts },
    });
    if (to === undefined && commit !== undefined) noteCommit(place, commit);
    return { ...downloaded, commit, sha256 };
  });
}

function urlOf({ id, file, revision }: HubPlace, endpoint: string): string {
  const path = file.split('/').map(encodeURIComponent).join('/');
  return `${endpoint}/${id}/resolve/${encodeURIComponent(revision)}/${path}`;
}

const textOf = ({ id, file, revision }: HubPlace): string => `${file} of ${id} at ${revision}`;

const failed = (message: string): UserError => new UserError(message, { exitCode: 69 });

async function fromCache(place: HubPlace, { to, check }: FetchOptions): Promise<Fetched> {
  if (to !== undefined) {
    throw new UserError(`${to} does not exist, and offline mode (--offline or CLICKPROBE_OFFLINE=1) fetches nothing`);
  }
  const path = cachedFile(place);
  if (path === undefined) {
    throw failed(
      `${textOf(place)} is not in the cache ${cacheFolder()}, and offline mode (--offline or CLICKPROBE_OFFLINE=1) fetches nothing. Fetch it once with a network, or copy the cache from a machine that has it`,
    );
  }
  const wrong = await check?.(path);
  if (wrong !== undefined) throw failed(`${path}: ${wrong}. Fetch it anew with a network`);
  return { path, bytes: statSync(path).size };
}

function unreachable(place: HubPlace, { endpoint }: HubSettings, { message }: TransferFailure): UserError {
  const cached = cachedFile(place);
  const advice = cached
    ? `It was fetched earlier, to ${cached}: with --offline that one is taken`
    : 'Check the network, or name a mirror with --mirror URL or HF_ENDPOINT';
  return failed(`could not ask ${shownUrl(endpoint)} for ${textOf(place)}: ${message}. ${advice}`);
}

function refusal(place: HubPlace, settings: HubSettings, { status, errorCode }: HubAnswer): UserError {
  const { id, file, revision } = place;
  const hub = shownUrl(settings.endpoint).replace(/\/$/, '');
  const says = `${hub} answers ${status}`;
  if (status === 401 || status === 403) {
    const what = errorCode === 'GatedRepo' ? 'is gated' : 'is gated or private, or does not exist';
    return failed(`${id} ${what}: ${says}. ${accessAdvice(`${hub}/${id}`, hub, settings)}`);
  }
  if (status !== 404)
    return failed(`could not get ${textOf(place)}: ${says}. Try again later, or elsewhere (--mirror)`);
  if (errorCode === 'RevisionNotFound') return failed(`${id} has no revision "${revision}": ${says}`);
  if (errorCode === 'EntryNotFound') return failed(`${id} has no file ${file} at ${revision}: ${says}`);
  return failed(`there is no ${textOf(place)}: ${says}. A mirror may lack what huggingface.co has`);
}

function accessAdvice(page: string, hub: string, { token }: HubSettings): string {
  if (token === undefined) {
    return `If it is gated, accept the licence at ${page}, make a token at ${hub}/settings/tokens and set HF_TOKEN to it (a hub named by --mirror gets no token: set HF_ENDPOINT instead)`;
  }
  return `The token from ${token.from} does not open it: accept the licence at ${page} with the account of the token, and see at ${hub}/settings/tokens that the token is valid and may read gated repositories`;
}
