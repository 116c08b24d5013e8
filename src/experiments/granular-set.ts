import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as otherTasks } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { UserError } from '../base/errors.ts';
import { appendLine, writeFileAtomic } from '../base/files.ts';
import { Random } from '../base/random.ts';
import type { Mask } from '../base/raster.ts';
import { encodeSegmentation } from '../datasets/coco-encode.ts';
import { type GranularSource, granularFormat } from '../datasets/granular.ts';
import { openDataset } from '../datasets/registry.ts';
import type { Dataset, Sample } from '../datasets/types.ts';
import {
  distinct,
  GRACO_PROPOSALS,
  type OpenSession,
  type PartProposal,
  proposeParts,
} from '../training/parts/propose.ts';
import { readyProbe } from './clickables.ts';
import { loadFrozen } from './frozen.ts';
import { valuesHash } from './granular.ts';
import { granularPictures } from './granular-pictures.ts';
import { RunFolder } from './run-folder.ts';
import { readTrainedProbe, type TrainedProbe } from './trained-probe.ts';

export interface GranularSetRequest {
  /** Run folder of the probe that proposes parts, and which of its probes. */
  from: string;
  upsampler?: string;
  source: GranularSource;
  /** Times that each object is cut into parts. */
  repeats: number;
  seed: number;
  /** Images shown in pictures.html. */
  pictures: number;
  out: string;
  threads: number | null;
}

export interface GranularSetSummary {
  images: number;
  parts: number;
  /** Parts of each granularity, .1 to 1. */
  counts: Record<string, number>;
}

export type GranularSetEvent =
  | { type: 'note'; text: string }
  /** Images done, an earlier process's among them. */
  | { type: 'progress'; done: number; total: number; detail: string }
  | { type: 'made'; summary: GranularSetSummary };

/** A part as it is stored. */
export interface StoredPart {
  /** Index of its object in the sample. */
  object: number;
  kind: PartProposal['kind'];
  scale: number;
  semantic: number;
  area: number;
  /** x, y, width, height in px. */
  bbox: [number, number, number, number];
  segmentation: ReturnType<typeof encodeSegmentation>;
  clicks: [x: number, y: number, positive: boolean][];
}

/** An image's parts: one line of `proposals.jsonl`. */
export interface StoredImage {
  id: string;
  width: number;
  height: number;
  parts: StoredPart[];
}

/** A region of an object that overlaps an earlier one by this IoU is the same. */
const SAME = 0.9;

/**
 * Makes a multi-granular training set out of any set of objects: a trained probe proposes the parts (`proposeParts`).
 * Goes on where an earlier process stopped; images come in the order of the set, each from a random stream of its own.
 *
 * Writes set.json (what it was made of and how), proposals.jsonl (an image a line, as they come), and in the end
 * annotations.json (COCO's format, with granularities) and pictures.html.
 *
 * @throws UserError where the run, the set or the folder do not serve; the signal's reason where a stop is asked for
 */
export async function makeGranularSet(
  request: GranularSetRequest,
  { emit, signal }: { emit(event: GranularSetEvent): void; signal: AbortSignal },
): Promise<void> {
  const { out, source, from } = request;
  const { spec, seed, split, limit } = source;
  const trained = await readTrainedProbe(from, request.upsampler);
  if (trained.config.granularity) {
    throw new UserError(`${from} is a multi-granular run itself. Name the run that it started from`);
  }
  const dataset = await openDataset(spec, { seed, split, ...(limit !== null && { limit }) });
  const lock = new RunFolder(out).lock();
  try {
    openFolder(request, trained);
    const path = join(out, 'proposals.jsonl');
    const images = readProposals(path, dataset);
    if (images.length > 0) emit({ type: 'note', text: `going on in ${out}` });
    emit({ type: 'progress', done: images.length, total: dataset.size, detail: '' });
    if (images.length < dataset.size) {
      for await (const image of propose(request, trained, dataset, images.length, { emit, signal })) {
        appendLine(path, JSON.stringify(image));
        images.push(image);
        const detail = `${image.id}: ${image.parts.length} parts`;
        emit({ type: 'progress', done: images.length, total: dataset.size, detail });
      }
    }
    const summary = summaryOf(images);
    if (summary.parts === 0) throw new UserError(`${spec} holds no object to cut into parts`);
    writeFileAtomic(join(out, 'annotations.json'), annotations(images));
    writeFileAtomic(join(out, 'pictures.html'), await granularPictures(dataset, images, request.pictures, summary));
    emit({ type: 'made', summary });
  } finally {
    lock.release();
  }
}

/** @throws UserError where the folder holds a set that was made otherwise */
function openFolder(
  { out, source, repeats, seed, from }: GranularSetRequest,
  { name, trained, steps }: TrainedProbe,
): void {
  const path = join(out, 'set.json');
  const sha256 = valuesHash(trained);
  const made = { run: from, upsampler: name, steps, sha256, seed, repeats, same: SAME, proposals: GRACO_PROPOSALS };
  const content = JSON.parse(JSON.stringify({ format: granularFormat, source, made }));
  if (!existsSync(path)) {
    writeFileAtomic(path, `${JSON.stringify(content, null, 2)}\n`);
    return;
  }
  let earlier: unknown;
  try {
    earlier = JSON.parse(readFileSync(path, 'utf8'));
  } catch {}
  if (isDeepStrictEqual(earlier, content)) return;
  throw new UserError(
    `${out} holds parts that were made otherwise (${path} tells how). Choose another folder with --out`,
  );
}

/** What an earlier process did; a line that it could not finish is dropped. */
function readProposals(path: string, dataset: Dataset): StoredImage[] {
  if (!existsSync(path)) return [];
  const text = readFileSync(path, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) writeFileAtomic(path, whole);
  const images = whole
    .split('\n')
    .slice(0, -1)
    .map((line, i) => {
      try {
        return JSON.parse(line) as StoredImage;
      } catch {
        throw new UserError(`line ${i + 1} of ${path} is damaged. Remove the folder and make the parts anew`);
      }
    });
  const other = images.findIndex(({ id }, i) => id !== dataset.ids[i]);
  if (other < 0) return images;
  throw new UserError(
    `image ${other + 1} of ${path} is ${images[other].id}, the set has ${dataset.ids[other] ?? 'no more images'}: it has ` +
      'changed since. Choose another folder with --out',
  );
}

async function* propose(
  { seed, repeats, threads }: GranularSetRequest,
  { config, name, probe, trained }: TrainedProbe,
  dataset: Dataset,
  first: number,
  { emit, signal }: { emit(event: GranularSetEvent): void; signal: AbortSignal },
): AsyncGenerator<StoredImage> {
  const frozen = await loadFrozen(
    { ...probe, weights: config.weights, upsamplerWeights: config.upsamplerWeights[name] },
    { signal, onNote: text => emit({ type: 'note', text }) },
  );
  const clickable = readyProbe({ ...config, threads }, probe, frozen, trained);
  try {
    const makeSession = await clickable.open(dataset.name);
    for (let index = first; index < dataset.size; index++) {
      // a stop is heard of between two images
      await otherTasks();
      signal.throwIfAborted();
      const sample = await dataset.load(index);
      yield await proposeIn(sample, map => makeSession(sample.image, map), { seed, repeats, signal });
    }
  } finally {
    await clickable.release();
  }
}

async function proposeIn(
  { id, image: { width, height }, objects }: Sample,
  open: OpenSession,
  { seed, repeats, signal }: Pick<GranularSetRequest, 'seed' | 'repeats'> & { signal: AbortSignal },
): Promise<StoredImage> {
  const parts: StoredPart[] = [];
  for (const [object, target] of objects.entries()) {
    const found: PartProposal[] = [];
    for (let repeat = 0; repeat < repeats; repeat++) {
      signal.throwIfAborted();
      found.push(...(await proposeParts(target, open, GRACO_PROPOSALS, Random.of(seed, 'parts', id, object, repeat))));
    }
    parts.push(...distinct(found, SAME).map(proposal => stored(object, proposal)));
  }
  return { id, width, height, parts };
}

const stored = (object: number, { kind, mask, scale, semantic, clicks }: PartProposal): StoredPart => ({
  object,
  kind,
  scale,
  semantic,
  ...extent(mask),
  segmentation: encodeSegmentation(mask),
  clicks: clicks.map(({ x, y, positive }) => [x, y, positive]),
});

function extent({ width, data }: Mask): Pick<StoredPart, 'area' | 'bbox'> {
  let area = 0;
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i < data.length; i++) {
    if (data[i] === 0) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    area++;
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
  }
  return { area, bbox: [left, top, right - left + 1, bottom - top + 1] };
}

/** In COCO's format; the name of an image is its name in the set that it is of. */
function annotations(images: readonly StoredImage[]): string {
  const list = (entries: readonly object[]) => `[\n${entries.map(entry => JSON.stringify(entry)).join(',\n')}\n]`;
  const regions = images.flatMap(({ parts }, i) => parts.map(part => ({ image_id: i + 1, ...part })));
  const entries = regions.map((part, i) => ({ id: i + 1, category_id: 1, iscrowd: 0, ...part }));
  const named = images.map(({ id, width, height }, i) => ({ id: i + 1, file_name: id, width, height }));
  const categories = list([{ id: 1, name: 'part' }]);
  return `{"images": ${list(named)},\n"annotations": ${list(entries)},\n"categories": ${categories}}\n`;
}

function summaryOf(images: readonly StoredImage[]): GranularSetSummary {
  const scales = images.flatMap(({ parts }) => parts.map(({ scale }) => scale));
  const counts = Array.from({ length: 10 }, (_, i) => {
    const granularity = (i + 1) / 10;
    return [granularity.toFixed(1), scales.filter(scale => scale === granularity).length] as const;
  });
  return { images: images.length, parts: scales.length, counts: Object.fromEntries(counts) };
}
