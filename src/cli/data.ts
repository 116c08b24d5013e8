import { join } from 'node:path';
import { suggest, UserError } from '../base/errors.ts';
import { duplicates, duplicateThreshold } from '../datasets/catalogue/duplicates.ts';
import { type FetchProgress, fetchSet, hasContent } from '../datasets/catalogue/fetch.ts';
import {
  catalogue,
  downloadSize,
  type FetchableSet,
  isFetchable,
  type ManualSet,
} from '../datasets/catalogue/sources.ts';
import { type SetReport, type Verified, type VerifyOptions, verifySet } from '../datasets/catalogue/verify.ts';
import { datasetKinds } from '../datasets/registry.ts';
import { Rate } from '../downloads/rate.ts';
import { byteSize } from '../downloads/units.ts';
import { replaceControls } from '../report/format.ts';
import { duration, type StatusLine } from './progress.ts';
import { nowAndThen, stoppable } from './stoppable.ts';
import { textTable } from './text-table.ts';

type Kind = (typeof datasetKinds)[number];

/** Runs `clickprobe data list`. */
export function dataListCommand({ json }: { json: boolean }): void {
  const rows = datasetKinds.map(kind => ({ kind, sets: catalogue.filter(set => set.kind === kind.name) }));
  if (json) {
    const entries = rows.map(({ kind, sets }) => ({
      name: kind.name,
      description: kind.description,
      use: kind.use,
      splits: kind.splits,
      write: specOf(kind, 'DIR'),
      layout: kind.layout,
      get: sets.map(set => ({
        name: set.name,
        ...(isFetchable(set) ? { automatic: true, ...downloadSize(set) } : { automatic: false, how: set.manual }),
      })),
      licence: kind.licence,
      homepage: kind.homepage,
    }));
    process.stdout.write(`${JSON.stringify(entries)}\n`);
    return;
  }
  const head = ['set', 'for', 'to train on', 'to evaluate on', 'data get', 'write it', 'terms'];
  const cells = rows.map(({ kind, sets }) => [
    kind.name,
    kind.use,
    countsText(kind.splits.train),
    countsText(kind.splits.val),
    sets.map(set => getText(set, kind)).join(', ') || '-',
    specOf(kind, 'DIR'),
    kind.licence,
  ]);
  process.stdout.write(`${textTable([head, ...cells])}\n\nNumbers: images / objects as published; ? where none are. `);
  process.stdout.write('The provider’s terms decide. More: clickprobe data list --json\n');
}

export interface DataGetOptions {
  to?: string;
  mirror?: string;
  source: string[];
  stall: number;
  attempts: number;
}

/** Runs `clickprobe data get`; the exit code is the command's. */
export async function dataGetCommand(name: string, options: DataGetOptions): Promise<number> {
  const set = setNamed(name);
  const { to = join('data', name), mirror, source, stall, attempts } = options;
  const spec = `${set.kind}:${to}`;
  if (!isFetchable(set)) throw new UserError(manualText(set, to));
  return stoppable('run the same command again to go on', async (signal, status) => {
    if (hasContent(to)) status.print(`${to} is there already, nothing is fetched; checking it`);
    else {
      const { bytes, exact } = downloadSize(set);
      const kind = datasetKinds.find(each => each.name === set.kind)!;
      status.print(`fetching ${name}, ${exact ? '' : 'about '}${byteSize(bytes)}, into ${to} (${kind.licence})`);
      await fetchSet(set, {
        ...{ to, mirror, sources: source, signal, stallSeconds: stall, attempts },
        onProgress: nowAndThen(progress => status.status(progressText(progress))),
        onNote: text => status.print(text),
      });
    }
    const reports = await verifySplits(set, spec, status, signal);
    const differences = reports.flatMap(report => report.differences);
    if (differences.length > 0) {
      process.stdout.write(`${reports.map(reportText).join('\n')}\n`);
      status.print(
        `what is in ${to} is not the set that papers mean. Remove it to fetch it again, or use it knowingly`,
      );
      return 1;
    }
    process.stdout.write(`${reports.map(reportText).join('\n')}\n${useText(set, spec)}\n`);
    return 0;
  });
}

export interface DataVerifyOptions {
  split?: 'train' | 'val';
  quick: boolean;
  json: boolean;
}

/** Runs `clickprobe data verify`: exit code 0 where every folder is the set that papers mean, else 1. */
export async function dataVerifyCommand(specs: string[], { split, quick, json }: DataVerifyOptions): Promise<number> {
  return stoppable('nothing was changed', async (signal, status) => {
    const thumbnails = !quick && specs.length > 1;
    const sets: Verified[] = [];
    for (const spec of specs) sets.push(await verify(spec, { split, decode: !quick, thumbnails, signal }, status));
    const shared = sharedPhotos(sets);
    const reports = sets.map(({ report }) => report);
    if (json) process.stdout.write(`${JSON.stringify({ sets: reports, shared })}\n`);
    else process.stdout.write(`${[...reports.map(reportText), ...shared.map(sharedText)].join('\n')}\n`);
    return reports.every(({ differences }) => differences.length === 0) ? 0 : 1;
  });
}

async function verify(spec: string, options: VerifyOptions, status: StatusLine): Promise<Verified> {
  let rate = new Rate();
  let current = '';
  const onProgress = nowAndThen((part: string, done: number, total: number) => {
    if (part !== current) [current, rate] = [part, new Rate()];
    rate.note(done);
    const speed = rate.perSecond();
    const left = speed ? `  |  ${duration((total - done) / speed)} left` : '';
    status.status(`reading ${part}: ${done}/${total}${left}`);
  });
  const verified = await verifySet(spec, { ...options, onProgress });
  status.clear();
  return verified;
}

/** Checks what was fetched. What comes out of archives with a known hash need not be read, only counted. */
async function verifySplits(
  set: FetchableSet,
  spec: string,
  status: StatusLine,
  signal: AbortSignal,
): Promise<SetReport[]> {
  const decode = set.archives.some(({ sha256 }) => sha256 === undefined);
  const reports = [];
  for (const split of set.splits ?? [undefined]) {
    reports.push((await verify(spec, { split, decode, thumbnails: false, signal }, status)).report);
  }
  return reports;
}

function setNamed(name: string): FetchableSet | ManualSet {
  const set = catalogue.find(each => each.name === name);
  if (set) return set;
  const kind = datasetKinds.find(each => each.name === name);
  if (kind)
    throw new UserError(`there is nothing to fetch for ${name}: ${kind.description}. Write ${specOf(kind, 'DIR')}`);
  throw new UserError(
    `unknown set "${name}"; ${suggest(
      name,
      catalogue.map(each => each.name),
    )}`,
  );
}

const specOf = (kind: Kind, folder: string) => (kind.needsPath ? `${kind.name}:${folder}` : kind.name);

function countsText(counts?: { images?: number; objects?: number }): string {
  const text = (value?: number) => value?.toLocaleString('en-GB') ?? '?';
  return counts ? `${text(counts.images)} / ${text(counts.objects)}` : '-';
}

function getText(set: FetchableSet | ManualSet, kind: Kind): string {
  const name = set.name === kind.name ? '' : `${set.name} `;
  if (!isFetchable(set)) return `${name}by hand`;
  const { bytes, exact } = downloadSize(set);
  return `${name}${exact ? '' : '~'}${byteSize(bytes)}`;
}

function manualText({ name, kind, manual }: ManualSet, to: string): string {
  const { layout, homepage } = datasetKinds.find(each => each.name === kind)!;
  return (
    `${name} cannot be fetched by a command. ${manual}\n` +
    `The folder must then contain ${layout}. Check it with: clickprobe data verify ${kind}:${to}\nHomepage: ${homepage}`
  );
}

function useText({ kind, note }: FetchableSet, spec: string): string {
  const { use } = datasetKinds.find(each => each.name === kind)!;
  const ways = [
    ...(use !== 'train' ? [`to evaluate on it: clickprobe bench --datasets ${spec}`] : []),
    ...(use !== 'evaluation' ? [`to train on it: clickprobe bench --train ${spec}`] : []),
  ];
  return [...ways, ...(note ? [note] : [])].join('\n');
}

const steps = { download: 'fetching', check: 'checking', unpack: 'unpacking' };

function progressText({ step, file, done, total, secondsLeft }: FetchProgress): string {
  const share = total ? `/${byteSize(total)} (${Math.floor((100 * done) / total)} %)` : '';
  const left = secondsLeft === undefined ? '' : `  |  ${duration(secondsLeft)} left`;
  return `${steps[step]} ${file}: ${byteSize(done)}${share}${left}`;
}

const comparisons = {
  images: 'every size, mask and photo compared with what is known of the set',
  counts: 'numbers compared with the published ones',
  reading: 'nothing is published to compare with',
};
const mostLines = 20;

function reportText({ spec, comparedBy, parts, differences, notes }: SetReport): string {
  const counts = parts.map(({ name, images, objects }) => {
    const objectText = objects === undefined ? '' : `, ${objects.toLocaleString('en-GB')} objects`;
    return `${name}: ${images.toLocaleString('en-GB')} images${objectText}`;
  });
  const verdict =
    differences.length === 0
      ? `ok (${comparisons[comparedBy]})`
      : `differs in ${differences.length} ${differences.length === 1 ? 'place' : 'places'}`;
  const more = differences.length - mostLines;
  const lines = [
    `${spec}: ${verdict}`,
    ...counts,
    ...differences.slice(0, mostLines).map(text => `- ${text}`),
    ...(more > 0 ? [`- and ${more} more (--json lists all)`] : []),
    ...notes.map(text => `note: ${text}`),
  ];
  return replaceControls(lines.join('\n  '));
}

interface Shared {
  a: string;
  b: string;
  pairs: [string, string][];
}

/** Photos that two of the sets share, for every two that share any. */
function sharedPhotos(sets: readonly Verified[]): Shared[] {
  return sets.flatMap((a, i) =>
    sets.slice(i + 1).flatMap(b => {
      const pairs = duplicates(a.photos, b.photos);
      return pairs.length > 0 ? [{ a: a.report.spec, b: b.report.spec, pairs }] : [];
    }),
  );
}

function sharedText({ a, b, pairs }: Shared): string {
  const photos = new Set(pairs.map(([id]) => id)).size;
  const names = pairs.slice(0, mostLines).map(([x, y]) => (x === y ? x : `${x} = ${y}`));
  const more = pairs.length > mostLines ? `, and ${pairs.length - mostLines} more` : '';
  return replaceControls(
    `${a} and ${b} share ${photos} ${photos === 1 ? 'photo' : 'photos'}: ${names.join(', ')}${more}\n` +
      `  (grey thumbnails of 16x16 that differ by less than ${duplicateThreshold} of 255 levels)`,
  );
}
