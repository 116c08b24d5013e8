import { type IncomingHttpHeaders, get as plainGet } from 'node:http';
import { get as secureGet } from 'node:https';
import { everyByte } from './every-byte.ts';
import { networkFailure, TransferFailure } from './failure.ts';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  /** The bytes as they are sent, not decompressed. */
  bytes: AsyncIterable<Buffer>;
  /** Ends the connection, with an error for whoever reads the bytes. To be called in any case. */
  close(error?: unknown): void;
}

export interface Request {
  /** Headers for wherever the file turns out to be, such as Range. */
  headers: Record<string, string>;
  /** Headers for the origin of the URL only (scheme, host and port), such as Authorization: no redirect takes them elsewhere. */
  ownHeaders?: Record<string, string>;
  /** Longest wait for an answer. */
  seconds: number;
  signal?: AbortSignal;
}

const maxRedirects = 10;

/**
 * One GET, redirects followed (at most 10, never from https to http).
 *
 * @throws TransferFailure for what the network or the server does wrong; the signal's reason where it is aborted
 */
export async function httpGet(url: string, request: Request): Promise<Answer> {
  const origin = parse(url).origin;
  let at = parse(url);
  for (let hops = 0; hops <= maxRedirects; hops++) {
    const own = at.origin === origin ? request.ownHeaders : {};
    const answer = await once(at, { ...request, headers: { ...own, ...request.headers } });
    const { location } = answer.headers;
    if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) return answer;
    answer.close();
    const next = parse(location, at);
    if (at.protocol === 'https:' && next.protocol === 'http:') {
      throw new TransferFailure(`redirects from https to plain ${shownUrl(next.href)}`, 'give up');
    }
    at = next;
  }
  throw new TransferFailure(`redirects more than ${maxRedirects} times`, 'give up');
}

/** A URL for messages: without password and without query, which may carry a signature. */
export function shownUrl(url: string): string {
  if (!URL.canParse(url)) return url;
  const shown = new URL(url);
  shown.username = shown.password = shown.hash = '';
  if (shown.search !== '') shown.search = '...';
  return shown.href;
}

function parse(url: string, base?: URL): URL {
  if (!URL.canParse(url, base?.href)) throw new TransferFailure(`"${url}" is no URL`, 'give up');
  const parsed = new URL(url, base);
  if (parsed.protocol === 'http:' || parsed.protocol === 'https:') return parsed;
  throw new TransferFailure(`${parsed.protocol}// is not supported, expected https:// or http://`, 'give up');
}

function once(url: URL, { headers, seconds, signal }: Request): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      request.destroy(new TransferFailure(`no answer for ${seconds} s`, 'retry'));
    }, 1000 * seconds);
    const abort = () => request.destroy(signal?.reason);
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
    const get = url.protocol === 'https:' ? secureGet : plainGet;
    const all = { 'user-agent': 'clickprobe', 'accept-encoding': 'identity', ...headers };
    const request = get(url, { headers: all }, body => {
      settle();
      const { statusCode: status = 0, headers } = body;
      resolve({ status, headers, bytes: everyByte(body), close: error => body.destroy(error as Error) });
    });
    request.on('error', error => {
      settle();
      reject(signal?.aborted ? signal.reason : networkFailure(error));
    });
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort);
  });
}
