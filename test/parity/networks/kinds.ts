import type { Check } from '../case.ts';
import { checkClickMaps } from '../click-maps.ts';
import { checkAnyUp, checkJafar, checkLoftUp, checkNaf, learnedJbuCase } from './attention-upsamplers.ts';
import {
  dinoV2Case,
  guidedFilterCase,
  headCase,
  interpolationCase,
  jointBilateralCase,
  patchEmbedCase,
} from './builders.ts';
import { type Builder, checkNetwork, type Floors, withSummationNoise } from './check.ts';
import { checkFeatUp, featUpStageCase } from './featup.ts';
import type { Golden } from './golden.ts';
import { checkDualBranch, checkGranularBackbone, checkRows, loraBlockCase, mergedLinearCase } from './granularity.ts';
import { liftCase } from './lift.ts';
import { checkProbe, missingPart } from './probe.ts';
import { pyramidCase } from './pyramid.ts';
import { simpleVitCase } from './simple-vit.ts';
import { checkAdam, checkAdaptiveIouCase, checkLoss } from './training.ts';
import { checkFit, splatCase } from './upsample-anything.ts';
import { checkMaskClip, vitCase } from './vits.ts';

/** A kind of reference network: which cases it covers and how they are checked. */
export interface NetworkKind {
  /** Matches the case's name. */
  pattern: RegExp;
  /** What a case needs that has no code yet; undefined where there is nothing. */
  lacks?(golden: Golden): string | undefined;
  /** @param checkpoint the file of real weights that the case names by its sha256 */
  run?(golden: Golden, checkpoint?: string): Promise<Check[]> | Check[];
}

const network = (pattern: RegExp, build: Builder, floors?: Floors): NetworkKind => ({
  pattern,
  run: golden => checkNetwork(golden, build, floors),
});

/** There is code for some values of a case's settings only. */
function unless(known: Readonly<Record<string, unknown>>): (golden: Golden) => string | undefined {
  return ({ config }) => {
    const other = Object.keys(known).find(key => key in config && config[key] !== known[key]);
    return other && `${other} ${JSON.stringify(config[other])} (there is for ${JSON.stringify(known[other])})`;
  };
}

/** All kinds; the first that matches a name counts. */
export const networkKinds: readonly NetworkKind[] = [
  {
    // the reference places 37 cells in float32, which shifts weights by some 37 / 2^24; its noise was not measured
    ...network(/^c1_dinov2/, dinoV2Case, { 'output.pos_embed_interpolated': 5e-6, 'output.features': 5e-6 }),
    lacks: unless({ layerscale: true, mlp_ratio: 4 }),
  },
  network(/^c2_vit/, vitCase),
  { pattern: /^c3_maskclip/, run: checkMaskClip },
  { pattern: /^c4_distmaps/, run: checkDistanceMaps },
  network(/^c4_patchembed/, patchEmbedCase),
  network(/^c4_simplevit/, simpleVitCase),
  { pattern: /^c5_glue/, lacks: missingPart, run: checkProbe },
  {
    pattern: /^c5_head/,
    lacks: unless({ num_layers: 2, num_classes: 1 }),
    run: golden => checkNetwork(withSummationNoise(golden, 'grad.weight.classifier.bias'), headCase),
  },
  { ...network(/^c6_nearest/, interpolationCase), lacks: unless({ upsampler: 'nearest' }) },
  { ...network(/^c6_bilinear/, interpolationCase), lacks: unless({ upsampler: 'bilinear', align_corners: true }) },
  {
    ...network(/^c6_bicubic/, interpolationCase),
    lacks: unless({ upsampler: 'bicubic', align_corners: false, bicubic_a: -0.75 }),
  },
  network(/^c6_guided_filter/, guidedFilterCase),
  {
    ...network(/^c6_jbf/, jointBilateralCase),
    lacks: ({ config }) =>
      String(config.color_distance).startsWith('l1') ? undefined : `the colour distance ${config.color_distance}`,
  },
  {
    // one sum of 58,000 terms that cancel each other: a single number, whose measured noise is small by luck
    ...network(/^c6_jbu/, learnedJbuCase, { 'grad.weight.bilateral_filter.range_temp': 2e-5 }),
    lacks: unless({ combine: false }),
  },
  { pattern: /^c6_anyup/, run: checkAnyUp },
  network(/^c6_featup_jbu_stage/, featUpStageCase),
  { pattern: /^c6_featup/, run: checkFeatUp },
  { pattern: /^c6_jafar/, run: checkJafar },
  network(/^c6_lift/, liftCase),
  { pattern: /^c6_loftup/, run: checkLoftUp },
  { pattern: /^c6_naf/, run: checkNaf },
  network(/^c6_upsample_anything_kernel/, splatCase),
  { pattern: /^c6_upsample_anything/, run: checkFit },
  {
    ...network(/^c7_simplefpn_swinhead/, pyramidCase),
    lacks: unless({ align_corners: false, groupnorm_groups: 1, gelu: 'erf' }),
  },
  { pattern: /^c8_granularity_index/, run: checkRows },
  network(/^c8_mergedlinear/, mergedLinearCase),
  { pattern: /^c8_dualbranch_mergedlinear/, run: checkDualBranch },
  network(/^c8_block_lora/, loraBlockCase),
  { pattern: /^c8_graco_backbone/, run: checkGranularBackbone },
  { pattern: /^c9_adam/, lacks: unless({ weight_decay: 0 }), run: checkAdam },
  { pattern: /^c9_adaptive_iou/, run: checkAdaptiveIouCase },
  { pattern: /^c9_nfl/, lacks: unless({ gamma: 2, size_average: true }), run: checkLoss },
];

/** Outputs are named by form, radius in pixels and the scale of coordinates and radius: `disks_r5_s0.5`. */
function checkDistanceMaps({ tensors, config }: Golden): Check[] {
  const points = tensors.get('input.points')!;
  return [...tensors].flatMap(([name, expected]) => {
    if (!name.startsWith('output.')) return [];
    const found = /^output\.(disks|tanh)_r([\d.]+)_s([\d.]+)$/.exec(name);
    if (!found) throw new Error(`no click maps named ${name} (${config.forms})`);
    const scale = Number(found[3]);
    const form = found[1] === 'disks' ? 'disk' : 'tanh';
    return [checkClickMaps(name, points, expected, { form, radius: Number(found[2]) * scale }, scale)];
  });
}
