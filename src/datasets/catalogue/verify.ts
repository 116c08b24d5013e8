import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { suggest, UserError } from '../../base/errors.ts';
import { datasetKinds, openDataset } from '../registry.ts';
import type { Dataset } from '../types.ts';
import { duplicateSide, type PhotoThumbnail } from './duplicates.ts';
import { differencesFrom, type ImageFacts, imageFacts, knownFacts } from './facts.ts';
import { thumbnailOf } from './thumbnail.ts';

type Split = 'train' | 'val';
type Kind = (typeof datasetKinds)[number];
type Counts = NonNullable<Kind['splits'][Split]>;

export interface VerifyOptions {
  /** Only this part. */
  split?: Split;
  /** Read every photo and mask; else count what can be counted without. */
  decode: boolean;
  /** Keep thumbnails of the photos, to look for duplicates. */
  thumbnails: boolean;
  signal?: AbortSignal;
  onProgress?(part: string, done: number, total: number): void;
}

interface PartReport {
  name: string;
  images: number;
  /** Absent where they were not counted. */
  objects?: number;
}

export interface SetReport {
  spec: string;
  /** By what it was compared: every image with what is known of it, published counts, or nothing but being readable. */
  comparedBy: 'images' | 'counts' | 'reading';
  parts: PartReport[];
  /** Where it is not the set that papers mean; nothing where it is. */
  differences: string[];
  /** What is good to know, but no difference. */
  notes: string[];
}

export interface Verified {
  report: SetReport;
  photos: PhotoThumbnail[];
}

/** Where a number other than the published one means nothing, and why. */
const lenient: Record<string, { images?: string; objects?: string }> = {
  'sbd/train': { objects: 'broken masks are left out of it for training' },
  'voc/val': { objects: 'published counts differ among themselves: 3,417 and 3,427' },
  'voc/train': { objects: 'none is published' },
  'sa1b/train': { images: 'any number of its archives will do' },
};

/**
 * Says whether a folder is the set that papers mean: it can be opened and read, has the published numbers of images and
 * objects, and, for GrabCut and Berkeley, the very sizes, masks and photos.
 *
 * @param spec KIND:DIR, or KIND:DIR#PART
 * @throws UserError where the kind is not known or needs no folder, or the folder does not exist; the signal's reason
 *   where it is aborted
 */
export async function verifySet(spec: string, options: VerifyOptions): Promise<Verified> {
  const kind = kindOf(spec);
  const report: SetReport = { spec, comparedBy: 'reading', parts: [], differences: [], notes: [] };
  const photos: PhotoThumbnail[] = [];
  for (const part of await partsOf(spec, kind, options.split, report)) {
    const prefix = `${part.dataset.name}: `;
    const read = options.decode ? await readAll(part.dataset, options) : undefined;
    const counted = part.dataset.objectCount ?? read?.objects;
    report.parts.push({ name: part.dataset.name, images: part.dataset.size, objects: counted });
    const found = { images: part.dataset.size, objects: read && read.broken.length > 0 ? undefined : counted };
    compareCounts(report, prefix, found, part.expected, lenient[`${kind.name}/${part.split}`]);
    if (!read) continue;
    report.differences.push(...read.broken.map(text => prefix + text));
    photos.push(...read.photos);
    const facts = knownFacts[kind.name];
    if (!facts || read.broken.length > 0) continue;
    report.comparedBy = 'images';
    report.differences.push(...differencesFrom(facts, read.facts).map(text => prefix + text));
  }
  return { report, photos };
}

function kindOf(spec: string): Kind {
  const name = spec.split(':')[0];
  const kind = datasetKinds.find(each => each.name === name);
  const known = datasetKinds.filter(each => each.needsPath).map(each => each.name);
  if (!kind) throw new UserError(`unknown set "${spec}"; expected KIND:DIR. Kind: ${suggest(name, known)}`);
  if (!kind.needsPath) {
    throw new UserError(
      `"${spec}" is drawn by clickprobe: there is nothing to verify. Name a set of photos as KIND:DIR`,
    );
  }
  const path = spec.slice(name.length + 1).replace(/^~(?=\/|$)/, homedir());
  if (path === '') throw new UserError(`"${spec}" names no folder; expected ${name}:DIR`);
  if (existsSync(path) || existsSync(path.replace(/#[^#]*$/, ''))) return kind;
  throw new UserError(`no such folder: ${path}; expected a folder with ${kind.layout}. Check the path`);
}

interface Part {
  dataset: Dataset;
  split?: Split;
  expected?: Counts;
}

/** The parts to look at. One that cannot be opened is a difference. */
async function partsOf(spec: string, kind: Kind, split: Split | undefined, report: SetReport): Promise<Part[]> {
  const splits = (Object.keys(kind.splits) as Split[]).filter(each => split === undefined || each === split);
  const open = async (what: string, each: Split): Promise<Part[]> => {
    try {
      const dataset = await openDataset(what, { seed: 0, split: each });
      return [{ dataset, split: each, expected: kind.splits[each] }];
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      if (what === spec) {
        const hint =
          splits.length > 1 ? '. Where only one part is needed, say which: --split train or --split val' : '';
        report.differences.push(`${splits.length > 1 ? `${each}: ` : ''}${error.message}${hint}`);
      }
      return [];
    }
  };
  const hash = spec.lastIndexOf('#');
  if (hash < 0) return (await Promise.all(splits.map(each => open(spec, each)))).flat();
  // a named part has published numbers if it is one of those that a split opens
  const [named] = await open(spec, splits[0] ?? 'val');
  if (!named) return [];
  const same = (await Promise.all(splits.map(each => open(spec.slice(0, hash), each)))).flat();
  return [same.find(({ dataset }) => dataset.name === named.dataset.name) ?? { dataset: named.dataset }];
}

function compareCounts(
  report: SetReport,
  prefix: string,
  found: Counts,
  expected: Counts = {},
  reasons: { images?: string; objects?: string } = {},
): void {
  for (const key of ['images', 'objects'] as const) {
    const [is, should, reason] = [found[key], expected[key], reasons[key]];
    if (should === undefined) continue;
    if (is !== undefined && report.comparedBy === 'reading') report.comparedBy = 'counts';
    if (is === undefined || is === should) continue;
    const text = `${prefix}${number(is)} ${key}, published: ${number(should)}`;
    if (reason) report.notes.push(`${text} (${reason})`);
    else report.differences.push(text);
  }
}

const number = (value: number) => value.toLocaleString('en-GB');

interface Reading {
  objects: number;
  facts: ImageFacts[];
  photos: PhotoThumbnail[];
  /** Images that cannot be read, and why. */
  broken: string[];
}

async function readAll(dataset: Dataset, { thumbnails, signal, onProgress }: VerifyOptions): Promise<Reading> {
  const reading: Reading = { objects: 0, facts: [], photos: [], broken: [] };
  for (let i = 0; i < dataset.size; i++) {
    signal?.throwIfAborted();
    onProgress?.(dataset.name, i, dataset.size);
    try {
      const sample = await dataset.load(i);
      reading.objects += sample.objects.length;
      reading.facts.push(imageFacts(sample));
      if (thumbnails) reading.photos.push({ id: sample.id, thumbnail: thumbnailOf(sample.image, duplicateSide) });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      reading.broken.push(`${dataset.ids[i]}: ${error.message}`);
    }
  }
  onProgress?.(dataset.name, dataset.size, dataset.size);
  return reading;
}
