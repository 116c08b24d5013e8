import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { ArchiveError } from '../../downloads/archive-error.ts';
import { diskError, requireSpace } from '../../downloads/disk.ts';
import { type DownloadProgress, download } from '../../downloads/download.ts';
import { fileNameOf, mirroredSources } from '../../downloads/mirror.ts';
import { unpack } from '../../downloads/unpack.ts';
import { type Archive, downloadSize, type FetchableSet } from './sources.ts';

export interface FetchProgress extends Omit<DownloadProgress, 'phase' | 'source'> {
  step: DownloadProgress['phase'] | 'unpack';
  /** The archive. */
  file: string;
}

interface FetchOptions {
  /** The folder to make; it must not exist, or be empty. */
  to: string;
  /** URLs to take the archives from instead of those of the catalogue. */
  sources?: readonly string[];
  /** A folder on a server that has the archives under the same names, tried first. */
  mirror?: string;
  signal?: AbortSignal;
  onProgress?(progress: FetchProgress): void;
  onNote?(text: string): void;
  /** See `download`. */
  stallSeconds?: number;
  attempts?: number;
  retrySeconds?: number;
}

/**
 * Fetches a set: its archives into `TO.get/`, one after the other, each checked by unpacking it there; the folder `TO`
 * appears when everything is complete. A stopped or failed call is continued by the next one.
 *
 * @throws UserError where the folder has something in it, no source delivers (exit code 69), or the disk is full or cannot
 *   be written (74); the signal's reason where it is aborted
 */
export async function fetchSet(set: FetchableSet, options: FetchOptions): Promise<void> {
  const { to } = options;
  if (hasContent(to)) {
    throw new UserError(`${to} has something in it already; expected a new or empty folder. Choose another with --to`);
  }
  const sources = sourcesOf(set, options);
  const work = `${to.replace(/[/\\]+$/, '')}.get`;
  const { bytes } = downloadSize(set);
  // the archives and what is in them, which is hardly compressed
  if (!existsSync(work)) requireSpace(to, 2 * bytes);
  const roots: string[] = [];
  for (const [i, archive] of set.archives.entries()) {
    roots.push(await fetchArchive(archive, sources[i], work, options));
  }
  assemble(set, roots, work, to);
}

export function hasContent(folder: string): boolean {
  const found = statSync(folder, { throwIfNoEntry: false });
  return found !== undefined && !(found.isDirectory() && readdirSync(folder).length === 0);
}

/** Where to take each archive from, in turn. */
function sourcesOf({ name, archives }: FetchableSet, { sources = [], mirror }: FetchOptions): string[][] {
  if (sources.length === 0) return archives.map(archive => mirroredSources(archive.sources, mirror));
  if (archives.length === 1) return [mirroredSources(sources, mirror)];
  const files = archives.map(({ file }) => file);
  const foreign = sources.find(source => !files.includes(fileNameOf(source)));
  if (foreign !== undefined) {
    throw new UserError(
      `${name} has several archives, so a source must end in the name of one: ${files.join(', ')}; ` +
        `${foreign} does not. Name the file in the URL`,
    );
  }
  return archives.map(({ file, sources: usual }) => {
    const own = sources.filter(source => fileNameOf(source) === file);
    return mirroredSources(own.length > 0 ? own : usual, mirror);
  });
}

/** Downloads and unpacks an archive; gives the folder in which what it must hold stands. */
async function fetchArchive(archive: Archive, sources: string[], work: string, options: FetchOptions) {
  const { file, bytes, sha256, limit } = archive;
  const { signal, onProgress, onNote, stallSeconds, attempts, retrySeconds } = options;
  const unpacked = join(work, 'unpacked', file);
  let root = '';
  await download({
    ...{ sources, bytes, sha256, signal, onNote, stallSeconds, attempts, retrySeconds },
    to: join(work, file),
    onProgress: ({ phase, done, total, secondsLeft }) => onProgress?.({ step: phase, file, done, total, secondsLeft }),
    advice:
      'Check the network and run the same command again, or name another place with --source URL, or a server that ' +
      'has the file with --mirror URL',
    async check(path) {
      try {
        rmSync(unpacked, { recursive: true, force: true });
        const report = (done: number, total: number) => onProgress?.({ step: 'unpack', file, done, total });
        await unpack(path, unpacked, { limit, signal, onProgress: report });
        root = rootOf(unpacked, archive);
        return undefined;
      } catch (error) {
        if (error instanceof ArchiveError) return error.message;
        throw error;
      }
    },
  });
  return root;
}

/** The folder, at most four levels down, in which all that the archive must hold stands. */
function rootOf(unpacked: string, { file, holds }: Archive): string {
  let level = [unpacked];
  for (let depth = 0; depth <= 4; depth++) {
    const root = level.find(folder => holds.every(name => existsSync(join(folder, name))));
    if (root) return root;
    level = level.flatMap(foldersIn);
  }
  const found = existsSync(unpacked) ? readdirSync(unpacked).slice(0, 8).join(', ') : '';
  throw new ArchiveError(
    `${file} has other things in it than expected: ${found || 'nothing'} instead of ${holds.join(', ')}`,
  );
}

const foldersIn = (folder: string) =>
  existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true }).flatMap(entry =>
        entry.isDirectory() ? join(folder, entry.name) : [],
      )
    : [];

/** Puts together what the archives hold, gives it its name, and removes the rest. */
function assemble({ archives }: FetchableSet, roots: readonly string[], work: string, to: string): void {
  const whole = join(work, 'whole');
  try {
    rmSync(whole, { recursive: true, force: true });
    for (const [i, root] of roots.entries()) {
      const folder = join(whole, archives[i].into ?? '');
      mkdirSync(folder, { recursive: true });
      for (const name of readdirSync(root)) renameSync(join(root, name), join(folder, name));
    }
    mkdirSync(dirname(to), { recursive: true });
    rmSync(to, { recursive: true, force: true });
    renameSync(whole, to);
    rmSync(work, { recursive: true, force: true });
  } catch (error) {
    throw diskError(join(dirname(to), basename(to)), error);
  }
}
