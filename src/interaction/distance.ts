import type { Grid, Mask } from '../base/raster.ts';

/**
 * The exact Euclidean distance transform: for every set pixel the squared distance to the nearest unset one, 0 for
 * unset pixels. What lies outside the mask counts as unset. Two passes: along columns, then the lower envelope of
 * parabolas along rows (Felzenszwalb and Huttenlocher 2012), all in integers, so that equal distances are equal.
 *
 * @returns squared distances in pixels, the mask's size
 */
export function squaredDistances(mask: Mask): Grid<Int32Array> {
  const { width, height, data } = mask;
  const distances = new Int32Array(width * height);
  columnPass(data, distances, width, height);
  const sites = new Int32Array(width + 2);
  const starts = new Float64Array(width + 3);
  const heights = new Int32Array(width + 2);
  for (let y = 0; y < height; y++) {
    const row = y * width;
    for (let x = 0; x < width; x++) {
      if (distances[row + x] === 0) continue;
      const first = x;
      while (x < width && distances[row + x] !== 0) x++;
      envelope(distances, row + first, x - first, sites, starts, heights);
    }
  }
  return { width, height, data: distances };
}

/** Into `distances`: the distance to the nearest unset pixel of the same column, not squared. */
function columnPass(data: Uint8Array, distances: Int32Array, width: number, height: number): void {
  for (let x = 0; x < width; x++) distances[x] = data[x] === 0 ? 0 : 1;
  for (let i = width; i < data.length; i++) distances[i] = data[i] === 0 ? 0 : distances[i - width] + 1;
  for (let i = width * (height - 1); i < data.length; i++) if (distances[i] > 1) distances[i] = 1;
  for (let i = width * (height - 1) - 1; i >= 0; i--) {
    const below = distances[i + width] + 1;
    if (below < distances[i]) distances[i] = below;
  }
}

/**
 * Replaces a run of column distances by squared distances. A run is closed by an unset pixel on both sides, which is
 * nearer than anything beyond it: position 0 and `length + 1` stand for these two.
 */
function envelope(
  distances: Int32Array,
  offset: number,
  length: number,
  sites: Int32Array,
  starts: Float64Array,
  heights: Int32Array,
): void {
  heights[0] = 0;
  heights[length + 1] = 0;
  for (let i = 0; i < length; i++) heights[i + 1] = distances[offset + i] * distances[offset + i];
  let last = 0;
  sites[0] = 0;
  starts[0] = -Infinity;
  for (let u = 1; u <= length + 1; u++) {
    let start = crossing(heights, sites[last], u);
    while (start <= starts[last]) start = crossing(heights, sites[--last], u);
    last++;
    sites[last] = u;
    starts[last] = start;
  }
  starts[last + 1] = Infinity;
  let at = 0;
  for (let x = 1; x <= length; x++) {
    while (starts[at + 1] < x) at++;
    const dx = x - sites[at];
    distances[offset + x - 1] = dx * dx + heights[sites[at]];
  }
}

/** Where the parabola over `b` gets below the one over `a`. */
function crossing(heights: Int32Array, a: number, b: number): number {
  return (heights[b] + b * b - heights[a] - a * a) / (2 * (b - a));
}
