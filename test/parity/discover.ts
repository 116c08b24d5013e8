import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../src/base/errors.ts';
import { readSafetensors } from '../../src/weights/safetensors.ts';
import type { Case, Surroundings } from './case.ts';
import { networkCase } from './networks/cases.ts';
import { protocolCases } from './protocol/cases.ts';

/**
 * All cases of a folder. Networks are .safetensors that say their configuration in their metadata; the protocol's are
 * .json, whose tensors are the other .safetensors. A file that cannot be read is a case that fails.
 *
 * @throws UserError where there is no such folder, or no case in it
 */
export async function findCases(folder: string, around: Surroundings): Promise<Case[]> {
  const files = listFiles(folder);
  const cases: Case[] = [];
  for (const file of files) {
    try {
      cases.push(...(await casesOf(join(folder, file), around)));
    } catch (error) {
      cases.push({ name: file, run: () => Promise.reject(error) });
    }
  }
  if (cases.length === 0) {
    throw new UserError(
      `${folder} holds no case: expected .safetensors with a configuration in their metadata, or .json with the ` +
        `protocol's numbers, found ${files.slice(0, 5).join(', ') || 'nothing'}`,
    );
  }
  return numbered(cases);
}

async function casesOf(path: string, around: Surroundings): Promise<Case[]> {
  if (path.endsWith('.json')) return protocolCases(path, around);
  return isNetwork(path) ? [await networkCase(path, around)] : [];
}

/** Whether a file is a case of its own, not tensors that a JSON beside it refers to. */
function isNetwork(path: string): boolean {
  return path.endsWith('.safetensors') && readSafetensors(path).metadata.config !== undefined;
}

function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    throw new UserError(`cannot read the folder ${folder}: ${(error as Error).message}. Give one that holds cases`, {
      cause: error,
    });
  }
}

/** Cases of one name are told apart by a number. */
function numbered(cases: readonly Case[]): Case[] {
  const seen = new Map<string, number>();
  return cases.map(each => {
    const count = (seen.get(each.name) ?? 0) + 1;
    seen.set(each.name, count);
    return count === 1 ? each : { ...each, name: `${each.name}#${count}` };
  });
}
