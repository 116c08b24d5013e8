import { existsSync, readFileSync } from 'node:fs';
import { writeFileAtomic } from '../base/files.ts';
import type { Mask, RgbImage, Target } from '../base/raster.ts';
import type { Dataset } from '../datasets/types.ts';
import { simulateClicks } from '../interaction/simulate.ts';
import type { Probe } from '../probe/probe.ts';
import { encodeImage } from '../report/encode.ts';
import { drawOverlay } from '../report/overlay.ts';
import { fitPca, pcaPicture } from '../report/pca.ts';
import type { EncodedImage, ExampleObject, FeatureExample } from '../report/types.ts';
import type { Clickable } from './clickables.ts';
import type { Config } from './config.ts';
import { FeatureMaps } from './feature-maps.ts';
import type { Frozen } from './frozen.ts';
import { programOptions } from './setup.ts';
import type { TestSet } from './test-sets.ts';

/** After so many clicks masks are shown. */
const SHOWN_CLICKS = [1, 3, 5];

/** What one upsampler made of the example objects of one set. */
interface ExamplePictures {
  id: string;
  source: EncodedImage;
  cells: { afterClicks: number; iou: number; image: EncodedImage }[];
}

/** Evenly spaced indices of a set: the same for every upsampler. */
const spaced = (size: number, wanted: number): number[] => {
  const count = Math.min(size, wanted);
  return Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * size) / count));
};

/** Masks after a few clicks on example objects, stored at `path` and read from there when they exist. */
export async function examplePictures(
  config: Config,
  { dataset }: TestSet,
  open: Clickable['open'],
  path: string,
): Promise<void> {
  if (existsSync(path)) return;
  const makeSession = await open(dataset.name);
  const pictures: ExamplePictures[] = [];
  for (const index of spaced(dataset.size, config.report.examples)) {
    const { id, image, objects } = await dataset.load(index);
    const target = objects[0];
    if (!target) continue;
    const maxClicks = Math.min(Math.max(...SHOWN_CLICKS), config.evaluation.maxClicks);
    const { clicks, ious, masks } = await simulateClicks(makeSession(image), target, {
      maxClicks,
      keepMasksAt: SHOWN_CLICKS,
    });
    const cells = [];
    for (const [afterClicks, mask] of masks) {
      const drawn = drawOverlay(image, { mask, clicks: clicks.slice(0, afterClicks) });
      cells.push({ afterClicks, iou: ious[afterClicks - 1], image: await encodeImage(drawn) });
    }
    const source = await encodeImage(drawOverlay(image, { mask: objectMask(target) }));
    pictures.push({ id: `${id}#0`, source, cells });
  }
  writeFileAtomic(path, JSON.stringify(pictures));
}

const objectMask = ({ width, height, data }: Target): Mask => ({
  width,
  height,
  data: Uint8Array.from(data, label => (label === 1 ? 1 : 0)),
});

/** The stored pictures of several upsamplers, object by object. */
export function gatherExamples(dataset: string, files: ReadonlyMap<string, string>): ExampleObject[] {
  const byId = new Map<string, ExampleObject>();
  for (const [upsampler, path] of files) {
    for (const { id, source, cells } of JSON.parse(readFileSync(path, 'utf8')) as ExamplePictures[]) {
      const example = byId.get(id) ?? { dataset, id, source, cells: [] };
      byId.set(id, example);
      example.cells.push(...cells.map(cell => ({ upsampler, ...cell })));
    }
  }
  return [...byId.values()];
}

/**
 * PCA pictures of the features of a few images at the size of training, before and after each upsampler. The components
 * are those of the low-res features, so that one colour means one thing along a row.
 */
export async function featurePictures(
  config: Config,
  probes: ReadonlyMap<string, Probe>,
  frozen: ReadonlyMap<string, Frozen>,
  dataset: Dataset,
): Promise<FeatureExample[]> {
  const size = config.training.size;
  const images: { id: string; image: RgbImage }[] = [];
  for (const index of spaced(dataset.size, config.report.features)) {
    const { id, image } = await dataset.load(index);
    images.push({ id, image });
  }
  const examples: FeatureExample[] = [];
  for (const { id, image } of images) examples.push({ id, image: await encodeImage(image), maps: [] });

  const { passes: _, ...options } = programOptions(config);
  const [{ backbone }] = probes.values();
  const maps = new FeatureMaps(backbone, options);
  // the low-res features are those of the image as it is: probes that enlarge it come last
  const byFactor = [...probes].sort(([, a], [, b]) => (a.upsampler.imageFactor ?? 1) - (b.upsampler.imageFactor ?? 1));
  try {
    for (const [i, { image }] of images.entries()) {
      maps.show(image, [size, size]);
      const pictures = examples[i].maps;
      let pca: ReturnType<typeof fitPca> | undefined;
      for (const [name, { upsampler }] of byFactor) {
        const { imageFactor = 1 } = upsampler;
        const low = await maps.lowRes(upsampler, frozen.get(name)!);
        if (!pca) {
          pca = fitPca([low]);
          const label = imageFactor === 1 ? 'low-res' : `low-res, the image ${imageFactor} times as large`;
          pictures.push({ name: label, image: await encodePca(pcaPicture(pca, low)) });
        }
        const high = await maps.upsampled(upsampler, frozen.get(name)!);
        if (high !== low) pictures.push({ name, image: await encodePca(pcaPicture(pca, high)) });
      }
    }
  } finally {
    await maps.release();
  }
  return examples;
}

const encodePca = (picture: RgbImage): Promise<EncodedImage> =>
  encodeImage(picture, { format: picture.width < 64 ? 'png' : 'jpeg' });
