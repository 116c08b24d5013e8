import { evenParts } from '../in-turn.ts';
import { makeNode } from '../op.ts';
import { reshape } from '../ops/basic.ts';
import { type ConvAttributes, conv2d, convTranspose2d } from '../ops/conv.ts';
import { add } from '../ops/elementwise.ts';
import { after, concat, recomputed, slice, transpose } from '../ops/layout.ts';
import { matmul } from '../ops/linear.ts';
import { count, type Tensor } from '../tensor.ts';
import type { Banded, Rows } from './rows.ts';
import type { WinogradOptions } from './winograd.ts';
import { bestTile, type Tile } from './winograd-tiles.ts';

/** Rows of tiles of one image. */
interface TileBand {
  /** The first row of tiles. */
  from: number;
  rows: number;
  /** [in^2, O, rows * columns], made when first asked for. */
  products(): Tensor;
  /** What was made of them, for which the next band waits: else the products of all bands are held at once. */
  done(value: Tensor): Tensor;
}

/** What a Winograd convolution gives before it is put together as a map. */
export interface Tiled {
  tile: Tile;
  /** Columns of tiles. */
  columns: number;
  /** Of the map. */
  channels: number;
  height: number;
  width: number;
  /** For each image its bands from top to bottom. */
  images: TileBand[][];
  /** [O] */
  bias: Tensor | undefined;
}

/** An elementwise op that treats all pixels of a channel alike; its input `at` is the map. */
export interface Following {
  node: Tensor;
  at: number;
}

/**
 * A convolution of the old graph in bands of tiles.
 *
 * @param whole makes nodes of the old graph in full
 * @param rows makes rows of the input where nothing is held for a gradient; without, they are cut out of the whole
 */
export function tilesOf(
  node: Tensor,
  { bandBytes, keepBytes }: WinogradOptions,
  whole: (node: Tensor) => Tensor,
  rows?: Rows,
): Tiled {
  const [x, w] = node.inputs;
  const [b, c, height, width] = x.shape;
  const [, o, outHeight, outWidth] = node.shape;
  const { pads } = node.attributes as unknown as ConvAttributes;
  const tile = bestTile(outHeight, outWidth);
  const points = tile.in ** 2;
  const [tileRows, columns] = [Math.ceil(outHeight / tile.out), Math.ceil(outWidth / tile.out)];
  const weight = reshape(matmul(tile.weight, reshape(whole(w), [o * c, 9]), { transB: true }), [points, o, c]);

  const rowBytes = 4 * Math.max(c, o) * points * columns;
  // what is held whole anyway need not be worked on in bands, which cost a little time
  const keep = rowBytes * tileRows * b <= keepBytes;
  const bandRows = Math.max(1, Math.floor((rows ? 3 * bandBytes : bandBytes) / rowBytes));
  const bands = keep ? 1 : Math.ceil(tileRows / bandRows);
  const right = columns * tile.out + 2 - pads[1] - width;
  const seenColumns = width + Math.min(0, right);
  let previous: Tensor | undefined;

  /** Rows of the input, not before the band before is done: one at a time is held. */
  const input = (image: number, start: number, length: number): Tensor => {
    if (rows) return slice(rows.of(rows.imageOf(x, image), start, length), 3, 0, seenColumns);
    const seen = slice(slice(slice(whole(x), 3, 0, seenColumns), 0, image, 1), 2, start, length);
    return previous ? after(seen, previous) : seen;
  };
  const products = (image: number, from: number, count: number): Tensor => {
    // what lies outside x is padding
    const top = from * tile.out - pads[0];
    const bottom = top + count * tile.out + 2;
    const [first, end] = [Math.max(0, top), Math.min(height, bottom)];
    const seen = input(image, first, end - first);
    const tiles = conv2d(reshape(seen, [c, 1, end - first, seenColumns]), tile.toPoints, undefined, {
      stride: tile.out,
      pads: [first - top, pads[1], bottom - end, Math.max(0, right)],
    });
    const read = transpose(reshape(tiles, [c, points, count * columns]), [1, 0, 2]);
    previous = matmul(weight, keep ? read : recomputed(read, seen));
    rows?.made(previous, node);
    return previous;
  };
  const images = Array.from({ length: b }, (_, image) =>
    evenParts(tileRows, bands).map(({ start: from, length: count }) => {
      let made: Tensor | undefined;
      return {
        from,
        rows: count,
        done(value: Tensor) {
          rows?.made(value, node);
          return value;
        },
        products() {
          made ??= products(image, from, count);
          return made;
        },
      };
    }),
  );
  const bias = node.inputs[2] && whole(node.inputs[2]);
  return { tile, columns, channels: o, height: outHeight, width: outWidth, images, bias };
}

/** The map [B,channels,height,width] of bands, each given with the rows and columns of its tiles in full. */
function joined({ tile, columns, height, width, images }: Tiled, channels: number, make: (band: TileBand) => Tensor) {
  const maps = images.map(bands =>
    concat(
      bands.map(band => reshape(make(band), [1, channels, band.rows * tile.out, columns * tile.out])),
      2,
    ),
  );
  return slice(slice(concat(maps, 0), 2, 0, height), 3, 0, width);
}

/** A band's tiles as rows of the map, without the bias: [1, channels, rows * out, columns * out]. */
function pixelsOf({ tile, columns, channels }: Tiled, { rows, products }: TileBand): Tensor {
  const tiles = reshape(transpose(products(), [1, 0, 2]), [channels, tile.in ** 2, rows, columns]);
  const size = [rows * tile.out, columns * tile.out];
  return reshape(convTranspose2d(tiles, tile.fromPoints, { stride: tile.out, size }), [1, channels, ...size]);
}

const biased = (map: Tensor, bias: Tensor | undefined): Tensor =>
  bias ? add(map, reshape(bias, [1, bias.shape[0], 1, 1])) : map;

/** The convolution's map [B,O,H,W]. */
export const mapOf = (tiled: Tiled): Tensor =>
  biased(
    joined(tiled, tiled.channels, band => pixelsOf(tiled, band)),
    tiled.bias,
  );

/** The map of one image, band by band. */
export function tileBands(tiled: Tiled): Banded {
  const { tile, height, width, bias } = tiled;
  const [bands] = tiled.images;
  const made: Tensor[] = [];
  return {
    starts: bands.map(({ from }) => from * tile.out),
    band(i) {
      const length = Math.min(bands[i].rows * tile.out, height - bands[i].from * tile.out);
      made[i] ??= bands[i].done(biased(slice(slice(pixelsOf(tiled, bands[i]), 2, 0, length), 3, 0, width), bias));
      return made[i];
    },
  };
}

/**
 * A 1x1 convolution to few channels of a map that is known as tiles: what lies between is done on the m^2 pixels of all
 * tiles, pixel by pixel, and only the few channels are put together as a map.
 */
export function onTiles(
  node: Tensor,
  tiled: Tiled,
  following: readonly Following[],
  whole: (node: Tensor) => Tensor,
): Tensor {
  const [x, ...parameters] = node.inputs;
  const [w, bias] = parameters.map(whole);
  const [c, o] = [x.shape[1], node.shape[1]];
  const { tile, columns } = tiled;
  const m = tile.out;
  const between = following.map(({ node: op, at }) => {
    const others = op.inputs.map((each, i) => {
      if (i === at) return each;
      const value = whole(each);
      return count(value.shape) === 1 ? value : reshape(value, [value.shape.at(-3)!, 1]);
    });
    return (value: Tensor) => makeNode(op.op, others.with(at, value), op.attributes);
  });
  const map = joined(tiled, o, ({ rows, products, done }) => {
    const size = rows * columns;
    // one axis after the other: fewer multiplications than with all points at once, and both are fast as products
    const columnsOfPoints = matmul(tile.phases, reshape(products(), [tile.in, tile.in * c * size]));
    const flat = matmul(tile.phases, reshape(columnsOfPoints, [m, tile.in, c * size]));
    const pixels = reshape(flat, [m * m, c, size]);
    const withBias = tiled.bias ? add(pixels, reshape(tiled.bias, [c, 1])) : pixels;
    const mixed = matmul(
      reshape(w, [o, c]),
      between.reduce((value, op) => op(value), withBias),
    );
    return done(transpose(reshape(mixed, [m, m, o, rows, columns]), [2, 3, 0, 4, 1]));
  });
  return biased(map, bias);
}
