import { existsSync, statSync } from 'node:fs';
import { setImmediate as otherTasks } from 'node:timers/promises';
import { backbones, families, findBackbone } from '../backbones/registry.ts';
import type { BackboneEntry } from '../backbones/types.ts';
import { UserError } from '../base/errors.ts';
import type { DownloadProgress } from '../downloads/download.ts';
import { byteSize } from '../downloads/units.ts';
import { count } from '../graph/tensor.ts';
import { cachedFile } from '../hub/cache.ts';
import { fetchFromHub } from '../hub/fetch-file.ts';
import { cacheFolder, hubSettings } from '../hub/settings.ts';
import { replaceControls } from '../report/format.ts';
import { readWeights } from '../weights/read-weights.ts';
import { duration } from './progress.ts';
import { nowAndThen, stoppable } from './stoppable.ts';
import { textTable } from './text-table.ts';

/** Runs `clickprobe models list`. */
export function modelsListCommand({ json }: { json: boolean }): void {
  if (json) {
    process.stdout.write(
      `${JSON.stringify(families.flatMap(each => each.backbones.map(b => facts(b, each.title))))}\n`,
    );
    return;
  }
  const head = ['backbone', 'parameters', 'stride', 'channels', 'weights here', 'file', 'licence of the weights'];
  const rows = backbones.map(entry => [
    entry.name,
    `${(parameterCount(entry) / 1e6).toFixed(1)} M`,
    String(entry.stride),
    String(entry.channels),
    'npm' in entry.file ? 'npm' : inCache(entry) ? 'yes' : '-',
    fileText(entry),
    entry.licence,
  ]);
  process.stdout.write(`${textTable([head, ...rows])}\n\nFetched files are in ${cacheFolder()}. `);
  process.stdout.write('To fetch one: clickprobe models get NAME. More: clickprobe models list --json\n');
}

function facts(entry: BackboneEntry, family: string) {
  const { name, description, paper, licence, stride, channels, file } = entry;
  return {
    ...{ name, family, description, paper, licence, stride, channels, parameters: parameterCount(entry), file },
    /** Whether a run finds the weights without --weights. */
    available: 'npm' in file || inCache(entry) !== undefined,
    path: inCache(entry) ?? null,
  };
}

export interface ModelsGetOptions {
  revision: string;
  to?: string;
  mirror?: string;
  offline: boolean;
  stall: number;
  attempts: number;
}

/** Runs `clickprobe models get`; the exit code is the command's. */
export async function modelsGetCommand(name: string, options: ModelsGetOptions): Promise<number> {
  const entry = entryOf(name);
  const { file } = entry;
  const { revision, to, mirror, offline, stall, attempts } = options;
  if ('npm' in file) {
    await entry.weights();
    process.stdout.write(`${entry.name}: its weights came with npm (${file.npm}), nothing is fetched\n`);
    return 0;
  }
  if (to !== undefined && existsSync(to)) {
    process.stderr.write(`${to} is there already, nothing is fetched; checking it\n`);
    return modelsVerifyCommand(entry.name, to);
  }
  const place = { id: file.hub, file: file.name, revision };
  const settings = hubSettings({ mirror, offline });
  return stoppable('run the same command again to go on', async (signal, status) => {
    if (!settings.offline) status.print(`fetching ${entry.name}: ${fileText(entry)} at ${revision} (${entry.licence})`);
    const fetched = await fetchFromHub(place, {
      ...{ settings, to, signal, stallSeconds: stall, attempts },
      onProgress: nowAndThen(progress => status.status(progressText(progress))),
      onNote: text => status.print(replaceControls(text)),
      async check(path) {
        status.status(`checking that it fits ${entry.name}`);
        return (await complaint(entry, path))?.replaceAll(path, 'its file');
      },
    });
    const { path, bytes, commit, sha256, source } = fetched;
    const identity = [
      byteSize(bytes),
      ...(commit ? [`commit ${commit}`] : []),
      ...(sha256 ? [`SHA-256 ${sha256}`] : settings.offline ? [] : ['the hub states no SHA-256']),
    ];
    const use = to === undefined && revision === 'main' ? '' : ` --weights ${path}`;
    process.stdout.write(
      `${path}\n${source ? 'fetched' : 'was there already'}, fits ${entry.name} (${identity.join(', ')})\n` +
        `to use it: clickprobe bench --backbone ${entry.name}${use}\n`,
    );
    return 0;
  });
}

/**
 * Runs `clickprobe models verify`: exit code 0 where the file fits, else 1. Of a file alone it says which backbones it
 * fits.
 */
export async function modelsVerifyCommand(what: string, file?: string): Promise<number> {
  if (file === undefined && existsSync(what) && statSync(what).isFile()) return whichBackbones(what);
  const entry = entryOf(what);
  const path = file ?? inCache(entry);
  if (path === undefined && !('npm' in entry.file)) {
    throw new UserError(
      `the weights of ${entry.name} are not in the cache ${cacheFolder()}: fetch them with clickprobe models get ${entry.name}, or name a file: clickprobe models verify ${entry.name} FILE`,
    );
  }
  if (path !== undefined && !existsSync(path)) throw new UserError(`there is no file ${path}`);
  const wrong = await complaint(entry, path);
  process.stdout.write(`${wrong ?? `${path ?? fileText(entry)}: fits ${entry.name}`}\n`);
  return wrong === undefined ? 0 : 1;
}

async function whichBackbones(path: string): Promise<number> {
  // what cannot be read at all is an error of its own
  readWeights(path, { only: () => false });
  return stoppable('nothing was changed', async (signal, status) => {
    const fitting: string[] = [];
    for (const entry of backbones) {
      status.status(`${path}: comparing with ${entry.name}`);
      // reading is synchronous: lets Ctrl-C through
      await otherTasks();
      signal.throwIfAborted();
      if ((await complaint(entry, path)) === undefined) fitting.push(entry.name);
    }
    status.clear();
    process.stdout.write(
      fitting.length > 0
        ? `${path}: fits ${fitting.join(', ')}${fitting.length > 1 ? ' (of the same structure: the file does not say which it is)' : ''}\n`
        : `${path}: fits no backbone. Which tensors differ is said by: clickprobe models verify NAME ${path}\n`,
    );
    return fitting.length > 0 ? 0 : 1;
  });
}

/** Why a file does not hold the weights of a backbone; undefined where it does. */
async function complaint(entry: BackboneEntry, path?: string): Promise<string | undefined> {
  try {
    await entry.weights(path);
    return undefined;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return replaceControls(error.message);
  }
}

/** Features may be chosen, `dino-s16@key`: the file is the same. */
function entryOf(name: string): BackboneEntry {
  findBackbone(name);
  return backbones.find(entry => entry.name === name.split('@')[0])!;
}

const inCache = ({ file }: BackboneEntry): string | undefined =>
  'npm' in file ? undefined : cachedFile({ id: file.hub, file: file.name, revision: 'main' });

const fileText = ({ file }: BackboneEntry): string => ('npm' in file ? file.npm : `${file.hub}/${file.name}`);

const parameterCount = (entry: BackboneEntry): number =>
  entry.parameters().reduce((sum, { shape }) => sum + count(shape), 0);

function progressText({ phase, done, total, secondsLeft }: DownloadProgress): string {
  const share = total ? `/${byteSize(total)} (${Math.floor((100 * done) / total)} %)` : '';
  const left = secondsLeft === undefined ? '' : `  |  ${duration(secondsLeft)} left`;
  return `${phase === 'check' ? 'checking the hash' : 'fetching'}: ${byteSize(done)}${share}${left}`;
}
