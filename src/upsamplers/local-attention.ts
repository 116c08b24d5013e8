import { inTurn } from '../graph/in-turn.ts';
import { reshape, sum } from '../graph/ops/basic.ts';
import { add } from '../graph/ops/elementwise.ts';
import { concat, pad, slice, transpose } from '../graph/ops/layout.ts';
import { matmul, resample } from '../graph/ops/linear.ts';
import { softmax } from '../graph/ops/reduce.ts';
import { constant, type Matrix, type Tensor } from '../graph/tensor.ts';
import { type AttentionOptions, chunks, holding } from './attention.ts';

/** What the softmax makes 0, without the NaN of infinities in gradients. */
export const UNSEEN = -1e9;

/** Pixels along the side of a tile, at least: smaller products are slower. */
const LEAST_SIDE = 8;

export interface LocalAttention extends AttentionOptions {
  /** [B,heads*d,H,W]. */
  queries: Tensor;
  /** [B,heads*d,h,w]. */
  keys: Tensor;
  /** [B,C,h,w]. */
  values: Tensor;
  heads: number;
  /** Log weights of rows of cells at rows of pixels [H,h], `UNSEEN` where a pixel does not see a row. */
  down: Matrix;
  /** The same across [W,w]. A pixel sees the cells that it sees on both axes. */
  across: Matrix;
  /** `average`: weights averaged over the heads, for all channels. `groups`: each head weighs a group of channels. */
  heading: 'average' | 'groups';
  /** The weights come from the image alone: where all of them fit into the memory, they are kept for the next click. */
  fixed: boolean;
}

/**
 * Attention of pixels to the cells around them. Pixels are cut into tiles of about one cell; a tile's pixels are
 * multiplied with the cells of the smallest rectangle that all of them see in, and masked where their windows differ.
 * Rows of tiles are done one after the other, the tiles of a row in one batch.
 *
 * @returns [B,C,H,W].
 */
export function localAttention(parts: LocalAttention): Tensor {
  const { queries, keys, values, heads, down, heading, fixed } = parts;
  const [b, c, h] = values.shape;
  const [height, width] = queries.shape.slice(2);
  const d = keys.shape[1] / heads;
  const columns = tileColumns(parts.across);
  const { tiles, pixels, cells } = columns;
  const wide = (map: Tensor) => resample(map, undefined, columns.choice);
  const [wideKeys, wideValues] = [wide(keys), wide(values)];
  const padded = reshape(pad(queries, [[3, 0, tiles * pixels - width]]), [b, heads, d, height, tiles, pixels]);
  const byTile = transpose(padded, [0, 4, 1, 3, 5, 2]);

  // their average is one more
  const matrices = heading === 'average' ? heads + 1 : heads;
  const { bands, keep } = rowBands(down, Math.ceil(height / h), 4 * b * matrices * tiles * pixels * cells, parts);
  const order = !(fixed && keep);

  let last: Tensor | undefined;
  const maps = bands.map(({ start, length }) => {
    const seen = seenRange(down, start, length);
    const cut = [
      slice(byTile, 3, start, length),
      ...[wideKeys, wideValues].map(x => slice(x, 2, seen.start, seen.length)),
    ];
    const [query, keyRows, valueRows] = inTurn(cut, order ? last : undefined);
    const held = holding(query, keep);
    const inTiles = (map: Tensor, channels: readonly number[]) =>
      reshape(map, [b, ...channels, seen.length, tiles, cells]);

    const key = transpose(inTiles(keyRows, [heads, d]), [0, 4, 1, 2, 3, 5]);
    const scores = matmul(
      reshape(query, [b, tiles, heads, length * pixels, d]),
      reshape(key, [b, tiles, heads, d, seen.length * cells]),
      { alpha: 1 / Math.sqrt(d) },
    );
    const masks = [rowMask(down, start, length, seen, cells), columnMask(columns, seen.length)];
    const apart = reshape(scores, [b, tiles, heads, length, pixels, seen.length * cells]);
    const masked = masks.reduce<Tensor>((x, mask) => (mask ? add(x, mask) : x), apart);
    const logits = held(reshape(masked, scores.shape));
    const weights = softmax(logits);
    const tiled =
      heading === 'average'
        ? averaged(held(summed(weights)), transpose(inTiles(valueRows, [c]), [0, 3, 1, 2, 4]), heads)
        : grouped(held(weights), transpose(inTiles(valueRows, [heads, c / heads]), [0, 4, 1, 2, 3, 5]));
    const rowsFirst = transpose(reshape(tiled, [b, tiles, c, length, pixels]), [0, 2, 3, 1, 4]);
    last = slice(reshape(rowsFirst, [b, c, length, tiles * pixels]), 3, 0, width);
    return last;
  });
  return concat(maps, 2);
}

/** The sum over heads: [B,T,heads,P,K] -> [B,T,P,K]. */
function summed(weights: Tensor): Tensor {
  const [b, tiles, , p, k] = weights.shape;
  return reshape(sum(weights, [2]), [b, tiles, p, k]);
}

/** Summed weights [B,T,P,K] on cells [B,T,C,rows,columns]: [B,T,C,P]. */
function averaged(weights: Tensor, cells: Tensor, heads: number): Tensor {
  const [b, tiles, c] = cells.shape;
  return matmul(reshape(cells, [b, tiles, c, weights.shape[3]]), weights, { transB: true, alpha: 1 / heads });
}

/** Weights [B,T,heads,P,K] on cells [B,T,heads,C/heads,rows,columns]: [B,T,heads,C/heads,P]. */
function grouped(weights: Tensor, cells: Tensor): Tensor {
  return matmul(reshape(cells, [...cells.shape.slice(0, 4), weights.shape[4]]), weights, { transB: true });
}

interface Range {
  start: number;
  length: number;
}

/**
 * Rows of pixels that are worked on together: a row of tiles or a part of one, so that they see no more cells than it.
 *
 * @param ratio rows of pixels per row of cells
 * @param bytes of the weights of a row of pixels for a row of cells
 */
function rowBands(down: Matrix, ratio: number, bytes: number, options: AttentionOptions) {
  const height = down.rows;
  const side = Math.min(height, Math.max(LEAST_SIDE, ratio));
  const tiles = cutEvery(height, side);
  const tallest = Math.max(...tiles.map(({ start, length }) => seenRange(down, start, length).length));
  const { ranges, keep } = chunks(height, bytes * tallest, options, { most: side });
  const partsOfTile = Math.ceil((ranges.length * side) / height);
  const bands = tiles.flatMap(tile => {
    const rows = cutEvery(tile.length, Math.ceil(side / partsOfTile));
    return rows.map(({ start, length }) => ({ start: tile.start + start, length }));
  });
  return { bands, keep };
}

/** Ranges of `length` items, the last one maybe shorter. */
const cutEvery = (count: number, length: number): Range[] =>
  Array.from({ length: Math.ceil(count / length) }, (_, i) => ({
    start: i * length,
    length: Math.min(length, count - i * length),
  }));

/** The columns of a matrix from the first to the last that any of some rows sees. */
function seenRange({ cols, data }: Matrix, row: number, rows: number): Range {
  const seen = (col: number) => {
    for (let i = row; i < row + rows; i++) if (data[i * cols + col] !== UNSEEN) return true;
    return false;
  };
  let [start, end] = [0, cols];
  while (!seen(start)) start++;
  while (!seen(end - 1)) end--;
  return { start, length: end - start };
}

/** An axis cut into tiles that see the same number of cells. */
interface Columns {
  tiles: number;
  /** Of a tile; those of the last one may stand out. */
  pixels: number;
  /** That a tile sees. */
  cells: number;
  /** Copies every tile's cells out of a row: [tiles*cells, w]. */
  choice: Matrix;
  /** [tiles, pixels, cells]. */
  mask: Float32Array;
}

function tileColumns(across: Matrix): Columns {
  const { rows: width, cols: w, data } = across;
  const pixels = Math.min(width, Math.max(LEAST_SIDE, Math.ceil(width / w)));
  const tiles = Math.ceil(width / pixels);
  const ranges = Array.from({ length: tiles }, (_, i) =>
    seenRange(across, i * pixels, Math.min(pixels, width - i * pixels)),
  );
  const cells = Math.max(...ranges.map(({ length }) => length));
  const choice = new Float32Array(tiles * cells * w);
  const mask = new Float32Array(tiles * pixels * cells);
  ranges.forEach(({ start }, tile) => {
    const first = Math.min(start, w - cells);
    for (let cell = 0; cell < cells; cell++) choice[(tile * cells + cell) * w + first + cell] = 1;
    for (let i = 0; i < pixels; i++) {
      const pixel = tile * pixels + i;
      // pixels that stand out see what the last one sees
      const from = Math.min(pixel, width - 1) * w + first;
      mask.set(data.subarray(from, from + cells), pixel * cells);
    }
  });
  return { tiles, pixels, cells, choice: { rows: tiles * cells, cols: w, data: choice }, mask };
}

/** The mask of some rows of pixels, each number for all cells of its row: [rows, 1, seen*cells]; null where all is seen. */
function rowMask({ cols, data }: Matrix, start: number, length: number, seen: Range, cells: number): Tensor | null {
  const size = seen.length * cells;
  const mask = Float32Array.from({ length: length * size }, (_, i) => {
    const row = start + Math.floor(i / size);
    return data[row * cols + seen.start + Math.floor((i % size) / cells)];
  });
  return mask.every(value => value === 0) ? null : constant(mask, [length, 1, size]);
}

/** The mask of the tiles' pixels, the same for every row of cells: [tiles, 1, 1, pixels, seen*cells]. */
function columnMask({ tiles, pixels, cells, mask }: Columns, seen: number): Tensor | null {
  if (mask.every(value => value === 0)) return null;
  const size = seen * cells;
  const data = Float32Array.from({ length: tiles * pixels * size }, (_, i) => {
    return mask[Math.floor(i / size) * cells + (i % cells)];
  });
  return constant(data, [tiles, 1, 1, pixels, size]);
}
