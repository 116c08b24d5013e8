import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { UserError } from '../base/errors.ts';
import type { Probe } from '../probe/probe.ts';
import type { FileRecord } from '../upsamplers/own/entry.ts';
import { isOwn } from '../upsamplers/own/types.ts';
import type { RunFolder } from './run-folder.ts';

/** The files of upsamplers of one's own, by the names of their rows. */
export const filesOf = (probes: readonly Probe[]): Record<string, FileRecord> =>
  Object.fromEntries(probes.flatMap(({ upsampler }) => (isOwn(upsampler) ? [[upsampler.name, upsampler.file]] : [])));

const hashes = z.record(z.string(), z.looseObject({ sha256: z.string() })).default({});
const stored = z.looseObject({ files: hashes, upsamplers: hashes });

/**
 * What was begun with a file is gone on with that file alone.
 *
 * @param weights of the upsamplers, where they are known.
 * @throws UserError where the run in the folder had another file, or other weights for it
 */
export function requireSameFiles(
  { environment, root }: RunFolder,
  files: Readonly<Record<string, FileRecord>>,
  weights: Readonly<Record<string, { from: string; sha256: string }>> = {},
): void {
  if (!existsSync(environment)) return;
  const earlier = stored.parse(readJson(environment));
  for (const [name, { path, sha256 }] of Object.entries(files)) {
    requireSame(earlier.files[name]?.sha256, sha256, path);
    if (weights[name]) requireSame(earlier.upsamplers[name]?.sha256, weights[name].sha256, weights[name].from);
  }

  function requireSame(before: string | undefined, now: string, path: string): void {
    if (before === undefined || before === now) return;
    const short = (sha256: string) => `${sha256.slice(0, 16)}…`;
    throw new UserError(
      `${path} has changed since ${root} was begun: sha256 ${short(before)} then, ${short(now)} now. Bring back the file ` +
        'as it was, choose another folder with --out, or remove this one',
    );
  }
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UserError(`${path} is damaged: ${(error as Error).message}`);
  }
}
