import { suggest, UserError } from '../base/errors.ts';
import { IMAGENET } from '../nn/imagenet.ts';
import { dinoV2Weights } from '../weights/dinov2.ts';
import { dinoV2, dinoV2Sizes } from './dinov2.ts';
import { mobileSamBackbone } from './mobilesam.ts';
import type { Backbone } from './types.ts';

type DinoV2Name = keyof typeof dinoV2Sizes;

const dinoV2Origins: Record<DinoV2Name, { model: string; hub: string }> = {
  'dinov2-s14': { model: 'ViT-S/14', hub: 'facebook/dinov2-small' },
  'dinov2-b14': { model: 'ViT-B/14', hub: 'facebook/dinov2-base' },
  'dinov2-l14': { model: 'ViT-L/14', hub: 'facebook/dinov2-large' },
};

function dinoV2Backbone(name: DinoV2Name): Backbone {
  const config = dinoV2Sizes[name];
  const { model, hub } = dinoV2Origins[name];
  return {
    name,
    description: `DINOv2 ${model}, self-supervised, without registers.`,
    source: `Oquab et al. 2023, "DINOv2: Learning Robust Visual Features without Supervision", arXiv 2304.07193; weights: huggingface.co/${hub}`,
    licence: 'Apache-2.0',
    stride: config.patch,
    channels: config.dim,
    featureScale: 1,
    early: { channels: config.dim, stride: config.patch, gain: 1 },
    normalisation: IMAGENET,
    features: (image, scope, clicks) => dinoV2(image, scope, config, clicks),
    weights: async path => {
      if (path === undefined) {
        throw new UserError(
          `${name} needs its weights in a file: download https://huggingface.co/${hub}/resolve/main/model.safetensors and name it by --weights FILE (a safetensors file in the original repository's names does as well)`,
        );
      }
      return dinoV2Weights(path, config);
    },
  };
}

/** Every backbone that clickprobe knows; the first is the default. */
export const backbones: readonly Backbone[] = [
  mobileSamBackbone,
  ...(Object.keys(dinoV2Sizes) as DinoV2Name[]).map(dinoV2Backbone),
];

/** @throws UserError that lists the known ones where there is none of that name. */
export function findBackbone(name: string): Backbone {
  const found = backbones.find(backbone => backbone.name === name);
  if (found) return found;
  const known = backbones.map(backbone => backbone.name);
  throw new UserError(`unknown backbone "${name}"; ${suggest(name, known)}`);
}
