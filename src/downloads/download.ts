import { existsSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../base/errors.ts';
import { networkFailure, TransferFailure } from './failure.ts';
import { sha256OfFile } from './hash-file.ts';
import { shownUrl } from './http.ts';
import { PartFile } from './part-file.ts';
import { Rate } from './rate.ts';
import { transfer } from './transfer.ts';
import { byteSize } from './units.ts';

export interface DownloadProgress {
  phase: 'download' | 'check';
  /** Where it comes from now. */
  source: string;
  /** Bytes that are there, or that are checked. */
  done: number;
  /** Size of the file, where known. */
  total?: number;
  secondsLeft?: number;
}

export interface DownloadOptions {
  /** URLs of the same file, tried in turn. */
  sources: readonly string[];
  /** The file to make. It appears under this name when it is complete; until then it is `TO.part`. */
  to: string;
  /** What the file must hash to (64 hex digits), where known. */
  sha256?: string;
  /** How many bytes the file must have, where known. */
  bytes?: number;
  /** For the sources, such as a token in Authorization; never for another host that a source redirects to. */
  headers?: Record<string, string>;
  signal?: AbortSignal;
  onProgress?(progress: DownloadProgress): void;
  /** What happened that a user may want to know: a retry, the next source. */
  onNote?(text: string): void;
  /** A further check of the complete file: says what is wrong with it, if anything. */
  check?(path: string): Promise<string | undefined>;
  /** Ends the message where no source could deliver: what to do. */
  advice?: string;
  /** Longest time without a byte. 30 by default. */
  stallSeconds?: number;
  /** Attempts at each source that bring nothing to speak of before the next one is tried. 4 by default. */
  attempts?: number;
  /** Wait before the second attempt, doubled for each further one, at most a minute. 1 by default. */
  retrySeconds?: number;
}

export interface Downloaded {
  path: string;
  bytes: number;
  /** Where it came from; absent where it was there already. */
  source?: string;
}

/** An attempt that brought less than this counts as one that brought nothing. */
const worthwhileBytes = 1 << 20;
const longestWait = 60;

/**
 * Fetches a file from the first source that delivers it. What an attempt or an earlier process left in `TO.part` is
 * continued, if the source confirms that its file is the same (or the hash is known, which decides at the end). A
 * source that stalls, breaks off or is busy is tried again; one that has another file or none is left for the next.
 *
 * A file that exists already is left as it is if it has the size and hash asked for, else replaced.
 *
 * @throws UserError (exit code 69) where no source delivered, saying what each one answered; (74) where the disk is full
 *   or cannot be written; the signal's reason where it is aborted, the part being kept
 *
 * @example
 * await download({ sources: ['https://a.org/x.zip', 'https://b.org/x.zip'], to: 'x.zip', sha256: '6a5a29...' });
 */
export async function download(options: DownloadOptions): Promise<Downloaded> {
  const { sources, to, sha256, signal, onNote } = options;
  if (sources.length === 0) throw new RangeError('a download needs at least one source');
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(sha256)) throw new RangeError(`${sha256} is no SHA-256`);
  signal?.throwIfAborted();
  if (existsSync(to) && (await whatIsWrong(to, to, options)) === undefined) {
    return { path: to, bytes: statSync(to).size };
  }
  const part = new PartFile(to);
  const answers: string[] = [];
  for (const [i, source] of sources.entries()) {
    try {
      await fromSource(source, part, options);
      part.finish();
      return { path: to, bytes: statSync(to).size, source };
    } catch (error) {
      if (!(error instanceof TransferFailure)) throw error;
      answers.push(`${shownUrl(source)}: ${error.message}`);
      if (i < sources.length - 1) onNote?.(`${answers.at(-1)}; trying the next source`);
    }
  }
  const kept = part.size > 0 ? ` ${byteSize(part.size)} are kept in ${part.path}, to go on from.` : '';
  const advice = options.advice ?? 'Check the network and run the same command again';
  throw new UserError(`could not download ${to}:\n${answers.map(line => `  ${line}\n`).join('')}${advice}.${kept}`, {
    exitCode: 69,
  });
}

/** Brings the part to its end from one source and checks it; a wrong file is removed. */
async function fromSource(source: string, part: PartFile, options: DownloadOptions): Promise<void> {
  // bytes that this source did not send in this process may be what makes the file wrong: then all is fetched once anew
  const foreign = await fetchWhole(source, part, options);
  let wrong = await whatIsWrong(part.path, source, options);
  if (wrong === undefined) return;
  part.discard();
  if (foreign) {
    options.onNote?.(`${shownUrl(source)}: ${wrong}; beginning anew without the part that was there`);
    await fetchWhole(source, part, options);
    wrong = await whatIsWrong(part.path, source, options);
    if (wrong === undefined) return;
    part.discard();
  }
  throw new TransferFailure(`${wrong} (removed)`, 'give up');
}

/** Attempts until the part is whole; says whether bytes are in it that were there before. */
async function fetchWhole(source: string, part: PartFile, options: DownloadOptions): Promise<boolean> {
  const { attempts = 4, retrySeconds = 1, stallSeconds = 30, signal, onNote, onProgress } = options;
  const rate = new Rate();
  const inherited = part.size;
  let restarted = false;
  for (let failures = 0; ; ) {
    const before = part.size;
    try {
      await transfer(source, part, {
        hashed: options.sha256 !== undefined,
        bytes: options.bytes,
        headers: options.headers,
        stallSeconds,
        signal,
        onBytes(done, total) {
          if (done < inherited) restarted = true;
          rate.note(done);
          const speed = rate.perSecond();
          const secondsLeft = total !== undefined && speed ? (total - done) / speed : undefined;
          onProgress?.({ phase: 'download', source, done, total, secondsLeft });
        },
      });
      return inherited > 0 && !restarted;
    } catch (error) {
      if (signal?.aborted || error instanceof UserError) throw error;
      const failure = networkFailure(error);
      failures = part.size - before >= worthwhileBytes ? 1 : failures + 1;
      if (failure.verdict === 'give up') throw failure;
      if (failures >= attempts) throw new TransferFailure(`${failure.message} (${attempts} attempts)`, 'give up');
      const wait = Math.min(longestWait, Math.max(failure.wait ?? 0, retrySeconds * 2 ** (failures - 1)));
      onNote?.(`${shownUrl(source)}: ${failure.message}; trying again in ${Math.ceil(wait)} s`);
      await sleep(1000 * wait, undefined, { signal }).catch(() => signal?.throwIfAborted());
    }
  }
}

/** What is wrong with a complete file, in words; undefined where nothing is. */
async function whatIsWrong(path: string, source: string, options: DownloadOptions): Promise<string | undefined> {
  const { sha256, bytes, signal, onProgress, check } = options;
  const { size } = statSync(path);
  if (bytes !== undefined && size !== bytes) return `its file has ${size} bytes, expected ${bytes}`;
  if (sha256 !== undefined) {
    const onBytes = (done: number) => onProgress?.({ phase: 'check', source, done, total: size });
    const hash = await sha256OfFile(path, { signal, onBytes });
    if (hash !== sha256.toLowerCase()) return `its file has another content: SHA-256 ${hash}, expected ${sha256}`;
  }
  return check?.(path);
}
