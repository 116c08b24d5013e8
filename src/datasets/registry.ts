import { homedir } from 'node:os';
import { join } from 'node:path';
import { suggest, UserError } from '../base/errors.ts';
import { ade20kDataset, ade20kLayout } from './ade20k.ts';
import { berkeleyDataset, berkeleyLayout } from './berkeley.ts';
import { cocoDataset, cocoLayout } from './coco.ts';
import { cocoLvisDataset, cocoLvisLayout } from './coco-lvis.ts';
import { cocoMvalDataset, cocoMvalLayout } from './coco-mval.ts';
import { davisDataset, davisLayout } from './davis.ts';
import { folderDataset, folderLayout } from './folder.ts';
import { grabcutDataset, grabcutLayout } from './grabcut.ts';
import { granularDataset, granularLayout } from './granular.ts';
import { hqseg44kDataset, hqseg44kLayout } from './hqseg44k.ts';
import { lvisDataset, lvisLayout } from './lvis.ts';
import { openImagesDataset, openImagesLayout } from './openimages.ts';
import { partImageNetDataset, partImageNetLayout } from './partimagenet.ts';
import { type OpenOptions, withPart } from './parts.ts';
import { parsePascalPart, pascalPartDataset, pascalPartLayout } from './pascalpart.ts';
import { parseAreas, sa1bDataset, sa1bLayout } from './sa1b.ts';
import { sbdDataset, sbdLayout } from './sbd.ts';
import type { Dataset } from './types.ts';
import { vocDataset, vocLayout } from './voc.ts';

/** What is published about a part of a set: to compare with, a reader does not insist on it. */
interface Counts {
  images?: number;
  objects?: number;
}

interface DatasetKind {
  name: string;
  /** What it reads, for a table. */
  description: string;
  needsPath: boolean;
  /** What the folder must contain; for a kind without folder, what may stand after the colon. */
  layout: string;
  /** What the field uses it for; any kind can be opened for both. */
  use: 'train' | 'evaluation' | 'both';
  /** The parts it has, by the split that opens them; a set with one part opens it for both. */
  splits: { train?: Counts; val?: Counts };
  /** Where the set is published; undefined where nothing needs to be fetched. */
  homepage?: string;
  /** Terms of annotations and photos in short; the provider's text decides. */
  licence: string;
  open(argument: string, options: OpenOptions): Dataset | Promise<Dataset>;
}

const syntheticCount = { train: 500, val: 100 };
const fbrsRelease = 'https://github.com/SamsungLabs/fbrs_interactive_segmentation/releases/tag/v1.0';
const cocoPhotos = 'annotations CC BY 4.0; photos from Flickr, each under its own licence';

/** Every kind of dataset that `openDataset` knows. */
export const datasetKinds: readonly DatasetKind[] = [
  {
    name: 'synthetic',
    description: `drawn scenes with exact masks, from the seed; ${syntheticCount.train} to train, ${syntheticCount.val} to test by default`,
    needsPath: false,
    layout: 'no folder; synthetic:COUNT sets the number of scenes',
    use: 'both',
    splits: { train: { images: syntheticCount.train }, val: { images: syntheticCount.val } },
    licence: 'free of third-party rights',
    open: openSynthetic,
  },
  {
    name: 'grabcut',
    description: 'GrabCut: 50 photos, one object each',
    needsPath: true,
    layout: grabcutLayout,
    use: 'evaluation',
    splits: { val: { images: 50, objects: 50 } },
    homepage: fbrsRelease,
    licence: 'terms of its provider',
    open: (path, { limit }) => grabcutDataset(path, limit),
  },
  {
    name: 'berkeley',
    description: 'Berkeley: 100 objects on 96 photos',
    needsPath: true,
    layout: berkeleyLayout,
    use: 'evaluation',
    // the usual copy has a photo once per object
    splits: { val: { images: 100, objects: 100 } },
    homepage: fbrsRelease,
    licence: 'photos of BSDS: non-commercial research and education',
    open: (path, { limit }) => berkeleyDataset(path, limit),
  },
  {
    name: 'davis',
    description: 'DAVIS: 345 frames, all objects of a frame merged',
    needsPath: true,
    layout: davisLayout,
    use: 'evaluation',
    splits: { val: { images: 345, objects: 345 } },
    homepage: fbrsRelease,
    licence: 'terms of its provider',
    open: (path, { limit }) => davisDataset(path, limit),
  },
  {
    name: 'sbd',
    description: 'SBD: its training part without broken masks, its validation part with all',
    needsPath: true,
    layout: sbdLayout,
    use: 'both',
    splits: { train: { images: 8498, objects: 20_172 }, val: { images: 2857, objects: 6671 } },
    homepage: 'http://home.bharathh.info/pubs/codes/SBD/download.html',
    licence: 'terms of its providers; photos from Flickr',
    open: (path, { split, limit }) => sbdDataset(path, { split, limit }),
  },
  {
    name: 'voc',
    description: 'Pascal VOC 2012: every instance, borders ignored; voc:DIR#PART another list',
    needsPath: true,
    layout: vocLayout,
    use: 'evaluation',
    splits: { train: { images: 1464 }, val: { images: 1449, objects: 3427 } },
    homepage: 'http://host.robots.ox.ac.uk/pascal/VOC/voc2012/',
    licence: 'terms of its provider; photos from Flickr',
    open: withPart('voc', 'val', { train: 'train', val: 'val' }, (path, part, { limit }) =>
      vocDataset(path, { part, limit }),
    ),
  },
  {
    name: 'coco',
    description: 'COCO instances: train2017 or val2017, coco:DIR#PART another',
    needsPath: true,
    layout: cocoLayout,
    use: 'both',
    splits: { train: { images: 118_287, objects: 849_949 }, val: { images: 5000, objects: 36_335 } },
    homepage: 'https://cocodataset.org/#download',
    licence: cocoPhotos,
    open: withPart('coco', 'val2017', { train: 'train2017', val: 'val2017' }, (path, part, { limit }) =>
      cocoDataset(path, { part, limit }),
    ),
  },
  {
    name: 'coco-mval',
    description: 'COCO_MVal: 800 objects of COCO, ten of each category',
    needsPath: true,
    layout: cocoMvalLayout,
    use: 'evaluation',
    splits: { val: { images: 800, objects: 800 } },
    homepage: fbrsRelease,
    licence: cocoPhotos,
    open: (path, { limit }) => cocoMvalDataset(path, limit),
  },
  {
    name: 'lvis',
    description: 'LVIS v1 on the photos of COCO; lvis:DIR#PART another annotation file',
    needsPath: true,
    layout: lvisLayout,
    use: 'train',
    splits: { train: { images: 100_170, objects: 1_270_141 }, val: { images: 19_809, objects: 244_707 } },
    homepage: 'https://www.lvisdataset.org/dataset',
    licence: cocoPhotos,
    open: withPart('lvis', 'val', { train: 'train', val: 'val' }, (path, part, { limit }) =>
      lvisDataset(path, { part, limit }),
    ),
  },
  {
    name: 'coco-lvis',
    description: 'COCO and LVIS merged as RITM does: about 99,000 photos and 1.5 million objects to train on',
    needsPath: true,
    layout: cocoLvisLayout,
    use: 'train',
    splits: { train: {}, val: {} },
    homepage: 'https://github.com/SamsungLabs/ritm_interactive_segmentation',
    licence: cocoPhotos,
    open: (path, { split, limit }) => cocoLvisDataset(path, { split, limit }),
  },
  {
    name: 'ade20k',
    description: 'ADE20K, the full set with instances (not the benchmark of 150 classes)',
    needsPath: true,
    layout: ade20kLayout,
    use: 'train',
    splits: { train: { images: 25_574 }, val: { images: 2000 } },
    homepage: 'https://groups.csail.mit.edu/vision/datasets/ADE20K/',
    licence: 'photos: non-commercial research and education',
    open: (path, { split, limit }) => ade20kDataset(path, { split, limit }),
  },
  {
    name: 'openimages',
    description: 'Open Images V7, its object masks: train or validation, openimages:DIR#test the test part',
    needsPath: true,
    layout: openImagesLayout,
    use: 'train',
    splits: { train: { images: 944_037, objects: 2_686_666 }, val: { images: 13_524, objects: 24_730 } },
    homepage: 'https://storage.googleapis.com/openimages/web/index.html',
    licence: 'annotations CC BY 4.0; photos listed as CC BY 2.0',
    open: withPart('openimages', 'test', { train: 'train', val: 'validation' }, (path, part, { limit }) =>
      openImagesDataset(path, { part, limit }),
    ),
  },
  {
    name: 'partimagenet',
    description: 'PartImageNet: every part of an object is an object; partimagenet:DIR#test the test part',
    needsPath: true,
    layout: partImageNetLayout,
    use: 'evaluation',
    splits: { train: { images: 16_540 }, val: { images: 2957 } },
    homepage: 'https://github.com/TACJu/PartImageNet',
    licence: 'terms of its provider; photos under the terms of ImageNet',
    open: withPart('partimagenet', 'test', { train: 'train', val: 'val' }, (path, part, { limit }) =>
      partImageNetDataset(path, { part, limit }),
    ),
  },
  {
    name: 'pascalpart',
    description: 'Pascal-Part: every part of an object is an object; pascalpart:DIR#val/car/wheel these alone',
    needsPath: true,
    layout: pascalPartLayout,
    use: 'evaluation',
    splits: { train: {}, val: {} },
    homepage: 'https://roozbehm.info/pascal-parts/pascal-parts.html',
    licence: 'terms of its provider; photos from Flickr',
    open: withPart('pascalpart', 'val/car/wheel', { train: 'train', val: 'val' }, (path, part, { limit }) =>
      pascalPartDataset(path, { ...parsePascalPart(part), limit }),
    ),
  },
  {
    name: 'granular',
    description: 'parts of the objects of another set, each with its granularity, as granularity make wrote them',
    needsPath: true,
    layout: granularLayout,
    use: 'train',
    splits: { train: {} },
    licence: 'that of the other set',
    open: (path, { limit }) => granularDataset(path, limit, openDataset),
  },
  {
    name: 'sa1b',
    description: 'SA-1B, as many archives as there are; sa1b:DIR#MIN or sa1b:DIR#MIN-MAX objects of that area in px',
    needsPath: true,
    layout: sa1bLayout,
    use: 'both',
    splits: { train: { images: 11_185_362 } },
    homepage: 'https://ai.meta.com/datasets/segment-anything/',
    licence: 'SA-1B Dataset Research License',
    open: withPart('sa1b', '1000-100000', { train: undefined, val: undefined }, (path, areas, { limit }) =>
      sa1bDataset(path, { ...parseAreas(areas), limit }),
    ),
  },
  {
    name: 'hqseg44k',
    description: 'HQSeg-44K: seven finely cut sets to train on, four to test; hqseg44k:DIR#COIFT one of them',
    needsPath: true,
    layout: hqseg44kLayout,
    use: 'both',
    splits: { train: { images: 44_320, objects: 44_320 }, val: { images: 1537, objects: 1537 } },
    homepage: 'https://github.com/SysCV/sam-hq',
    licence: 'terms of each of its sets, some non-commercial',
    open: withPart('hqseg44k', 'COIFT', { train: undefined, val: undefined }, (path, subSet, { split, limit }) =>
      hqseg44kDataset(path, { split, subSet, limit }),
    ),
  },
  {
    name: 'folder',
    description: 'your own photos and masks, one or several objects each',
    needsPath: true,
    layout: folderLayout,
    use: 'both',
    splits: { val: {} },
    licence: 'your own',
    open: (path, { limit }) => folderDataset(path, limit),
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

/** A shell expands ~ only at the start of a word, not after KIND: */
function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}
