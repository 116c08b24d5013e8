import { reshape } from '../graph/ops/basic.ts';
import { after, concat, pad, recomputed, slice, transpose } from '../graph/ops/layout.ts';
import { matmul, resample } from '../graph/ops/linear.ts';
import { windows } from '../graph/ops/windows.ts';
import { constant, count, type Matrix, type Tensor } from '../graph/tensor.ts';
import { replicatePad } from '../nn/resize.ts';

/**
 * A map cut into square tiles of low-res cells. The output pixels of a tile are sums over its window: its own cells and
 * `reach` more to every side. Larger tiles copy less (the windows overlap less) and multiply more.
 */
export interface Tiling {
  /** Cells along the side of a tile. */
  cells: number;
  /** Cells that a tile sees beyond its own, to every side. */
  reach: number;
  /** Output pixels per cell, down and across. */
  factor: readonly [number, number];
}

/** Tiles down and across that cover [h,w] cells; the last ones may stand out. */
const tileGrid = ({ cells }: Tiling, h: number, w: number): [number, number] => [
  Math.ceil(h / cells),
  Math.ceil(w / cells),
];

/** Cells along the side of a window. */
export const windowSide = ({ cells, reach }: Tiling): number => cells + 2 * reach;

interface SpreadOptions {
  /** What cells beyond the map are: 0, or the nearest cell of the map. */
  border?: 'zero' | 'nearest';
  /** Weights are [.., cells of a window, pixels of a tile]. */
  cellsFirst?: boolean;
  /** What copied windows may take at once; 32 MB by default. */
  windowBytes?: number;
}

const WINDOW_BYTES = 32e6;
/** What copied windows take where a row of tiles is so small: they are multiplied while the processor's cache has them. */
const CACHED_BYTES = 4e6;

/**
 * Makes the weights of `count` rows of tiles from `row` on: [B*groups, count, tiles across, pixels of a tile, cells of a
 * window].
 */
type TileWeights = (row: number, count: number) => Tensor;

/**
 * Makes every output pixel a weighted sum of the cells in its tile's window, with the same weights for all channels of a
 * group: one matrix product per tile and group. Tiles are done in bands of rows, one after the other, whose copied
 * windows take at most `windowBytes`, or one row of tiles. Windows that would take more together are copied again for
 * gradients to the weights.
 *
 * @param features [B,C,h,w].
 * @param weights [B*groups, tiles down, tiles across, pixels of a tile, cells of a window], both row-major; or band by
 *   band.
 * @returns [B, C, h*factor, w*factor].
 */
export function spreadTiles(
  features: Tensor,
  weights: Tensor | TileWeights,
  tiling: Tiling,
  { border = 'zero', cellsFirst = false, windowBytes = WINDOW_BYTES }: SpreadOptions = {},
): Tensor {
  const { cells, reach, factor } = tiling;
  const [b, c, h, w] = features.shape;
  const [down, across] = tileGrid(tiling, h, w);
  const side = windowSide(tiling);
  const rowBytes = 4 * across * side * side * c;
  const bandBytes = rowBytes > CACHED_BYTES ? windowBytes : Math.min(windowBytes, CACHED_BYTES);
  const rows = Math.min(down, Math.max(1, Math.floor(bandBytes / rowBytes)));
  const held = down * rowBytes <= windowBytes;

  const known = new Map<number, Tensor>();
  const weightsOf = (row: number, rows: number): Tensor => {
    const made = known.get(row) ?? (typeof weights === 'function' ? weights(row, rows) : slice(weights, 1, row, rows));
    known.set(row, made);
    return made;
  };
  const groups = weightsOf(0, rows).shape[0] / b;
  const channels = c / groups;
  const byGroup = reshape(features, [b * groups, channels, h, w]);
  const padded = transpose(extended(byGroup, [down * cells, across * cells], reach, border), [0, 2, 3, 1]);
  let last: Tensor | undefined;
  const band = (image: Tensor, index: number, row: number): Tensor => {
    const own = Math.min(rows, down - row);
    const cut = slice(image, 1, row * cells, (own - 1) * cells + side);
    const strip = last ? after(cut, last) : cut;
    const made = windowsOf(strip, tiling);
    const seen = held ? made : recomputed(made, strip);
    const all = slice(weightsOf(row, own), 0, index * groups, groups);
    const products = matmul(reshape(all, [groups * own * across, ...all.shape.slice(3)]), seen, { transA: cellsFirst });
    const [tall, wide] = [cells * factor[0], cells * factor[1]];
    const tiles = reshape(products, [groups, own, across, tall, wide, channels]);
    last = reshape(transpose(tiles, [0, 5, 1, 3, 2, 4]), [1, c, own * tall, across * wide]);
    return last;
  };
  const images = Array.from({ length: b }, (_, index) => {
    const image = slice(padded, 0, index * groups, groups);
    const starts = Array.from({ length: Math.ceil(down / rows) }, (_, i) => i * rows);
    return concat(
      starts.map(row => band(image, index, row)),
      2,
    );
  });
  return slice(slice(concat(images, 0), 2, 0, h * factor[0]), 3, 0, w * factor[1]);
}

/**
 * Every window of a map at once, for maps of few channels.
 *
 * @param map [B,C,h,w].
 * @returns [B*tiles down*tiles across, cells of a window, C].
 */
export function tileWindows(map: Tensor, tiling: Tiling, border: 'zero' | 'nearest'): Tensor {
  const [down, across] = tileGrid(tiling, map.shape[2], map.shape[3]);
  const size = [down * tiling.cells, across * tiling.cells];
  const padded = transpose(extended(map, size, tiling.reach, border), [0, 2, 3, 1]);
  return windowsOf(padded, tiling);
}

/** Every window of a map with cells around it: [B,h,w,C] -> [B*tiles down*tiles across, cells of a window, C]. */
function windowsOf(padded: Tensor, tiling: Tiling): Tensor {
  const all = windows(padded, windowSide(tiling), tiling.cells);
  return reshape(all, [count(all.shape.slice(0, 3)), ...all.shape.slice(3)]);
}

/** [B,C,h,w] with `reach` cells around it and as many more at the end as fill the last tiles. */
function extended(map: Tensor, [height, width]: number[], reach: number, border: 'zero' | 'nearest'): Tensor {
  const [h, w] = map.shape.slice(2);
  const [bottom, right] = [height - h + reach, width - w + reach];
  if (border === 'nearest') return resample(map, replicatePad(h, reach, bottom), replicatePad(w, reach, right));
  return pad(map, [
    [2, reach, bottom],
    [3, reach, right],
  ]);
}

/** A place relative to a pixel's own cell, in cells down and across. */
export type Tap = readonly [number, number];

/** All places up to `reach` cells away, row by row. */
export const squareTaps = (reach: number): Tap[] => {
  const side = 2 * reach + 1;
  return Array.from({ length: side * side }, (_, i) => [Math.floor(i / side) - reach, (i % side) - reach]);
};

/** Which cell of its tile's window a tap of a pixel is, both row-major. */
function cellOfTap({ cells, reach, factor }: Tiling, pixel: number, [down, across]: Tap): number {
  const width = cells * factor[1];
  const row = Math.floor(Math.floor(pixel / width) / factor[0]) + reach + down;
  const column = Math.floor((pixel % width) / factor[1]) + reach + across;
  return row * (cells + 2 * reach) + column;
}

const pixelsOf = ({ cells, factor }: Tiling): number => cells * cells * factor[0] * factor[1];

/** [B,C,H,W] as pixels of tiles: [B, tiles down, tiles across, pixels of a tile, C]; zeros where tiles stand out. */
export function tilePixels(map: Tensor, tiling: Tiling): Tensor {
  const { cells, factor } = tiling;
  const [b, c, height, width] = map.shape;
  const [down, across] = tileGrid(tiling, height / factor[0], width / factor[1]);
  const [rows, columns] = [cells * factor[0], cells * factor[1]];
  const whole = pad(map, [
    [2, 0, down * rows - height],
    [3, 0, across * columns - width],
  ]);
  const parts = transpose(reshape(whole, [b, c, down, rows, across, columns]), [0, 2, 4, 3, 5, 1]);
  return reshape(parts, [b, down, across, rows * columns, c]);
}

/**
 * Weights of some cells around each pixel's own cell, as weights over the windows of tiles.
 *
 * @param kernels [B,taps,H,W] for a map of h*factor by w*factor pixels.
 * @returns [B, tiles down, tiles across, pixels, cells], for `spreadTiles`.
 */
export function kernelTiles(kernels: Tensor, taps: readonly Tap[], tiling: Tiling): Tensor {
  const [pixels, cells] = [pixelsOf(tiling), windowSide(tiling) ** 2];
  const data = new Float32Array(pixels * taps.length * cells);
  for (let p = 0; p < pixels; p++) {
    for (const [i, tap] of taps.entries()) data[(p * taps.length + i) * cells + cellOfTap(tiling, p, tap)] = 1;
  }
  const places = constant(data, [pixels, taps.length, cells]);
  const parts = tilePixels(kernels, tiling);
  const [b, down, across] = parts.shape;
  const byPixel = reshape(transpose(parts, [3, 0, 1, 2, 4]), [pixels, b * down * across, taps.length]);
  const placed = reshape(matmul(byPixel, places), [pixels, b, down, across, cells]);
  return transpose(placed, [1, 2, 3, 0, 4]);
}

/** Numbers for every pixel of a tile and every cell of its window, [pixels, cells]: 0 at the taps, else `otherwise`. */
export function tapMask(taps: readonly Tap[], otherwise: number, tiling: Tiling): Tensor {
  const [pixels, cells] = [pixelsOf(tiling), windowSide(tiling) ** 2];
  const data = new Float32Array(pixels * cells).fill(otherwise);
  for (let p = 0; p < pixels; p++) for (const tap of taps) data[p * cells + cellOfTap(tiling, p, tap)] = 0;
  return constant(data, [pixels, cells]);
}

/**
 * Weights over taps of a finer map that is itself made of cells, as weights over the windows of tiles. Both axes are
 * separable: tap i of row y takes `rows[y, i, cell]` of every row of cells.
 *
 * @param kernels makes those of some rows of pixels, [B,rows,W,k*k]
 * @param rows [H*k, h]: what the taps of every row of pixels are made of; nothing beyond the window
 * @param columns [W*k, w]: the same across
 */
export function tapTiles(
  kernels: (row: number, rows: number) => Tensor,
  rows: Matrix,
  columns: Matrix,
  tiling: Tiling,
): TileWeights {
  const { cells, factor } = tiling;
  const [height, width] = [rows.cols * factor[0], columns.cols * factor[1]];
  const k = rows.rows / height;
  const side = windowSide(tiling);
  const [down, across] = tileGrid(tiling, rows.cols, columns.cols);
  const pixels = [cells * factor[0], cells * factor[1]];
  const wide = across * pixels[1];
  const rowTaps = inWindows(rows, down * pixels[0], k, pixels[0], tiling);
  const columnTaps = inWindows(columns, wide, k, pixels[1], tiling);
  return (row, count) => {
    const [top, tall] = [row * pixels[0], count * pixels[0]];
    const own = kernels(top, Math.min(tall, height - top));
    const b = own.shape[0];
    const whole = pad(own, [
      [1, 0, tall - own.shape[1]],
      [2, 0, wide - width],
    ]);
    const columnFirst = reshape(transpose(reshape(whole, [b, tall, wide, k * k]), [0, 2, 1, 3]), [
      b,
      wide,
      tall * k,
      k,
    ]);
    // [b, wide, tall*k, side]
    const acrossed = matmul(columnFirst, columnTaps);
    const rowFirst = reshape(transpose(reshape(acrossed, [b, wide, tall, k, side]), [0, 2, 3, 1, 4]), [
      b,
      tall,
      k,
      wide * side,
    ]);
    // [b, tall, side, wide*side]
    const both = matmul(slice(rowTaps, 0, top, tall), rowFirst, { transA: true });
    const parts = reshape(both, [b, count, pixels[0], side, across, pixels[1], side]);
    return reshape(transpose(parts, [0, 1, 4, 2, 5, 3, 6]), [b, count, across, pixels[0] * pixels[1], side * side]);
  };
}

/** The columns of a matrix [size*k, cells] that lie in the window of each pixel's tile: [length, k, side]. */
function inWindows({ rows, cols, data }: Matrix, length: number, k: number, pixels: number, tiling: Tiling): Tensor {
  const side = windowSide(tiling);
  const out = new Float32Array(length * k * side);
  for (let row = 0; row < rows; row++) {
    const first = Math.floor(Math.floor(row / k) / pixels) * tiling.cells - tiling.reach;
    for (let i = 0; i < side; i++) {
      if (first + i >= 0 && first + i < cols) out[row * side + i] = data[row * cols + first + i];
    }
  }
  return constant(out, [length, k, side]);
}
