import { type Golden, openGolden } from '../support/golden.ts';
import { type Builder, type Check, checkNetwork, type Floors, withSummationNoise } from './check.ts';
import { dinoV2Case, headCase, interpolationCase, patchEmbedCase } from './networks.ts';
import { checkProbe } from './probe.ts';
import { checkAdam, checkLoss } from './training.ts';

/** A kind of reference case: which files it covers and how they are checked. */
export interface ParityCase {
  /** Matches the file's name without folder and ending. */
  pattern: RegExp;
  run(golden: Golden): Promise<Check[]>;
  /** Why cases of this kind cannot be checked yet. */
  skip?: string;
}

const network = (pattern: RegExp, build: Builder, floors?: Floors): ParityCase => ({
  pattern,
  run: golden => checkNetwork(golden, build, floors),
});

/** All cases that are covered; the first that matches a name counts. */
export const parityCases: readonly ParityCase[] = [
  // the reference places 37 cells in float32, which shifts weights by some 37 / 2^24; its noise was not measured
  network(/^c1_dinov2_/, dinoV2Case, { 'output.pos_embed_interpolated': 5e-6 }),
  network(/^c4_patchembed/, patchEmbedCase),
  {
    pattern: /^c5_glue_lift/,
    run: checkProbe,
    skip: 'neither the upsampler LiFT nor the click encoder simple_vit exists yet',
  },
  { pattern: /^c5_glue_/, run: checkProbe },
  {
    pattern: /^c5_head_/,
    run: golden => checkNetwork(withSummationNoise(golden, 'grad.weight.classifier.bias'), headCase),
  },
  network(/^c6_(nearest|bilinear|bicubic)_/, interpolationCase),
  { pattern: /^c9_adam_/, run: checkAdam },
  { pattern: /^c9_nfl_/, run: checkLoss },
];

export const caseFor = (name: string): ParityCase | undefined => parityCases.find(({ pattern }) => pattern.test(name));

/** Runs the case that covers a file. */
export async function runCase(path: string, { run }: ParityCase): Promise<Check[]> {
  return run(openGolden(path));
}
