import type { RgbImage } from '../../../src/base/raster.ts';
import { heatColors, heatPicture } from '../../../src/report/heat.ts';
import { drawPoints, labelColor, paintLabels } from '../../../src/report/marks.ts';
import { thickOutline } from '../../../src/report/outline.ts';
import { drawOverlay } from '../../../src/report/overlay.ts';
import { fitPca, projectPca } from '../../../src/report/pca.ts';
import { allNear, type Check, same, unknownKind } from '../case.ts';
import { toClicks } from './clicker.ts';
import type { ProtocolKind } from './kind.ts';
import type { Json, Source } from './source.ts';

/** Colours by principal components. */
export const pca: ProtocolKind = {
  sections: json => (Array.isArray(json.pca?.cases) ? ['pca'] : []),
  cases: source =>
    source.json.pca.cases.map((given: Json) => ({
      name: `${source.stem}/pca_${given.name}`,
      run: () => checkPca(given, source),
    })),
};

/** Signs are arbitrary: a component may be turned round, its picture then is 1 - x. */
function checkPca(
  { name, sizes, channels, singular_values, fit_target_size, fit_rows }: Json,
  source: Source,
): Check[] {
  const stored = (key: string) => source.floats(`pca_${name}_${key}`);
  const maps = (sizes as [number, number][]).map(([height, width], i) => {
    return { channels, height, width, data: stored(`in${i}`) };
  });
  const fitted = fitPca(maps, { maxPixels: Infinity });
  const components = stored('components');
  const signs = fitted.components.map((weights, k) =>
    weights.reduce((sum, x, c) => sum + x * components[k * channels + c], 0) < 0 ? -1 : 1,
  );
  // a single map is taken at its own size, several at the height of the first
  const target = maps.length > 1 ? maps[0].height : null;
  const rows = target ? maps.length * target * target : maps[0].height * maps[0].width;
  const turned = fitted.components.flatMap((weights, k) => [...weights].map(x => signs[k] * x));
  const checks = [
    allNear('mean', fitted.mean, stored('mean'), 1e-5),
    allNear('components', turned, components, 1e-5),
    allNear('singular values', fitted.singular, stored('singular'), 1e-5 * fitted.singular[0]),
    allNear('singular values as numbers', fitted.singular, singular_values.slice(0, 3), 1e-5 * fitted.singular[0]),
    same('positions', [target, rows], [fit_target_size, fit_rows]),
  ];
  maps.forEach((map, i) => {
    const size = map.height * map.width;
    const expected = stored(`rgb${i}`).map((x, at) => (signs[Math.floor(at / size)] < 0 ? 1 - x : x));
    checks.push(allNear(`picture ${i}`, projectPca(fitted, map), expected, 2e-6));
  });
  return checks;
}

/** Drawing rules, byte for byte: every tensor is one, by its name. */
export const drawing: ProtocolKind = {
  sections: json => ('draw' in json ? ['draw'] : []),
  cases: source => {
    const given = new Set(['draw_image', 'draw_mask', 'probmap_in']);
    const keys = source.keys().filter(key => !given.has(key) && !key.startsWith('pca_'));
    return keys.map(key => ({
      name: `${source.stem}/${key}`,
      skip: rules.some(([pattern]) => pattern.test(key)) ? undefined : unknownKind(`the drawing ${key}`),
      run: () => [checkDrawing(key, source)],
    }));
  },
};

type Rule = (source: Source, value: string, key: string) => Uint8Array | number[];

const rules: readonly [pattern: RegExp, draw: Rule][] = [
  [/^disc_(\d+)$/, drawDisk],
  [/^colormap_hot_bgr$/, () => swapped(heatColors)],
  [/^probmap_bgr$/, source => swapped(heatPicture(gridOf(source, 'probmap_in')).data)],
  [
    /^palette_(\d+)$/,
    (_, count) => Array.from({ length: Number(count) }, (__, label) => [...labelColor(label)]).flat(),
  ],
  [/^darken_lut_([\d.]+)$/, darkened],
  [/^draw_contours_only$/, drawContours],
  [/^draw_points_/, (source, _, key) => drawListed(source, source.json.draw.entries[key])],
  [/^draw_colormask$/, drawColorMask],
  [/^draw_blend_(?:noclicks_)?([\d.]+)$/, (source, brightness, key) => overlay(source, key, Number(brightness))],
  [/^draw_nomask_clicks$/, (source, _, key) => overlay(source, key, 1)],
];

function checkDrawing(key: string, source: Source): Check {
  for (const [pattern, draw] of rules) {
    const found = pattern.exec(key);
    if (found) return allNear(key, draw(source, found[1], key), source.tensor(key).data as Uint8Array, 0);
  }
  throw new Error(`no drawing rule for ${key}`);
}

function picture(source: Source): RgbImage {
  const [height, width] = source.tensor('draw_image').shape;
  return { width, height, data: source.bytes('draw_image') };
}

function gridOf(source: Source, key: string) {
  const [height, width] = source.tensor(key).shape;
  return { width, height, data: source.floats(key) };
}

/** RGB to BGR. */
const swapped = (data: Uint8Array) => data.map((_, i) => data[i - (i % 3) + 2 - (i % 3)]);

/** Around the middle of a black square. */
function drawDisk(source: Source, radius: string, key: string): Uint8Array {
  const [height, width] = source.tensor(key).shape;
  const black = { width, height, data: new Uint8Array(3 * width * height) };
  const middle = { x: (width - 1) / 2, y: (height - 1) / 2 };
  return drawPoints(black, [middle], [1, 1, 1], Number(radius)).data.filter((_, i) => i % 3 === 0);
}

/** All grey levels, outside an empty mask. */
function darkened(_: Source, brightness: string): Uint8Array {
  const levels = { width: 256, height: 1, data: Uint8Array.from({ length: 768 }, (__, i) => Math.floor(i / 3)) };
  const mask = { width: 256, height: 1, data: new Uint8Array(256) };
  const { data } = drawOverlay(levels, { style: 'reference', mask, brightness: Number(brightness) });
  return data.filter((__, i) => i % 3 === 0);
}

function overlay(source: Source, key: string, brightness: number): Uint8Array {
  const image = picture(source);
  return drawOverlay(image, {
    style: 'reference',
    mask: key.includes('nomask') ? undefined : { ...image, data: source.bytes('draw_mask') },
    clicks: key.includes('noclicks') ? [] : toClicks(source.json.draw.clicks),
    brightness,
  }).data;
}

function drawContours(source: Source): Uint8Array {
  const image = picture(source);
  const outline = thickOutline({ ...image, data: source.bytes('draw_mask') }).data;
  return image.data.map((level, i) => (outline[Math.floor(i / 3)] ? [255, 255, 100][i % 3] : level));
}

function drawListed(source: Source, { points, color, radius }: Json): Uint8Array {
  const marks = (points as number[][]).map(([y, x, order]) => ({ x, y, order }));
  return drawPoints(picture(source), marks, color, radius).data;
}

/** Labels over the blended picture. */
function drawColorMask(source: Source): Uint8Array {
  const weight = Number(/alpha ([\d.]+)/.exec(source.json.draw.entries.draw_colormask)?.[1]);
  const image = { ...picture(source), data: overlay(source, '', weight) };
  return paintLabels(image, { ...image, data: Int32Array.from(source.bytes('draw_mask')) }, weight).data;
}
