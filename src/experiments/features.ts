import { setImmediate as otherTasks } from 'node:timers/promises';
import { fileBackbone, isModelFile } from '../backbones/imported/model-file.ts';
import { findBackbone } from '../backbones/registry.ts';
import type { Backbone } from '../backbones/types.ts';
import { suggest, UserError } from '../base/errors.ts';
import { writeFileAtomic } from '../base/files.ts';
import type { RgbImage } from '../base/raster.ts';
import { byteSize } from '../downloads/units.ts';
import type { Size } from '../interaction/zoom.ts';
import { encodePng } from '../report/encode.ts';
import { drawPoints } from '../report/marks.ts';
import { type FeatureMap, fitPca, type PcaRanges, pcaPicture, pcaRanges } from '../report/pca.ts';
import { contactSheet, resizePicture, type SheetRow, withScale } from '../report/sheet.ts';
import { cosineMap, similarityPicture } from '../report/similarity.ts';
import { none } from '../upsamplers/interpolation.ts';
import { openUpsamplers } from '../upsamplers/own/open.ts';
import type { Upsampler } from '../upsamplers/types.ts';
import { writeNpy } from '../weights/npy.ts';
import { writeSafetensors } from '../weights/safetensors.ts';
import type { Weights } from '../weights/weight.ts';
import { filesIn, type RawFormat, requireNew } from './feature-files.ts';
import { FeatureMaps } from './feature-maps.ts';
import { cellOf, inNetwork, networkSize, type Point, requireInside } from './feature-places.ts';
import { type PictureSource, pictureSources } from './feature-sources.ts';
import { type Frozen, loadUpsampler } from './frozen.ts';
import { measuredScale } from './resolve-backbone.ts';
import { type BackboneOptions, backboneConfig, sizeFor } from './upsampler-backbone.ts';
import { ownVersion } from './versions.ts';

/** The longest side of what a network may see, px: far beyond any training, and its picture still fits anywhere. */
const LARGEST = 4096;

export interface FeaturesRequest extends BackboneOptions {
  /** As `pictureSources` takes them. */
  images: readonly string[];
  upsamplers: readonly string[];
  /** Longer side of what the network sees, px. */
  size: number;
  /** Where maps of similarity are drawn to. */
  points: readonly Point[];
  raw?: RawFormat;
  out: string;
  /** Fit the PCA to every map by itself. */
  ownBasis: boolean;
  overwrite: boolean;
  /** By the upsampler's name. */
  upsamplerWeights: Readonly<Record<string, string>>;
  device?: 'cpu' | 'webgpu';
}

/** What was made of one map, with the paths of the files. */
interface MapFiles {
  /** `low-res` or the upsampler's name. */
  name: string;
  channels: number;
  height: number;
  width: number;
  seconds: number;
  picture: string;
  raw?: string;
  /** `low` is black in the picture, 1 is white. */
  similarities: { x: number; y: number; low: number; picture: string; raw?: string }[];
}

export interface PictureFiles {
  image: string;
  /** Of the image, and of what the network saw of it, px. */
  size: { height: number; width: number };
  networkSize: { height: number; width: number };
  backbone: string;
  sheet: string;
  maps: MapFiles[];
}

export type FeaturesEvent =
  | { type: 'progress'; done: number; total: number; detail: string }
  | { type: 'note'; text: string }
  | { type: 'picture'; files: PictureFiles };

export interface FeaturesControl {
  emit(event: FeaturesEvent): void;
  signal: AbortSignal;
}

/** An upsampler with its weights. */
interface Ready {
  /** In file names and on the sheet. */
  name: string;
  upsampler: Upsampler;
  frozen: Frozen;
}

/**
 * Writes PCA pictures of the features of pictures, and on request maps of similarity and the features themselves, for
 * every picture into a folder of its own.
 *
 * @throws UserError, before anything is written where an option is wrong; the signal's reason between two maps
 */
export async function writeFeatures(request: FeaturesRequest, { emit, signal }: FeaturesControl): Promise<void> {
  const upsamplers = [...(await openUpsamplers(request.upsamplers)).values()].filter(each => each !== none);
  const unused = Object.keys(request.upsamplerWeights).find(name => !upsamplers.some(each => each.name === name));
  if (unused !== undefined) {
    const names = upsamplers.map(each => each.name);
    throw new UserError(`--upsampler-weights ${unused}=FILE: --upsampler does not name it: ${suggest(unused, names)}`);
  }
  if (request.size > LARGEST) throw new UserError(`--size ${request.size}: expected at most ${LARGEST} px`);
  const pictures = pictureSources(request.images);
  if (!request.overwrite) requireNew(request, pictures, ['low-res', ...upsamplers.map(each => each.name)]);

  const ready: Ready[] = [];
  const { backbone, weights, fixedSize } = await openBackbone(request, text => emit({ type: 'note', text }));
  for (const upsampler of [none, ...upsamplers]) {
    const name = upsampler === none ? 'low-res' : upsampler.name;
    const loaded = await loadUpsampler(
      { backbone, upsampler, upsamplerWeights: request.upsamplerWeights[name] },
      {
        signal,
        onNote: text => emit({ type: 'note', text }),
        onProgress: ({ done }) =>
          emit({ type: 'progress', done: 0, total: 0, detail: `fetching weights of ${name}: ${byteSize(done)}` }),
      },
    );
    ready.push({ name, upsampler, frozen: { backbone: weights, upsampler: loaded.weights } });
  }

  const maps = new FeatureMaps(backbone, {
    ...(request.threads && { threads: request.threads }),
    ...(request.device && { device: request.device }),
  });
  const total = pictures.length * ready.length;
  try {
    for (const [i, picture] of pictures.entries()) {
      const onMap = async (name: string, done: number) => {
        emit({ type: 'progress', done: i * ready.length + done, total, detail: `${picture.name}: ${name}` });
        // lets a request to stop through
        await otherTasks();
        signal.throwIfAborted();
      };
      emit({ type: 'picture', files: await onePicture(request, picture, backbone, fixedSize, ready, maps, onMap) });
    }
  } finally {
    await maps.release();
  }
}

/**
 * A backbone of the registry, or one from a file, its features multiplied as in a bench or an upsampler's training.
 * `fixedSize` is the only one that it takes.
 */
async function openBackbone(
  request: FeaturesRequest,
  onNote: (text: string) => void,
): Promise<{ backbone: Backbone; weights: Weights; fixedSize: Size | null }> {
  const { backbone: name, onnx, threads } = backboneConfig(request, request.size);
  if (!isModelFile(name)) {
    const backbone = findBackbone(name);
    return { backbone, weights: await backbone.weights(request.weights), fixedSize: null };
  }
  const backbone = fileBackbone(name, onnx, request.size);
  const weights = await backbone.weights(request.weights);
  const side = sizeFor(backbone, request.size);
  const measured = () => measuredScale(backbone, weights, backbone.size ?? [side, side], threads, onNote);
  const featureScale = onnx.scale === 'auto' ? await measured() : onnx.scale;
  return { backbone: { ...backbone, featureScale }, weights, fixedSize: backbone.size };
}

async function onePicture(
  request: FeaturesRequest,
  { name, id, load }: PictureSource,
  backbone: Backbone,
  fixedSize: Size | null,
  ready: readonly Ready[],
  maps: FeatureMaps,
  onMap: (name: string, done: number) => Promise<void>,
): Promise<PictureFiles> {
  await onMap('reading', 0);
  const image = await load();
  const own: Size = [image.height, image.width];
  for (const point of request.points) requireInside(point, own, name);
  const size = fixedSize ?? networkSize(own, request.size, backbone.stride);
  const seen = maps.show(image, size);

  const path = filesIn(request, id);
  const shown = asPicture(seen, size);
  const dots = request.points.map(point => inNetwork(point, own, size));
  const columns = ['image', ...ready.map(each => each.name)];
  const pcaRow: RgbImage[] = [shown];
  const similarityRows = dots.map(dot => [withDot(shown, dot)]);
  const lows: number[] = [];
  const files: MapFiles[] = [];
  let common: { pca: ReturnType<typeof fitPca>; ranges: PcaRanges } | undefined;

  for (const [i, { name: mapName, upsampler, frozen }] of ready.entries()) {
    await onMap(mapName, i);
    const start = performance.now();
    const map = await maps.upsampled(upsampler, frozen);
    const seconds = (performance.now() - start) / 1000;
    if (!common) {
      const pca = fitPca([map]);
      common = { pca, ranges: pcaRanges(pca, map) };
    }
    const small = request.ownBasis ? pcaPicture(fitPca([map]), map) : pcaPicture(common.pca, map, common.ranges);
    const picture = await enlarged(small, size);
    await writePng(path.picture(mapName), picture);
    pcaRow.push(picture);

    const similarities: MapFiles['similarities'] = [];
    for (const [p, point] of request.points.entries()) {
      const cosines = cosineMap(map, cellOf(dots[p], size, map));
      lows[p] ??= Math.min(1, ...extent(cosines.data));
      const drawn = withDot(await enlarged(similarityPicture(cosines, lows[p]), size), dots[p]);
      similarityRows[p].push(drawn);
      await writePng(path.similarity(mapName, point), withScale(drawn, scaleText(point, lows[p])));
      if (request.raw) writeNpy(path.rawSimilarity(mapName, point), [map.height, map.width], cosines.data);
      similarities.push({
        ...{ ...point, low: lows[p], picture: path.similarity(mapName, point) },
        ...(request.raw && { raw: path.rawSimilarity(mapName, point) }),
      });
    }
    if (request.raw) writeRaw(request.raw, path.raw(mapName), map, { backbone, mapName, size, image: name });
    files.push({
      ...{ name: mapName, channels: map.channels, height: map.height, width: map.width, seconds },
      ...{ picture: path.picture(mapName), ...(request.raw && { raw: path.raw(mapName) }), similarities },
    });
  }

  const rows: SheetRow[] = [
    { pictures: pcaRow, caption: request.ownBasis ? 'PCA, a basis for each' : 'PCA, the basis of low-res' },
    ...request.points.map((point, p) => ({
      ...{ pictures: similarityRows[p], low: lows[p], caption: scaleText(point, lows[p]) },
    })),
  ];
  const title = `${name}, ${backbone.name}, ${size[1]} x ${size[0]} px`;
  await writePng(path.sheet, await contactSheet(title, columns, rows));
  return {
    image: name,
    size: { height: image.height, width: image.width },
    networkSize: { height: size[0], width: size[1] },
    backbone: backbone.name,
    sheet: path.sheet,
    maps: files,
  };
}

function asPicture(pixels: Float32Array, [height, width]: Size): RgbImage {
  const area = height * width;
  const data = new Uint8Array(3 * area);
  for (let c = 0; c < 3; c++) for (let i = 0; i < area; i++) data[3 * i + c] = Math.round(255 * pixels[c * area + i]);
  return { width, height, data };
}

const enlarged = (picture: RgbImage, [height, width]: Size) => resizePicture(picture, width, height);

function withDot(picture: RgbImage, dot: Point): RgbImage {
  const radius = Math.max(2, Math.round(Math.max(picture.width, picture.height) / 100));
  return drawPoints(drawPoints(picture, [dot], [0, 0, 0], radius + 1), [dot], [0, 255, 0], radius);
}

function extent(values: Float32Array): [number] {
  let low = Number.POSITIVE_INFINITY;
  for (const value of values) if (value < low) low = value;
  return [low];
}

const scaleText = ({ x, y }: Point, low: number): string => `cosine with ${x},${y}: ${low.toFixed(2)} (black) to 1`;

const writePng = async (path: string, picture: RgbImage): Promise<void> =>
  writeFileAtomic(path, await encodePng(picture));

function writeRaw(
  format: RawFormat,
  path: string,
  map: FeatureMap,
  { backbone, mapName, size, image }: { backbone: Backbone; mapName: string; size: Size; image: string },
): void {
  const shape = [map.channels, map.height, map.width];
  if (format === 'npy') {
    writeNpy(path, shape, map.data);
    return;
  }
  writeSafetensors(path, new Map([['features', { shape, data: map.data }]]), {
    format: 'clickprobe-features-1',
    clickprobe: ownVersion(),
    backbone: backbone.name,
    upsampler: mapName,
    image,
    network_width: String(size[1]),
    network_height: String(size[0]),
    normalisation: JSON.stringify(backbone.normalisation),
  });
}
