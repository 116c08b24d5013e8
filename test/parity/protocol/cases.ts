import { basename } from 'node:path';
import { type Case, type Surroundings, unknownKind } from '../case.ts';
import { augmentation } from './augment.ts';
import { clickSequences, photoClicks, singleClicks } from './clicker.ts';
import { cocoObjects, photoSets } from './datasets.ts';
import type { ProtocolKind } from './kind.ts';
import { metrics } from './metrics.ts';
import { correctiveClicks } from './next-points.ts';
import { drawing, pca } from './reporting.ts';
import { sampler } from './sampler.ts';
import { sbdFiles } from './sbd.ts';
import { simulations } from './sessions.ts';
import { type Json, Source } from './source.ts';
import { transforms } from './transforms.ts';

const kinds: readonly ProtocolKind[] = [
  singleClicks,
  photoClicks,
  clickSequences,
  simulations,
  ...transforms,
  ...metrics,
  photoSets,
  cocoObjects,
  sbdFiles,
  ...sampler,
  correctiveClicks,
  augmentation,
  pca,
  drawing,
];

/** The cases of a JSON file of reference numbers. A part of it that no kind recognises is a skipped case. */
export function protocolCases(path: string, around: Surroundings): Case[] {
  const source = new Source(path);
  const { json, stem } = source;
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new Error('it holds no object');
  const claimed = kinds.map(kind => ({ kind, sections: kind.sections(json) }));
  const known = new Set(claimed.flatMap(({ sections }) => sections));
  const unknown = Object.keys(json).filter(section => !known.has(section) && !isText(json[section]));
  return [
    ...claimed.flatMap(({ kind, sections }) => sections.flatMap(section => kind.cases(source, section, around))),
    ...unknown.map(section => ({
      name: `${stem}/${section}`,
      skip: unknownKind(`"${section}" as ${basename(path)} holds it`),
      run: () => [],
    })),
  ];
}

/** Explanations: text, and records of nothing but text. */
function isText(part: Json): boolean {
  if (typeof part === 'string') return true;
  return typeof part === 'object' && part !== null && !Array.isArray(part) && Object.values(part).every(isText);
}
