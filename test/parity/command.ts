import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { UserError } from '../../src/base/errors.ts';
import { findCases } from './discover.ts';
import { type Result, resultLine, runCase, summaryLine } from './result.ts';

const usage = `npm run parity -- [options] [DIR...]

Compares clickprobe with reference numbers, case by case. A DIR holds networks (.safetensors) or the protocol's
numbers (.json); by default ../shared/golden/networks and ../shared/golden/protocol.

  --data DIR     where the image sets are (default ../shared/data)
  --weights DIR  where real checkpoints are (default ../shared/weights)
  --json         one JSON object a case on standard output, the count on standard error (with npm run --silent)
  --help

Exit code: 0 no case failed, 1 some failed, 2 a folder is missing or holds no case, or an option is wrong.
`;

/** Where the command writes lines. */
export interface Output {
  out(line: string): void;
  err(line: string): void;
}

/** The repository's folder, from the sources as from what they are compiled to. */
const root = findRoot(import.meta.dirname);

export const defaultFolders = ['networks', 'protocol'].map(kind => join(root, '../shared/golden', kind));
export const defaultSurroundings = { data: join(root, '../shared/data'), weights: join(root, '../shared/weights') };

/**
 * `npm run parity`.
 *
 * @returns the exit code
 */
export async function parity(args: readonly string[], output: Output): Promise<number> {
  try {
    const { folders, json, help, ...around } = readArguments(args);
    if (help) {
      output.out(usage.trimEnd());
      return 0;
    }
    const cases = [];
    for (const folder of folders) cases.push(...(await findCases(folder, around)));
    const results: Result[] = [];
    for (const each of cases) {
      const result = await runCase(each);
      results.push(result);
      output.out(json ? JSON.stringify(result) : resultLine(result));
    }
    (json ? output.err : output.out)(summaryLine(results));
    return results.some(({ verdict }) => verdict === 'failed') ? 1 : 0;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    output.err(`parity: ${error.message}`);
    return 2;
  }
}

function readArguments(args: readonly string[]) {
  const options = {
    data: { type: 'string', default: defaultSurroundings.data },
    weights: { type: 'string', default: defaultSurroundings.weights },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  } as const;
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    const { json, help } = values;
    // npm changes to the package's folder; paths are meant from where it was called
    const place = (path: string) => resolve(process.env.INIT_CWD ?? '', path);
    const folders = positionals.length > 0 ? positionals.map(place) : defaultFolders;
    return { folders, data: place(values.data), weights: place(values.weights), json, help };
  } catch (error) {
    throw new UserError(`${(error as Error).message}\n\n${usage}`, { cause: error });
  }
}

function findRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : findRoot(dirname(folder));
}
