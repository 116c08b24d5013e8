import { suggest, UserError } from '../src/base/errors.ts';

/** A piece of work that both sides do. The work itself is in `workloads.ts`: only the measured process loads that. */
export interface Workload {
  name: string;
  description: string;
  /** Arguments by which the peer script does the same. */
  peer: readonly string[];
}

const probe = [
  {
    name: 'head',
    description: 'forward and backward of the conv head on [1,384,112,112], gradients to all weights and to the input',
    peer: ['head'],
  },
  {
    name: 'train',
    description: 'one training step at 224 px: ViT-S/14, early injection, bilinear, focal loss, gradients, Adam',
    peer: ['train', '--upsampler', 'bilinear', '--inject', 'early'],
  },
  {
    name: 'click',
    description: 'one click on a new image at 224 px with flip: ViT-S/14, early injection, bilinear',
    peer: ['click', '--upsampler', 'bilinear', '--inject', 'early'],
  },
  {
    name: 'later-click',
    description:
      'the second and later clicks on one crop with flip: late injection, low-res, image features kept by us',
    peer: ['click', '--upsampler', 'none', '--inject', 'late'],
  },
] as const satisfies readonly Workload[];

/** Backbones, by the peer's name for them. */
const VITS = { s14: 'dinov2-s14', b16: 'dino-b16' };

export const backboneWork = Object.entries(VITS).flatMap(([model, backbone]) =>
  [1, 2].flatMap(scale =>
    [false, true].map(toTokens => ({
      name: `vit-${model}-${224 * scale}${toTokens ? '-gradient' : ''}`,
      description: `features of one image of ${224 * scale} px${toTokens ? ', and the gradient to its tokens' : ''}`,
      peer: ['vit', '--model', model, '--scale', `${scale}`, ...(toTokens ? ['--gradient'] : [])],
      ...{ backbone, scale, toTokens },
    })),
  ),
);

/** Upsamplers that do not look at the image: nothing can be kept of it. */
const UNGUIDED = ['nearest', 'bilinear', 'bicubic', 'carafe', 'dysample'];
/** The others; but for those that enlarge the backbone's image instead, and none. */
const GUIDED = [
  ...['joint-bilateral', 'jbu', 'guided-filter', 'upsample-anything', 'featup', 'featup-no-norm', 'featup-kernels'],
  ...['lift', 'lift-repeated', 'uplift', 'sapa', 'jbu-learned', 'loftup', 'jafar', 'anyup', 'naf'],
  'featup-implicit',
];

export const upsamplerWork = [...UNGUIDED, ...GUIDED].flatMap(upsampler => {
  const guided = GUIDED.includes(upsampler);
  return (guided ? [false, true] : [false]).map(kept => ({
    name: `${upsampler}${kept ? '-later' : ''}`,
    description: kept
      ? 'new features for an image that was there before: what depends on it alone is kept by us'
      : `features [1,384,16,16] to a finer grid${guided ? ', guided by an image of 224 px' : ''}`,
    peer: ['up', '--method', upsampler],
    ...{ upsampler, guided, kept },
  }));
});

/** Which script of the other side knows the work of a group. */
export type PeerScript = 'probe' | 'features';

interface Group {
  script: PeerScript;
  workloads: readonly Workload[];
}

/** The first is what is measured by default. */
export const groups: Readonly<Record<'probe' | 'backbones' | 'upsamplers', Group>> = {
  probe: { script: 'probe', workloads: probe },
  backbones: { script: 'features', workloads: backboneWork },
  upsamplers: { script: 'features', workloads: upsamplerWork },
};

export type ProbeWork = (typeof probe)[number]['name'];

export const catalogue: readonly (Workload & { script: PeerScript })[] = Object.values(groups).flatMap(
  ({ script, workloads }) => workloads.map(workload => ({ ...workload, script })),
);

/**
 * The workload of a name, or all of a group.
 *
 * @throws UserError that lists the known ones where there is none of that name.
 */
export function findWorkloads(name: string): typeof catalogue {
  const group = Object.entries(groups).find(([title]) => title === name)?.[1].workloads;
  const found = catalogue.filter(workload => workload.name === name || group?.some(w => w.name === workload.name));
  if (found.length > 0) return found;
  throw new UserError(
    `unknown workload "${name}"; ${suggest(name, [...Object.keys(groups), ...catalogue.map(w => w.name)])}`,
  );
}
