import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Target } from '../../../src/base/raster.ts';
import { cocoDataset } from '../../../src/datasets/coco.ts';
import { paintSegmentation } from '../../../src/datasets/coco-mask.ts';
import type { Dataset } from '../../../src/datasets/types.ts';
import { allNear, type Case, type Check, same } from '../case.ts';
import type { ProtocolKind } from './kind.ts';
import { countOf, sha256 } from './masks.ts';
import { missingPhotos, photoSet } from './photos.ts';
import type { Json } from './source.ts';

/** A whole data set: order, sizes, numbers of objects, pixels of photos and masks. */
export const photoSets: ProtocolKind = {
  sections: json =>
    typeof json.dataset === 'string' && Array.isArray(json.samples) ? ['samples', 'dataset', 'n'] : [],
  cases: (source, section, around) => {
    if (section !== 'samples') return [];
    const { dataset: name, n, samples } = source.json;
    return [
      {
        name: source.stem,
        skip: missingPhotos(name, around),
        run: async () => {
          const set = await photoSet(name, around);
          const checks = [
            same('number of samples', [set.size, samples.length], [n, n]),
            same(
              'order',
              [...set.ids],
              samples.map((sample: Json) => sample.name),
            ),
          ];
          for (const expected of samples) checks.push(...(await checkSample(set, expected)));
          return checks;
        },
      },
    ];
  },
};

async function checkSample(set: Dataset, expected: Json): Promise<Check[]> {
  const { image, objects } = await set.load(expected.i);
  const [target] = objects;
  const sums = [0, 0, 0];
  for (let at = 0; at < image.data.length; at++) sums[at % 3] += image.data[at];
  const { name } = expected;
  const values = [-1, 0, 1].map(value => [value, countOf(target, value)] as const).filter(([, count]) => count > 0);
  return [
    same(`size of ${name}`, [image.height, image.width], [expected.h, expected.w]),
    same(`size of the mask of ${name}`, [target.height, target.width], [expected.mask_h, expected.mask_w]),
    same(`objects of ${name}`, objects.length, expected.n_obj),
    same(
      `object and ignored pixels of ${name}`,
      [1, -1].map(v => countOf(target, v)),
      [expected.fg, expected.ignore],
    ),
    same(`labels of ${name}`, Object.fromEntries(values), expected.raw_values),
    same(`mask of ${name}`, sha256(target.data), expected.sha),
    // the means are given with four digits
    allNear(
      `mean colour of ${name}`,
      sums.map(sum => sum / (image.width * image.height)),
      expected.rgb_mean,
      5.1e-5,
    ),
  ];
}

/** Regions of COCO's annotations, one by one. */
export const cocoObjects: ProtocolKind = {
  sections: json => (Array.isArray(json.objects) && 'image_id' in (json.objects[0] ?? {}) ? ['objects'] : []),
  cases: (source, _, around): Case[] => {
    const place = findAnnotations(around.data, source.json);
    const skip = place ? undefined : `no images: no folder of ${around.data} has annotations of these objects`;
    return [{ name: source.stem, skip, run: () => checkObjects(place!, source.json.objects) }];
  },
};

/** The set and its part, e.g. "train2017", whose annotations hold the first object; a name in the text comes first. */
function findAnnotations(data: string, { about, objects }: Json): { root: string; part: string } | undefined {
  if (!existsSync(data)) return undefined;
  const places = readdirSync(data).flatMap(set => {
    const folder = join(data, set, 'annotations');
    const files = existsSync(folder) ? readdirSync(folder) : [];
    return files.flatMap(file => {
      const part = /^instances_(.+)\.json$/.exec(file)?.[1];
      return part ? [{ root: join(data, set), part, named: String(about).includes(file) }] : [];
    });
  });
  return places
    .sort((a, b) => Number(b.named) - Number(a.named))
    .find(place => annotationsOf(place).some(({ id }) => id === objects[0].id));
}

function annotationsOf({ root, part }: { root: string; part: string }): Json[] {
  return JSON.parse(readFileSync(join(root, 'annotations', `instances_${part}.json`), 'utf8')).annotations;
}

async function checkObjects(place: { root: string; part: string }, objects: Json[]): Promise<Check[]> {
  const annotations = annotationsOf(place);
  const set = cocoDataset(place.root, { part: place.part });
  const checks: Check[] = [];
  for (const expected of objects) {
    const { id, image_id, file, h, w, iscrowd, json_area, category_id } = expected;
    const { image, objects: targets } = await set.load(set.ids.indexOf(file));
    const annotation = annotations.find(each => each.id === id);
    const region: Target = { width: w, height: h, data: new Int8Array(w * h) };
    paintSegmentation(annotation.segmentation, region, 1, `annotation ${id}`);
    checks.push(
      same(`size of ${file}`, [image.height, image.width], [h, w]),
      same(
        `annotation ${id}`,
        [annotation.image_id, annotation.area, annotation.category_id],
        [image_id, json_area, category_id],
      ),
      same(`form of ${id}`, formOf(annotation.segmentation), [expected.kind, expected.n_poly]),
      same(`area of ${id}`, countOf(region, 1), expected.area),
      same(`rows and columns of ${id}`, boxOf(region), expected.bbox_rc),
      same(`mask of ${id}`, sha256(region.data), expected.sha),
    );
    const area = region.data.map(value => (value === 1 ? 1 : 0));
    if (iscrowd) {
      const free = targets.every(({ data }) => data.every((value, i) => value !== 0 || area[i] === 0));
      checks.push(same(`${id} is ignored in every object`, free, true));
      continue;
    }
    const place = targets.findIndex(({ data }) => data.every((value, i) => (value === 1) === (area[i] === 1)));
    const listed = annotations.filter(each => each.image_id === image_id && !each.iscrowd);
    // objects without a pixel are left out, then the place is not known
    const known = listed.length === targets.length ? listed.findIndex(each => each.id === id) : place;
    checks.push(same(`place of ${id} among the objects of its image`, place, Math.max(0, known)));
  }
  return checks;
}

function formOf(segmentation: Json): [string, number | undefined] {
  if (Array.isArray(segmentation)) return ['polygon', segmentation.length];
  return [typeof segmentation.counts === 'string' ? 'rle_string' : 'rle_counts', undefined];
}

/** First and last row, first and last column of an object; null where it has no pixel. */
function boxOf({ width, data }: Target): number[] | null {
  const at = [...data.keys()].filter(i => data[i] === 1);
  if (at.length === 0) return null;
  const columns = at.map(i => i % width);
  const extremes = (values: number[]) => [
    values.reduce((a, b) => Math.min(a, b)),
    values.reduce((a, b) => Math.max(a, b)),
  ];
  return [...extremes(at.map(i => Math.floor(i / width))), ...extremes(columns)];
}
