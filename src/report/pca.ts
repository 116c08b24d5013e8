import { UserError } from '../base/errors.ts';
import type { RgbImage } from '../base/raster.ts';
import { leadingEigenpairs } from './eigen.ts';

/** Dense features of one image: `data` is [channels, height, width], row-major. */
export interface FeatureMap {
  channels: number;
  height: number;
  width: number;
  data: Float32Array;
}

/**
 * A projection from C channels to three: subtract `mean` [C], multiply by each of `components` [3][C]. `singular` are
 * the singular values of the centred samples: how much each component spreads.
 */
interface Pca {
  mean: Float64Array;
  components: Float64Array[];
  singular: number[];
}

/**
 * The three principal components of several feature maps together, so that the same colour means the same
 * feature in all their pictures. Several maps weigh the same: each is resampled to t x t, t the height of
 * the first (bilinear, half-pixel centres), as in the paper's figures; a single map is taken as it is. Above
 * `maxPixels` positions in all, evenly spaced ones are used.
 *
 * @throws UserError where the maps' channels differ or a map holds NaN or infinity.
 */
export function fitPca(maps: readonly FeatureMap[], options: { maxPixels?: number } = {}): Pca {
  checkMaps(maps);
  const { channels, height } = maps[0];
  const samples = maps.length === 1 ? maps : maps.map(map => resizeBilinear(map, height, height));
  const perMap = samples.map(map => map.height * map.width);
  const available = perMap.reduce((a, b) => a + b, 0);
  const step = Math.max(1, available / (options.maxPixels ?? 2048));
  const picked = Array.from({ length: Math.ceil(available / step) }, (_, i) => Math.floor(i * step));

  const mean = new Float64Array(channels);
  const centred = Array.from({ length: channels }, (_, c) => {
    const row = Float64Array.from(picked, at => {
      const map = Math.floor(at / perMap[0]);
      return samples[map].data[c * perMap[map] + (at - map * perMap[0])];
    });
    mean[c] = row.reduce((a, b) => a + b, 0) / row.length;
    if (!Number.isFinite(mean[c]))
      throw new UserError(`cannot picture the features: channel ${c} holds NaN or infinity`);
    return row.map(value => value - mean[c]);
  });
  const covariance = new Float64Array(channels * channels);
  for (let i = 0; i < channels; i++) {
    for (let j = 0; j <= i; j++) {
      const a = centred[i];
      const b = centred[j];
      let sum = 0;
      for (let k = 0; k < a.length; k++) sum += a[k] * b[k];
      covariance[i * channels + j] = covariance[j * channels + i] = sum / a.length;
    }
  }
  const { values, vectors } = leadingEigenpairs(covariance, channels, 3);
  const singular = values.map(value => Math.sqrt(Math.max(0, value) * picked.length));
  return { mean, components: vectors, singular };
}

/** The lowest and highest value of each of the three components. */
export type PcaRanges = readonly (readonly [low: number, high: number])[];

/**
 * The three components of a map at its own size, [3, height, width], each stretched to 0..1 over `ranges`, by default
 * over this map; what lies beyond is 0 or 1. A component without variation is 0. Needs 20 bytes per position beside
 * the map.
 *
 * @throws UserError where the map's channels are not the fitted ones or it holds NaN or infinity.
 */
export function projectPca(pca: Pca, map: FeatureMap, ranges?: PcaRanges): Float32Array {
  const size = map.height * map.width;
  const out = new Float32Array(3 * size);
  pca.components.forEach((_, k) => {
    const values = component(pca, map, k);
    const [low, high] = ranges?.[k] ?? extremes(values);
    const range = high - low;
    if (range > 0) {
      for (let i = 0; i < size; i++) out[k * size + i] = Math.max(0, Math.min(1, (values[i] - low) / range));
    }
  });
  return out;
}

/** What the components of a map range over: with it other maps get the same colours for the same features. */
export const pcaRanges = (pca: Pca, map: FeatureMap): PcaRanges =>
  pca.components.map((_, k) => extremes(component(pca, map, k)));

/** `projectPca` as a picture: the first component red, the second green, the third blue. */
export function pcaPicture(pca: Pca, map: FeatureMap, ranges?: PcaRanges): RgbImage {
  const planes = projectPca(pca, map, ranges);
  const size = map.height * map.width;
  const data = new Uint8Array(3 * size);
  for (let i = 0; i < size; i++) for (let k = 0; k < 3; k++) data[3 * i + k] = Math.round(planes[k * size + i] * 255);
  return { width: map.width, height: map.height, data };
}

function component(pca: Pca, map: FeatureMap, k: number): Float64Array {
  if (map.channels !== pca.mean.length) {
    throw new UserError(`the map has ${map.channels} channels, the PCA was fitted on ${pca.mean.length}`);
  }
  const size = map.height * map.width;
  const sum = new Float64Array(size);
  for (let c = 0; c < map.channels; c++) {
    const weight = pca.components[k][c];
    const mean = pca.mean[c];
    for (let i = 0, at = c * size; i < size; i++) sum[i] += weight * (map.data[at + i] - mean);
  }
  if (!sum.every(Number.isFinite)) throw new UserError('cannot picture the features: they hold NaN or infinity');
  return sum;
}

function extremes(values: Float64Array): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

function checkMaps(maps: readonly FeatureMap[]): void {
  if (maps.length === 0) throw new UserError('no feature map was given: a PCA picture needs at least one');
  for (const map of maps) {
    if (map.channels !== maps[0].channels) {
      const all = maps.map(each => each.channels).join(', ');
      throw new UserError(`the feature maps have ${all} channels: only maps of equal channels share one PCA`);
    }
    const expected = map.channels * map.height * map.width;
    if (map.data.length !== expected) {
      const shape = `[${map.channels}, ${map.height}, ${map.width}]`;
      throw new RangeError(`a feature map of shape ${shape} holds ${map.data.length} numbers, expected ${expected}`);
    }
  }
}

/** Bilinear with half-pixel centres and clamped borders, without antialiasing. */
function resizeBilinear(map: FeatureMap, height: number, width: number): FeatureMap {
  const rows = sampling(map.height, height);
  const cols = sampling(map.width, width);
  const data = new Float32Array(map.channels * height * width);
  let at = 0;
  for (let c = 0; c < map.channels; c++) {
    const plane = map.data.subarray(c * map.height * map.width);
    for (const row of rows) {
      for (const col of cols) {
        const top = mix(plane[row.low * map.width + col.low], plane[row.low * map.width + col.high], col.weight);
        const bottom = mix(plane[row.high * map.width + col.low], plane[row.high * map.width + col.high], col.weight);
        data[at++] = mix(top, bottom, row.weight);
      }
    }
  }
  return { channels: map.channels, height, width, data };
}

function sampling(from: number, to: number): { low: number; high: number; weight: number }[] {
  return Array.from({ length: to }, (_, i) => {
    const position = Math.max(0, ((i + 0.5) * from) / to - 0.5);
    const low = Math.min(from - 1, Math.floor(position));
    return { low, high: Math.min(from - 1, low + 1), weight: position - low };
  });
}

const mix = (a: number, b: number, weight: number) => a * (1 - weight) + b * weight;
