import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { matField, readMatVariable } from '../../../src/datasets/mat.ts';
import { sbdDataset } from '../../../src/datasets/sbd.ts';
import type { Sample } from '../../../src/datasets/types.ts';
import { allNear, type Check, same } from '../case.ts';
import type { ProtocolKind } from './kind.ts';
import { countOf, sha256 } from './masks.ts';
import type { Json, Source } from './source.ts';

/** MATLAB files of SBD by several writers: labels, areas, which masks are broken, and the list of evaluated objects. */
export const sbdFiles: ProtocolKind = {
  sections: json =>
    Array.isArray(json.mats) && 'sizes_after_buggy' in (json.mats[0] ?? {}) ? ['mats', 'evaluation_samples'] : [],
  cases: (source, section) =>
    section === 'mats'
      ? source.json.mats.map((mat: Json) => ({ name: `${source.stem}/${mat.name}`, run: () => checkFile(mat, source) }))
      : [{ name: `${source.stem}/evaluation_samples`, run: () => checkSamples(source) }],
};

/** The set's folder, two above a file of instances. */
const rootOf = (source: Source, mat: Json) => join(source.folder, dirname(dirname(mat.file)));

async function load(source: Source, mat: Json, split: 'train' | 'val'): Promise<Sample | undefined> {
  const set = sbdDataset(rootOf(source, mat), { split });
  return set.ids.includes(mat.name) ? set.load(set.ids.indexOf(mat.name)) : undefined;
}

async function checkFile(mat: Json, source: Source): Promise<Check[]> {
  const path = join(source.folder, mat.file);
  const variable = await readMatVariable(path, 'GTinst');
  const names = mat.fields.filter((name: string) => matField(variable, name).dims.length > 0);
  const checks = [same('bytes', statSync(path).size, mat.bytes), same('fields', names, mat.fields)];
  for (const split of ['train', 'val'] as const) {
    const sample = await load(source, mat, split);
    if (!sample) continue;
    const { image, objects } = sample;
    const labels: number[] = split === 'train' ? mat.labels_after_buggy : mat.labels;
    const tensor = source.tensor(`${mat.name}.${split === 'train' ? 'cleaned' : 'segmentation'}`);
    const map = tensor.data as Int32Array;
    const areas = objects.map(target => countOf(target, 1));
    checks.push(
      same(`size, ${split}`, [image.height, image.width], mat.shape),
      same(`size of the map, ${split}`, [...tensor.shape], mat.shape),
      same(`areas, ${split}`, areas, split === 'train' ? mat.sizes_after_buggy : mat.sizes),
      same(`labels, ${split}`, present(map), labels),
      ...objects.map(({ data }, k) =>
        same(
          `mask ${labels[k]}, ${split}`,
          [...data],
          [...map].map(label => Number(label === labels[k])),
        ),
      ),
    );
    if (split === 'val') {
      const shares = objects.map(({ width, data }, k) => areas[k] / boxArea(width, data));
      checks.push(
        allNear(
          'area by box',
          shares,
          labels.map(label => mat.area_bbox_ratio[label]),
          1e-12,
        ),
      );
    }
  }
  if (checks.length === 2) throw new Error(`no list of ${rootOf(source, mat)} names ${mat.name}`);
  return checks;
}

async function checkSamples(source: Source): Promise<Check[]> {
  const { mats, evaluation_samples } = source.json;
  const set = sbdDataset(rootOf(source, mats[0]), { split: 'val' });
  const list = [];
  for (let i = 0; i < set.size; i++) {
    const { id, objects } = await set.load(i);
    const { labels } = mats.find((mat: Json) => mat.name === id);
    for (const [k, target] of objects.entries()) {
      list.push({ name: id, instance_id: labels[k], fg: countOf(target, 1), sha: sha256(target.data) });
    }
  }
  return [
    same('number of objects', list.length, evaluation_samples.samples.length),
    ...list.map((found, i) => same(`object ${i}`, found, evaluation_samples.samples[i])),
  ];
}

/** Labels of a map but 0, ascending. */
const present = (map: Int32Array): number[] => [...new Set(map)].filter(label => label !== 0).sort((a, b) => a - b);

function boxArea(width: number, data: Int8Array): number {
  const at = [...data.keys()].filter(i => data[i] === 1);
  const columns = at.map(i => i % width);
  const rows = at.map(i => Math.floor(i / width));
  const span = (values: number[]) => Math.max(...values) - Math.min(...values) + 1;
  return span(rows) * span(columns);
}
