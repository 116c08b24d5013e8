import { type IncomingHttpHeaders, request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { networkFailure, TransferFailure } from '../downloads/failure.ts';

/** What a hub says of a file without sending it. */
export interface HubAnswer {
  status: number;
  /** Of a refusal: GatedRepo, RepoNotFound, RevisionNotFound, EntryNotFound. */
  errorCode?: string;
  /** What the revision stands for. */
  commit?: string;
  /** Of files in Git LFS; of others the hub knows no such hash. */
  sha256?: string;
  bytes?: number;
}

export interface LookUpOptions {
  token?: string;
  /** Longest wait for an answer. */
  seconds: number;
  attempts: number;
  signal?: AbortSignal;
  onNote?(text: string): void;
}

const maxRedirects = 10;
const longestWait = 60;

/**
 * Asks for a file's headers (HEAD). The hub states hash and size of a large file in its own answer, which redirects to
 * the host that has the bytes: redirects are followed on the hub only, and with them the token.
 *
 * @throws TransferFailure where the hub cannot be reached or is busy; the signal's reason where it is aborted
 */
export async function lookUp(url: string, options: LookUpOptions): Promise<HubAnswer> {
  const { attempts, signal, onNote } = options;
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask(new URL(url), options);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      const failure = networkFailure(error);
      if (failure.verdict === 'give up' || attempt >= attempts) throw failure;
      const wait = Math.min(longestWait, Math.max(failure.wait ?? 0, 2 ** (attempt - 1)));
      onNote?.(`${new URL(url).host}: ${failure.message}; trying again in ${wait} s`);
      await sleep(1000 * wait, undefined, { signal }).catch(() => signal?.throwIfAborted());
    }
  }
}

async function ask(url: URL, options: LookUpOptions): Promise<HubAnswer> {
  let at = url;
  let commit: string | undefined;
  for (let hops = 0; hops <= maxRedirects; hops++) {
    const { status, headers } = await head(at, options);
    if (status === 429 || status >= 500) {
      const wait = Number(headers['retry-after']);
      throw new TransferFailure(`it answers ${status}`, 'retry', { wait: Number.isFinite(wait) ? wait : undefined });
    }
    commit ??= /^[0-9a-f]{40}$/.exec(first(headers['x-repo-commit']) ?? '')?.[0];
    const { location } = headers;
    const redirects = status >= 300 && status < 400 && location !== undefined;
    const next = redirects && URL.canParse(location, at.href) ? new URL(location, at) : undefined;
    if (next === undefined || next.origin !== url.origin) return answer(status, headers, commit, redirects);
    at = next;
  }
  throw new TransferFailure(`redirects more than ${maxRedirects} times`, 'give up');
}

function answer(status: number, headers: IncomingHttpHeaders, commit: string | undefined, redirects: boolean) {
  const etag = first(headers['x-linked-etag']) ?? headers.etag;
  // the length of an answer that redirects is that of its own text
  const length = first(headers['x-linked-size']) ?? (redirects ? undefined : headers['content-length']);
  return {
    status: redirects ? 200 : status,
    errorCode: first(headers['x-error-code']),
    commit,
    sha256: /^(?:W\/)?"?([0-9a-f]{64})"?$/.exec(etag ?? '')?.[1],
    bytes: length !== undefined && /^\d+$/.test(length) ? Number(length) : undefined,
  };
}

const first = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);

function head(
  url: URL,
  { token, seconds, signal }: LookUpOptions,
): Promise<{ status: number; headers: IncomingHttpHeaders }> {
  return new Promise((resolve, reject) => {
    const headers = {
      'user-agent': 'clickprobe',
      'accept-encoding': 'identity',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
    const request = (url.protocol === 'https:' ? secureRequest : plainRequest)(
      url,
      { method: 'HEAD', headers, signal },
      response => {
        clearTimeout(timer);
        response.resume();
        resolve({ status: response.statusCode ?? 0, headers: response.headers });
      },
    );
    const timer = setTimeout(() => {
      request.destroy(new TransferFailure(`no answer for ${seconds} s`, 'retry'));
    }, 1000 * seconds);
    request.on('error', error => {
      clearTimeout(timer);
      reject(error);
    });
    request.end();
  });
}
