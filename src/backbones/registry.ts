import { suggest, UserError } from '../base/errors.ts';
import { centerNetFamily } from './centernet.ts';
import { clipFamily, maskClipFamily } from './clip.ts';
import { deitFamily } from './deit.ts';
import { dinoFamily } from './dino.ts';
import { dinoV2Family } from './dinov2.ts';
import { dinoV3Family } from './dinov3.ts';
import { maeFamily } from './mae.ts';
import { mobileSamFamily } from './mobilesam.ts';
import { samFamily } from './sam.ts';
import { siglip2Family } from './siglip2.ts';
import { supervisedFamily } from './supervised.ts';
import type { Backbone, BackboneEntry, BackboneFamily, FeatureChoice, FeatureKind } from './types.ts';

export const families: readonly BackboneFamily[] = [
  mobileSamFamily,
  dinoV2Family,
  dinoV3Family,
  dinoFamily,
  supervisedFamily,
  deitFamily,
  maeFamily,
  clipFamily,
  maskClipFamily,
  siglip2Family,
  samFamily,
  centerNetFamily,
];

/** Every backbone that clickprobe knows; the first is the default. */
export const backbones: readonly BackboneEntry[] = families.flatMap(family => family.backbones);

/**
 * The backbone of a name, with a choice of features where one follows: `dino-s16`, `dino-s16@key`, `dino-s16@block9`
 * (the output of the ninth of its blocks, counted from 1), `dino-s16@block9-key`.
 *
 * @throws UserError that lists the known ones where there is none of that name, or what can be chosen.
 */
export function findBackbone(name: string): Backbone {
  const at = name.indexOf('@');
  const base = at < 0 ? name : name.slice(0, at);
  const entry = backbones.find(backbone => backbone.name === base);
  if (!entry) {
    const known = backbones.map(backbone => backbone.name);
    throw new UserError(`unknown backbone "${base}"; ${suggest(base, known)}`);
  }
  return at < 0 ? entry : chosen(entry, name, name.slice(at + 1));
}

function chosen(entry: BackboneEntry, name: string, text: string): Backbone {
  const { choose, blocks, kinds } = entry;
  if (!choose) throw new UserError(`${entry.name} offers no choice of features, given "${name}"`);
  const [, number, kind] = /^(?:block(\d+))?-?([a-z]+)?$/.exec(text) ?? [];
  const choice: FeatureChoice = {
    ...(number !== undefined && { block: Number(number) }),
    ...(kind !== undefined && { kind: kind as FeatureKind }),
  };
  const fits =
    (choice.block !== undefined || choice.kind !== undefined) &&
    (choice.block === undefined || (choice.block >= 1 && choice.block <= blocks)) &&
    (choice.kind === undefined || kinds.includes(choice.kind)) &&
    text === choiceLabel(choice);
  if (!fits) {
    const examples = [`block1 to block${blocks}`, ...kinds, ...kinds.map(k => `block1-${k} to block${blocks}-${k}`)];
    throw new UserError(
      `"${text}" is no choice of ${entry.name}'s features: after the @ may stand ${examples.join(', ')}`,
    );
  }
  return choose(choice, name);
}

const choiceLabel = ({ block, kind }: FeatureChoice): string =>
  [block === undefined ? [] : `block${block}`, kind ?? []].flat().join('-');
