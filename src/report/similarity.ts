import { UserError } from '../base/errors.ts';
import type { Grid, RgbImage } from '../base/raster.ts';
import { heatPicture } from './heat.ts';
import type { FeatureMap } from './pca.ts';

/**
 * The cosine between each position's features and those of one position, -1..1; 0 where either is all zero. Needs 20
 * bytes per position beside the map.
 *
 * @throws RangeError where the position is outside; UserError where the map holds NaN or infinity
 */
export function cosineMap(map: FeatureMap, { row, column }: { row: number; column: number }): Grid<Float32Array> {
  const { channels, height, width, data } = map;
  if (!(row >= 0 && row < height && column >= 0 && column < width)) {
    throw new RangeError(`row ${row}, column ${column} is outside a map of ${height} x ${width}`);
  }
  const size = height * width;
  const at = row * width + column;
  const products = new Float64Array(size);
  const squares = new Float64Array(size);
  for (let c = 0; c < channels; c++) {
    const plane = data.subarray(c * size, (c + 1) * size);
    const own = plane[at];
    for (let i = 0; i < size; i++) {
      products[i] += own * plane[i];
      squares[i] += plane[i] * plane[i];
    }
  }
  const cosines = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    if (!Number.isFinite(squares[i])) throw new UserError('cannot compare the features: they hold NaN or infinity');
    const lengths = Math.sqrt(squares[i] * squares[at]);
    if (lengths > 0) cosines[i] = Math.max(-1, Math.min(1, products[i] / lengths));
  }
  return { height, width, data: cosines };
}

/** Cosines as a picture: `low` and what is below black, 1 white (`heatColors` between them). */
export function similarityPicture({ width, height, data }: Grid<Float32Array>, low: number): RgbImage {
  const levels = data.map(value => (low < 1 ? (value - low) / (1 - low) : 1));
  return heatPicture({ width, height, data: levels });
}
