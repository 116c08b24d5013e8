import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { datasetKinds, openDataset } from '../../../src/datasets/registry.ts';
import type { Dataset, Sample } from '../../../src/datasets/types.ts';
import { type Check, type Surroundings, same, unknownKind } from '../case.ts';
import { sha256 } from './masks.ts';
import type { Json } from './source.ts';

const opened = new Map<string, Promise<Dataset>>();
const loaded = new Map<string, Promise<Sample>>();

/** The folder of a set and the reader for it, or why there is none. The reference writes "GrabCut", "PascalVOC". */
function place(name: string, { data }: Surroundings): { spec: string } | { skip: string } {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, '');
  const kind = datasetKinds.find(each => plain(name).endsWith(plain(each.name)));
  if (!kind) return { skip: unknownKind(`reading the data set ${name}`) };
  const folder = existsSync(data) ? readdirSync(data).find(each => plain(each) === plain(name)) : undefined;
  return folder ? { spec: `${kind.name}:${join(data, folder)}` } : { skip: `no images: ${join(data, name)} is absent` };
}

/** Why a case on photos of a set cannot be run; undefined where it can. */
export function missingPhotos(name: string, around: Surroundings): string | undefined {
  const found = place(name, around);
  return 'skip' in found ? found.skip : undefined;
}

export function photoSet(name: string, around: Surroundings): Promise<Dataset> {
  const found = place(name, around);
  if ('skip' in found) throw new Error(found.skip);
  const known = opened.get(found.spec) ?? openDataset(found.spec, { seed: 0, split: 'val' });
  opened.set(found.spec, known);
  return known;
}

/** The photo that a case names by set and index, with a check that it is the one meant. The first object counts. */
export async function photoOf(
  { dataset, index, image, mask_sha }: Json,
  around: Surroundings,
): Promise<{ sample: Sample; check: Check }> {
  const key = `${dataset} ${index} ${around.data}`;
  const known = loaded.get(key) ?? photoSet(dataset, around).then(set => set.load(index));
  loaded.set(key, known);
  // a few photos at a time: cases on the same one follow each other
  if (loaded.size > 12) loaded.delete(loaded.keys().next().value as string);
  const sample = await known;
  const found = { image: sample.id, mask_sha: sha256(sample.objects[0].data) };
  return { sample, check: same('photo and mask', found, { image: image ?? sample.id, mask_sha }) };
}
