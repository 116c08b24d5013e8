import { homedir } from 'node:os';
import { join } from 'node:path';
import { suggest, UserError } from '../base/errors.ts';
import { berkeleyDataset, berkeleyLayout } from './berkeley.ts';
import { cocoDataset, cocoLayout } from './coco.ts';
import { davisDataset, davisLayout } from './davis.ts';
import { grabcutDataset, grabcutLayout } from './grabcut.ts';
import { sbdDataset, sbdLayout } from './sbd.ts';
import type { Dataset } from './types.ts';

interface OpenOptions {
  /** Decides what the synthetic set draws; sets of photos do not depend on it. */
  seed: number;
  /** Chooses the part of a set that has parts: to train on, or to evaluate on. A set that is only for evaluation is the same for both. */
  split: 'train' | 'val';
  /** Take the first so many samples. */
  limit?: number;
}

interface DatasetKind {
  name: string;
  description: string;
  needsPath: boolean;
  /** What the folder must contain; for a kind without folder, what may stand after the colon. */
  layout: string;
  open(argument: string, options: OpenOptions): Dataset | Promise<Dataset>;
}

const syntheticCount = { train: 500, val: 100 };

/** Every kind of dataset that `openDataset` knows. */
export const datasetKinds: readonly DatasetKind[] = [
  {
    name: 'synthetic',
    description: 'procedurally drawn scenes with exact masks, no download',
    needsPath: false,
    layout: `synthetic or synthetic:COUNT (default ${syntheticCount.train} for training, ${syntheticCount.val} for validation)`,
    open: openSynthetic,
  },
  {
    name: 'grabcut',
    description: 'GrabCut, 50 photos with one object each (evaluation)',
    needsPath: true,
    layout: grabcutLayout,
    open: (path, { limit }) => grabcutDataset(path, limit),
  },
  {
    name: 'berkeley',
    description: 'Berkeley, 100 objects on 96 photos (evaluation)',
    needsPath: true,
    layout: berkeleyLayout,
    open: (path, { limit }) => berkeleyDataset(path, limit),
  },
  {
    name: 'davis',
    description: 'DAVIS, 345 video frames with one merged object each (evaluation)',
    needsPath: true,
    layout: davisLayout,
    open: (path, { limit }) => davisDataset(path, limit),
  },
  {
    name: 'sbd',
    description: 'SBD, 8,498 photos for training (broken masks removed) or 2,857 for evaluation (all masks), by split',
    needsPath: true,
    layout: sbdLayout,
    open: (path, { split, limit }) => sbdDataset(path, { split, limit }),
  },
  {
    name: 'coco',
    description: 'COCO instances; coco:DIR takes train2017 or val2017 by split, coco:DIR#PART another part',
    needsPath: true,
    layout: cocoLayout,
    open: openCoco,
  },
];

/**
 * Opens the dataset that `spec` names: KIND:PATH, or `synthetic`. Nothing is decoded yet.
 *
 * @throws UserError for an unknown kind, a missing path, and whatever the kind's reader rejects
 *
 * @example
 * const dataset = await openDataset('coco:data/COCO#val2017', { seed: 0, split: 'val', limit: 100 });
 * const { image, objects } = await dataset.load(0);
 */
export async function openDataset(spec: string, options: OpenOptions): Promise<Dataset> {
  const { limit } = options;
  if (limit !== undefined && !(Number.isInteger(limit) && limit > 0)) {
    throw new UserError(`a limit of ${limit} samples; expected a whole number of at least 1`);
  }
  const colon = spec.indexOf(':');
  const name = colon < 0 ? spec : spec.slice(0, colon);
  const argument = colon < 0 ? '' : spec.slice(colon + 1);
  const kind = datasetKinds.find(each => each.name === name);
  if (!kind) {
    const names = datasetKinds.map(each => each.name);
    throw new UserError(`unknown dataset "${spec}"; expected KIND:PATH or synthetic. Kind: ${suggest(name, names)}`);
  }
  if (kind.needsPath && argument === '') {
    throw new UserError(`dataset "${spec}" needs a folder: write ${name}:DIR, where DIR contains ${kind.layout}`);
  }
  return kind.open(kind.needsPath ? expandHome(argument) : argument, options);
}

async function openSynthetic(argument: string, { seed, split, limit }: OpenOptions): Promise<Dataset> {
  const count = argument === '' ? syntheticCount[split] : Number(argument);
  if (!(Number.isSafeInteger(count) && count > 0)) {
    throw new UserError(
      `dataset "synthetic:${argument}": expected a number of samples of at least 1, e.g. synthetic:200`,
    );
  }
  const { syntheticDataset } = await import('./synthetic/dataset.ts');
  return syntheticDataset({ seed, split, count: Math.min(count, limit ?? count) });
}

function openCoco(argument: string, { split, limit }: OpenOptions): Dataset {
  const hash = argument.lastIndexOf('#');
  const part = hash < 0 ? `${split}2017` : argument.slice(hash + 1);
  const root = hash < 0 ? argument : argument.slice(0, hash);
  if (part === '' || root === '') {
    throw new UserError(`dataset "coco:${argument}": expected coco:DIR or coco:DIR#PART, e.g. coco:data/COCO#val2017`);
  }
  return cocoDataset(root, { part, limit });
}

/** A shell expands ~ only at the start of a word, not after KIND: */
function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}
