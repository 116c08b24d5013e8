import { suggest, UserError } from '../src/base/errors.ts';

/** A piece of work that both sides do. The work itself is in `workloads.ts`: only the measured process loads that. */
export interface Workload {
  name: string;
  description: string;
  /** Arguments by which the peer script does the same. */
  peer: readonly string[];
}

export const catalogue = [
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

export type WorkloadName = (typeof catalogue)[number]['name'];

/** @throws UserError that lists the known ones where there is none of that name. */
export function findWorkload(name: string): Workload & { name: WorkloadName } {
  const found = catalogue.find(workload => workload.name === name);
  if (found) return found;
  const known = catalogue.map(workload => workload.name);
  throw new UserError(`unknown workload "${name}"; ${suggest(name, known)}`);
}
