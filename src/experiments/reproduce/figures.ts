import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { writeFileAtomic } from '../../base/files.ts';
import type { RgbImage } from '../../base/raster.ts';
import { nextClick } from '../../interaction/clicker.ts';
import { encodeImage, encodePng } from '../../report/encode.ts';
import { drawPoints } from '../../report/marks.ts';
import { fitPca, type PcaRanges, pcaPicture, pcaRanges } from '../../report/pca.ts';
import { contactSheet, resizePicture } from '../../report/sheet.ts';
import type { EncodedImage } from '../../report/types.ts';
import type { Control } from '../events.ts';
import { FeatureMaps } from '../feature-maps.ts';
import { inNetwork } from '../feature-places.ts';
import { loadUpsampler } from '../frozen.ts';
import { gatherExamples } from '../pictures.ts';
import { resolveBackbone } from '../resolve-backbone.ts';
import { RunFolder } from '../run-folder.ts';
import { makeProbes, programOptions } from '../setup.ts';
import { isProtocol, openTestSets } from '../test-sets.ts';
import type { Job } from './jobs.ts';

/** A figure of one image, for the report. */
export interface FigurePicture {
  id: string;
  columns: string[];
  rows: { label: string; pictures: ({ image: EncodedImage; alt: string; caption?: string } | undefined)[] }[];
  /** The PNG file of all. */
  file: string;
}

/** Images shown. */
const SHOWN = 3;
/** Masks are shown after these clicks. */
const SHOWN_CLICKS = [1, 3];

/**
 * Features of a few test images after each upsampler, in the colours of the low-res ones, with the first click as a green
 * dot. Writes a PNG file for each.
 *
 * @throws the signal's reason between two maps
 */
export async function featureFigures(
  { config, out: own }: Job,
  name: string,
  { emit, signal }: Control,
): Promise<FigurePicture[]> {
  const [{ dataset }] = await openTestSets(config);
  const backbone = resolveBackbone(config);
  const weights = await backbone.weights(config.weights ?? undefined);
  const probes = makeProbes(config);
  const { size } = config.training;
  const { passes: _, ...options } = programOptions(config);
  const maps = new FeatureMaps(backbone, options);
  const count = Math.min(SHOWN, dataset.size);
  emit({ type: 'plan', stages: [{ kind: 'draw', upsampler: name, units: count * probes.size }] });
  const figures: FigurePicture[] = [];
  try {
    for (let i = 0; i < count; i++) {
      const { id, image, objects } = await dataset.load(Math.floor(((i + 0.5) * dataset.size) / count));
      if (!objects[0]) continue;
      const empty = { width: image.width, height: image.height, data: new Uint8Array(image.width * image.height) };
      const click = nextClick(objects[0], empty, []);
      maps.show(image, [size, size]);
      const dot = inNetwork(click, [image.height, image.width], [size, size]);
      const shown = withDot(await resizePicture(image, size, size), dot);
      const columns = ['image'];
      const pictures = [shown];
      let common: { pca: ReturnType<typeof fitPca>; ranges: PcaRanges } | undefined;
      for (const [upsamplerName, { upsampler }] of probes) {
        emit({
          type: 'progress',
          stage: 0,
          done: figures.length * probes.size + columns.length - 1,
          detail: `${id}: ${upsamplerName}`,
        });
        signal.throwIfAborted();
        const loaded = await loadUpsampler(
          { backbone, upsampler, upsamplerWeights: config.upsamplerWeights[upsamplerName] },
          { signal, onNote: text => emit({ type: 'note', text }) },
        );
        const frozen = { backbone: weights, upsampler: loaded.weights };
        if (!common) {
          const low = await maps.lowRes(upsampler, frozen);
          const pca = fitPca([low]);
          common = { pca, ranges: pcaRanges(pca, low) };
        }
        const map = await maps.upsampled(upsampler, frozen);
        const picture = await resizePicture(pcaPicture(common.pca, map, common.ranges), size, size);
        columns.push(upsamplerName === 'none' ? 'low-res' : upsamplerName);
        pictures.push(withDot(picture, dot));
      }
      figures.push(
        await figureFile({
          id: `${id}, ${backbone.name}, ${size} px`,
          columns,
          rows: [{ label: 'PCA', pictures, captions: [] }],
          out: dirname(own),
          name,
          index: i,
        }),
      );
    }
  } finally {
    await maps.release();
  }
  return figures;
}

function withDot(picture: RgbImage, dot: { x: number; y: number }): RgbImage {
  const radius = Math.max(2, Math.round(picture.width / 50));
  return drawPoints(drawPoints(picture, [dot], [0, 0, 0], radius + 1), [dot], [0, 255, 0], radius);
}

/** Masks after the first and the third click out of a finished run, object by object. Writes a PNG file for each. */
export async function maskFigures({ config, out }: Job, name: string): Promise<FigurePicture[]> {
  const folder = new RunFolder(out);
  const figures: FigurePicture[] = [];
  for (const { name: set } of (await openTestSets(config)).filter(isProtocol)) {
    const files = new Map(config.upsamplers.map(upsampler => [upsampler, folder.pictures(upsampler, set)]));
    for (const { id, source, cells } of gatherExamples(set, files)) {
      const columns = ['object', ...config.upsamplers.map(each => (each === 'none' ? 'low-res' : each))];
      const truth = await decoded(source);
      const rows: FigureRow[] = [];
      for (const clicks of SHOWN_CLICKS) {
        const own = config.upsamplers.map(upsampler =>
          cells.find(cell => cell.upsampler === upsampler && cell.afterClicks === clicks),
        );
        if (own.every(cell => cell === undefined)) continue;
        const pictures = await Promise.all(own.map(cell => cell && decoded(cell.image)));
        const captions = ['', ...own.map(cell => (cell ? `IoU ${(100 * cell.iou).toFixed(1)} %` : ''))];
        rows.push({ label: clicks === 1 ? '1 click' : `${clicks} clicks`, pictures: [truth, ...pictures], captions });
      }
      figures.push(await figureFile({ id, columns, rows, out: dirname(out), name, index: figures.length }));
    }
  }
  return figures;
}

async function decoded({ dataUri }: EncodedImage): Promise<RgbImage> {
  const bytes = Buffer.from(dataUri.slice(dataUri.indexOf(',') + 1), 'base64');
  const { data, info } = await sharp(bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: Uint8Array.from(data) };
}

interface FigureRow {
  label: string;
  pictures: (RgbImage | undefined)[];
  /** By column; empty for none. */
  captions: string[];
}

async function figureFile(figure: {
  id: string;
  columns: string[];
  rows: FigureRow[];
  out: string;
  name: string;
  index: number;
}): Promise<FigurePicture> {
  const { id, columns, rows, out, name, index } = figure;
  const file = join(out, `${name}-${index + 1}.png`);
  const sheetRows = rows.map(({ label, pictures, captions }) => ({
    pictures,
    captions: [label, ...captions.slice(1)],
  }));
  writeFileAtomic(file, await encodePng(await contactSheet(id, columns, sheetRows)));
  const encoded = await Promise.all(
    rows.map(async ({ label, pictures, captions }) => ({
      label,
      pictures: await Promise.all(
        pictures.map(async (picture, i) => {
          if (!picture) return undefined;
          const caption = captions[i];
          const alt = `${id}, ${columns[i]}, ${label}${caption ? `, ${caption}` : ''}`;
          return { image: await encodeImage(picture), alt, ...(caption && { caption }) };
        }),
      ),
    })),
  );
  return { id, columns, rows: encoded, file };
}
