import { type ClickEncoder, clickEncoders, simpleVitEncoder } from '../../../src/clicks/encoders.ts';
import { drawClickMaps } from '../../../src/clicks/maps.ts';
import { defaultPasses, type Passes, prepare } from '../../../src/graph/passes/prepare.ts';
import type { Tensor } from '../../../src/graph/tensor.ts';
import { IMAGENET } from '../../../src/nn/imagenet.ts';
import { buildProbe } from '../../../src/probe/probe.ts';
import {
  bicubicInterpolation,
  bilinearInterpolation,
  nearestNeighbour,
  none,
} from '../../../src/upsamplers/interpolation.ts';
import { liftUpsampler } from '../../../src/upsamplers/lift.ts';
import { headNamed, toyBackbone } from '../../support/toy-probe.ts';
import type { Check } from '../case.ts';
import { checkNetwork, type Sources, withSummationNoise } from './check.ts';
import { type Golden, renamed } from './golden.ts';
import { simpleVitOptions } from './simple-vit.ts';

const ourNames: readonly [RegExp, string][] = [
  [/weight\.backbone\./, 'frozen.backbone.'],
  [/weight\.embed_coords\./, 'probe.clicks.'],
  [/weight\.head\./, 'probe.head.'],
  [/weight\.upsampler\.lift\./, 'frozen.upsampler.'],
];

const upsamplers: Record<string, typeof none> = {
  identity: none,
  nearest: nearestNeighbour,
  bilinear: bilinearInterpolation,
  bicubic: bicubicInterpolation,
  lift_random: liftUpsampler,
};

/** The click encoder of a case; undefined where there is none of its name. */
function clickEncoder({ click_encoder, click_encoder_params }: Golden['config']): ClickEncoder | undefined {
  if (click_encoder === 'patchEmbed') return clickEncoders.find(({ name }) => name === 'patch-embed');
  if (click_encoder !== 'simple_vit') return undefined;
  return simpleVitEncoder(simpleVitOptions(click_encoder_params as Record<string, unknown>));
}

/** What a case is made of that there is no code for; undefined where there is nothing. */
export function missingPart({ config }: Golden): string | undefined {
  const { upsampler, head, with_prev_mask } = config;
  if (!(String(upsampler) in upsamplers)) return `the upsampler ${upsampler}`;
  if (!clickEncoder(config)) return `the click encoder ${config.click_encoder}`;
  if (head !== 'convhead x2') return `the head ${head} in a whole probe`;
  return with_prev_mask === false ? 'a probe that is not shown its previous mask' : undefined;
}

/** The whole probe on a toy backbone, from picture, previous mask and points to gradients; with and without passes. */
export async function checkProbe(original: Golden): Promise<Check[]> {
  const golden = withSummationNoise(probeGolden(original), 'grad.probe.head.classifier.bias');
  return [
    ...(await checkNetwork(golden, from => probeCase(from))),
    ...(await checkNetwork(golden, from => probeCase(from, defaultPasses))),
  ];
}

/** The case under the names of the probe's sources, `image` and `clicks` among them. */
function probeGolden(original: Golden): Golden {
  const golden = renamed(original, name => ourNames.reduce((n, [theirs, ours]) => n.replace(theirs, ours), name));
  const { shape, data } = golden.tensors.get('input.image4')!;
  const points = golden.tensors.get('input.points')!;
  const [batch, , height, width] = shape;
  const area = height * width;
  const image = new Float32Array(batch * 3 * area);
  const clicks = new Float32Array(batch * 3 * area);
  for (let b = 0; b < batch; b++) {
    image.set(data.subarray(4 * b * area, (4 * b + 3) * area), 3 * b * area);
    clicks.set(data.subarray((4 * b + 3) * area, (4 * b + 4) * area), 3 * b * area);
    const rows = points.data.subarray(b * points.shape[1] * 3, (b + 1) * points.shape[1] * 3);
    const placed = Array.from({ length: points.shape[1] }, (_, i) => ({
      y: rows[3 * i],
      x: rows[3 * i + 1],
      positive: i < points.shape[1] / 2,
    }));
    const planes = clicks.subarray((3 * b + 1) * area, (3 * b + 3) * area);
    const form = golden.config.use_disks ? 'disk' : 'tanh';
    drawClickMaps(placed, height, width, { form, radius: golden.config.norm_radius as number }, planes);
  }
  golden.tensors.set('image', { shape: [batch, 3, height, width], data: image });
  golden.tensors.set('clicks', { shape: [batch, 3, height, width], data: clicks });
  return golden;
}

function probeCase({ config, input }: Sources, passes?: Passes): Record<string, Tensor> {
  const { patch, C, image, upsampler, toy_backbone } = config as {
    patch: number;
    C: number;
    image: [number, number];
    upsampler: string;
    toy_backbone: string;
  };
  const seen: Tensor[] = [];
  const toy = toyBackbone(patch, C);
  const { clicks, logits } = buildProbe(
    {
      backbone: {
        ...toy,
        normalisation: IMAGENET,
        features(normalised, ...rest) {
          seen.push(normalised);
          return toy.features(normalised, ...rest);
        },
      },
      upsampler: upsamplers[upsampler],
      head: headNamed('conv'),
      headWidth: C,
      clickEncoder: clickEncoder(config)!,
      injection: toy_backbone.includes('(late)') ? 'late' : 'early',
    },
    input('image4').shape[0],
    image,
  );
  const before = logits.op === 'resample' ? logits.inputs[0] : logits;
  const [instances, small] = passes ? prepare([logits, before], passes) : [logits, before];
  return { instances, logits_before_resize: small, coord_features: clicks, normalized_image: seen[0] };
}
