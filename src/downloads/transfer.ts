import type { FileHandle } from 'node:fs/promises';
import { UserError } from '../base/errors.ts';
import { diskError, requireSpace } from './disk.ts';
import { networkFailure, TransferFailure } from './failure.ts';
import { type Answer, httpGet } from './http.ts';
import type { PartFile, PartRecord } from './part-file.ts';
import { byteSize } from './units.ts';

export interface TransferOptions {
  /** The file is checked against a hash at the end, so a part may be continued from any source, without a validator. */
  hashed: boolean;
  /** Size of the whole file, where known. */
  bytes?: number;
  headers?: Record<string, string>;
  /** Longest time without a byte. */
  stallSeconds: number;
  signal?: AbortSignal;
  onBytes(received: number, total?: number): void;
}

/**
 * One attempt to bring a part file to its end from one source. Goes on where the file ends if the source confirms
 * that its file is still the one the part is of (If-Range, RFC 9110 section 13.1.5); else begins anew, but not
 * before the source has begun to answer.
 *
 * @throws TransferFailure; UserError where the disk fails; the signal's reason where it is aborted
 */
export async function transfer(source: string, part: PartFile, options: TransferOptions): Promise<void> {
  const record = part.record();
  const resumable = part.size > 0 && record !== undefined && mayResume(record, source, options.hashed);
  const offset = resumable ? part.size : 0;
  const answer = await httpGet(source, {
    headers: offset > 0 ? rangeHeaders(offset, record!, source) : {},
    ownHeaders: options.headers,
    seconds: options.stallSeconds,
    signal: options.signal,
  });
  try {
    const start = offset > 0 ? resumedAt(answer, offset, record!, source, part) : 0;
    if (start > 0 && answer.status === 416) return;
    const total = totalBytes(answer, start);
    checkAnswer(answer, source, total, options.bytes);
    if (total !== undefined) requireSpace(part.path, total - start);
    const { etag, 'last-modified': lastModified } = answer.headers;
    const file = await part.open({ source, etag, lastModified, bytes: total }, start);
    const end = await receive(answer, file, part, start, total, options);
    if (total !== undefined && end !== total) {
      throw new TransferFailure(`the connection ended after ${byteSize(end)} of ${byteSize(total)}`, 'retry');
    }
  } finally {
    answer.close();
  }
}

/** What a server can compare byte for byte: a strong ETag, else the time of the last change. */
const validator = ({ etag, lastModified }: PartRecord) => (etag && !etag.startsWith('W/') ? etag : lastModified);

const mayResume = (record: PartRecord, source: string, hashed: boolean) =>
  hashed || (record.source === source && validator(record) !== undefined);

function rangeHeaders(offset: number, record: PartRecord, source: string): Record<string, string> {
  const condition = record.source === source ? validator(record) : undefined;
  return { range: `bytes=${offset}-`, ...(condition ? { 'if-range': condition } : {}) };
}

/** Where the body of the answer to a range request begins: at `offset`, or at 0 where the source sends all. */
function resumedAt({ status, headers }: Answer, offset: number, record: PartRecord, source: string, part: PartFile) {
  if (status !== 206 && status !== 416) return 0;
  const [, first, last, total] = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(headers['content-range'] ?? '') ?? [];
  // all was there already: the process ended before it could give the file its name
  if (status === 416 && Number(total) === offset) return offset;
  const changed = record.source === source && record.etag && headers.etag && record.etag !== headers.etag;
  const other = record.bytes !== undefined && total !== '*' && Number(total) !== record.bytes;
  const whole = total === '*' || Number(last) === Number(total) - 1;
  if (status === 206 && Number(first) === offset && whole && !changed && !other) return offset;
  part.discard();
  throw new TransferFailure('its file is no longer the one of which a part is here; beginning anew', 'retry');
}

/** Size of the whole file, where the answer tells. */
function totalBytes({ headers }: Answer, start: number): number | undefined {
  const length = headers['content-length'];
  const total = /\/(\d+)$/.exec(start > 0 ? (headers['content-range'] ?? '') : '')?.[1];
  return total !== undefined ? Number(total) : length !== undefined ? start + Number(length) : undefined;
}

function checkAnswer({ status, headers }: Answer, source: string, total: number | undefined, bytes?: number): void {
  if (status !== 200 && status !== 206) throw refused(status, headers['retry-after']);
  if (total !== undefined && bytes !== undefined && total !== bytes) {
    throw new TransferFailure(`its file has ${total} bytes, expected ${bytes}`, 'give up');
  }
  const encoding = headers['content-encoding'] ?? 'identity';
  // some servers say so of a .tgz, whose bytes are meant to stay as they are
  if (encoding !== 'identity' && !/gz$/.test(new URL(source).pathname)) {
    throw new TransferFailure(`sends its file compressed (${encoding}), though asked not to`, 'give up');
  }
}

function refused(status: number, retryAfter?: string): TransferFailure {
  const meanings: Record<number, string> = {
    401: '401, it wants a log-in or a token',
    403: '403, it forbids the access',
    404: '404, there is no such file',
    410: '410, the file is gone',
    429: '429, too many requests',
    503: '503, it is not available now',
  };
  const again = status === 408 || status === 425 || status === 429 || status >= 500;
  const wait = retryAfter === undefined ? undefined : secondsOf(retryAfter);
  return new TransferFailure(`it answers ${meanings[status] ?? status}`, again ? 'retry' : 'give up', { wait });
}

/** Retry-After is a number of seconds or a date (RFC 9110 section 10.2.3). */
function secondsOf(retryAfter: string): number | undefined {
  const seconds = /^\d+$/.test(retryAfter) ? Number(retryAfter) : (Date.parse(retryAfter) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}

/** Writes the body to the end of the file; gives the size of the file then. */
async function receive(
  { bytes: chunks, close }: Answer,
  file: FileHandle,
  part: PartFile,
  start: number,
  total: number | undefined,
  { stallSeconds, signal, bytes, onBytes }: TransferOptions,
): Promise<number> {
  const stalled = () => close(new TransferFailure(`no byte for ${stallSeconds} s`, 'retry'));
  let timer = setTimeout(stalled, 1000 * stallSeconds);
  const abort = () => close(signal?.reason);
  signal?.addEventListener('abort', abort);
  let end = start;
  try {
    signal?.throwIfAborted();
    onBytes(end, total);
    for await (const chunk of chunks) {
      clearTimeout(timer);
      if (bytes !== undefined && end + chunk.length > bytes) {
        part.discard();
        throw new TransferFailure(`it sends more than the ${bytes} bytes expected`, 'give up');
      }
      await write(file, chunk, part.path);
      end += chunk.length;
      onBytes(end, total);
      timer = setTimeout(stalled, 1000 * stallSeconds);
    }
    await write(file, undefined, part.path);
    return end;
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw error instanceof UserError ? error : networkFailure(error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    await file.close();
  }
}

/** Writes all of a chunk, or flushes where there is none. */
async function write(file: FileHandle, chunk: Buffer | undefined, path: string): Promise<void> {
  try {
    if (chunk === undefined) await file.sync();
    else await file.writeFile(chunk);
  } catch (error) {
    throw diskError(path, error);
  }
}
