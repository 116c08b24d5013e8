import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Case, type Surroundings, unknownKind } from '../case.ts';
import { openGolden } from './golden.ts';
import { networkKinds } from './kinds.ts';

/**
 * The case of a file of reference numbers.
 *
 * @param kinds what there is code for; the first whose pattern matches counts
 */
export async function networkCase(path: string, { weights }: Surroundings, kinds = networkKinds): Promise<Case> {
  const golden = openGolden(path);
  const name = basename(path, '.safetensors');
  const kind = kinds.find(({ pattern }) => pattern.test(golden.name));
  const lack = kind ? kind.lacks?.(golden) : `cases named ${golden.name}`;
  const run = kind?.run;
  if (lack !== undefined || !run) {
    return { name, skip: unknownKind(String(lack)), run: () => [] };
  }
  const { sha256, checkpoint } = golden.config;
  if (typeof sha256 !== 'string') return { name, run: () => run(openGolden(path)) };
  const file = await findCheckpoint(weights, sha256);
  if (file) return { name, run: () => run(openGolden(path), file) };
  return { name, skip: `no checkpoint ${checkpoint} (sha256 ${sha256}) in ${weights}`, run: () => [] };
}

const hashes = new Map<string, Promise<string>>();

/** The file of a folder that has these contents. */
async function findCheckpoint(folder: string, sha256: string): Promise<string | undefined> {
  if (!existsSync(folder)) return undefined;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(folder, entry.name);
    const known = hashes.get(path) ?? sha256File(path);
    hashes.set(path, known);
    if ((await known) === sha256) return path;
  }
  return undefined;
}

async function sha256File(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
