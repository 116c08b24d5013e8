import { isElementwise, makeNode } from '../op.ts';
import { reshape } from '../ops/basic.ts';
import type { ConvAttributes } from '../ops/conv.ts';
import { conv2d, convTranspose2d } from '../ops/conv.ts';
import { add } from '../ops/elementwise.ts';
import { after, concat, recomputed, slice, transpose } from '../ops/layout.ts';
import { matmul } from '../ops/linear.ts';
import { count, type Tensor } from '../tensor.ts';
import { rewrite } from './rewrite.ts';
import { rowsOf } from './rows.ts';
import { bestTile, type Tile } from './winograd-tiles.ts';

export interface WinogradOptions {
  /** Bound on a band's transformed input, in bytes, for maps above `keepBytes`. Three times that where nothing is held for a gradient. */
  bandBytes: number;
  /** Up to this size the transformed input is held for the gradient, above it is computed again. */
  keepBytes: number;
  /** Default true: the graph will be differentiated. Winograd then pays from fewer channels on, as it makes the weight gradient too. */
  forGradient?: boolean;
}

/**
 * Replaces 3x3 convolutions by Winograd's F(4x4, 3x3) or F(6x6, 3x3) where that is cheaper: a quarter or a fifth of the
 * multiplications.
 *
 * The tile transforms are per-channel convolutions with constant kernels, the middle is 36 or 64 matrix products. Maps
 * are worked on in bands of tile rows. An inference holds no more than a band: it makes the rows of the input that a band
 * sees for that band, and what follows up to a 1x1 convolution to few channels is done on the band. The gradients follow
 * from the ops themselves and are the exact adjoints.
 */
export function winograd(outputs: readonly Tensor[], options: WinogradOptions): Tensor[] {
  const channels = (options.forGradient ?? true) ? 64 : 96;
  const known = new Map<Tensor, Tiled>();
  return rewrite(outputs, node => {
    if (node.op === 'conv2d') {
      if (worthwhile(node, channels)) {
        const { map, tiled } = transformed(node, options);
        known.set(map, tiled);
        return map;
      }
      const tiled = known.get(node.inputs[0]);
      return tiled && narrows(node) ? onTiles(node, tiled) : null;
    }
    const tiled = followed(node, known);
    if (tiled) known.set(node, tiled);
    return null;
  });
}

function worthwhile(node: Tensor, leastChannels: number): boolean {
  const [, w] = node.inputs;
  const { stride, groups, dilation, pads } = node.attributes as unknown as ConvAttributes;
  const [o, c, kh, kw] = w.shape;
  const [, , h, width] = node.shape;
  if (kh !== 3 || kw !== 3 || stride !== 1 || groups !== 1 || dilation !== 1) return false;
  // with wider borders a band of tiles could see nothing but padding
  if (pads.some(zeros => zeros > 2)) return false;
  // below, the transforms cost more than they save; the last tiles of small maps are mostly padding
  return Math.min(o, c) >= leastChannels && h >= 8 && width >= 8;
}

/** A 1x1 convolution that leaves fewer channels than a tile has pixels in a row. */
function narrows(node: Tensor): boolean {
  const { stride, groups, pads } = node.attributes as unknown as ConvAttributes;
  const [o, c, kh, kw] = node.inputs[1].shape;
  return kh * kw * stride * groups === 1 && pads.every(p => p === 0) && o * 4 <= c;
}

/** What a Winograd convolution gives before it is put together as a map. */
interface Tiled {
  tile: Tile;
  /** Columns of tiles. */
  columns: number;
  /** Size of the map. */
  height: number;
  width: number;
  /** For each image its bands from top to bottom: rows of tiles, and the products [in^2, O, rows * columns]. */
  images: { rows: number; products: Tensor }[][];
  /** What follows, applied to values of shape [.., O, n]. */
  following: ((x: Tensor) => Tensor)[];
}

/** The convolution as a map, and as tiles. */
function transformed(node: Tensor, { bandBytes, keepBytes, forGradient = true }: WinogradOptions) {
  const [x, w, bias] = node.inputs;
  const [b, c, height, width] = x.shape;
  const [, o, outHeight, outWidth] = node.shape;
  const { pads } = node.attributes as unknown as ConvAttributes;
  const tile = bestTile(outHeight, outWidth);
  const points = tile.in ** 2;
  const [tileRows, columns] = [Math.ceil(outHeight / tile.out), Math.ceil(outWidth / tile.out)];
  const weight = reshape(matmul(tile.weight, reshape(w, [o * c, 9]), { transB: true }), [points, o, c]);

  const rowBytes = 4 * Math.max(c, o) * points * columns;
  // what is held whole anyway need not be worked on in bands, which cost a little time
  const keep = rowBytes * tileRows * b <= keepBytes;
  const bandRows = Math.max(1, Math.floor((forGradient ? bandBytes : 3 * bandBytes) / rowBytes));
  const bands = keep ? 1 : Math.ceil(tileRows / bandRows);
  const right = columns * tile.out + 2 - pads[1] - width;
  const seenColumns = width + Math.min(0, right);
  let previous: Tensor | undefined;
  const images = Array.from({ length: b }, (_, image) =>
    Array.from({ length: bands }, (_, band) => {
      const from = Math.floor((band * tileRows) / bands);
      const rows = Math.floor(((band + 1) * tileRows) / bands) - from;
      // rows of x that these tiles see; what lies outside x is padding
      const top = from * tile.out - pads[0];
      const bottom = top + rows * tile.out + 2;
      const [first, end] = [Math.max(0, top), Math.min(height, bottom)];
      // band after band, so that one at a time is held
      const seen = forGradient
        ? later(slice(slice(slice(x, 3, 0, seenColumns), 0, image, 1), 2, first, end - first), previous)
        : slice(rowsOf(x, image, first, end - first, previous), 3, 0, seenColumns);
      const tiles = conv2d(reshape(seen, [c, 1, end - first, seenColumns]), tile.toPoints, undefined, {
        stride: tile.out,
        pads: [first - top, pads[1], bottom - end, Math.max(0, right)],
      });
      const read = transpose(reshape(tiles, [c, points, rows * columns]), [1, 0, 2]);
      const products = matmul(weight, keep ? read : recomputed(read, seen));
      previous = products;
      return { rows, products };
    }),
  );
  const channel = (x: Tensor) => (bias ? add(x, reshape(bias, [o, 1])) : x);
  const tiled: Tiled = { tile, columns, height: outHeight, width: outWidth, images, following: [channel] };
  const map = joined(tiled, o, ({ rows, products }) =>
    convTranspose2d(reshape(transpose(products, [1, 0, 2]), [o, points, rows, columns]), tile.fromPoints, {
      stride: tile.out,
      size: [rows * tile.out, columns * tile.out],
    }),
  );
  return { map: bias ? add(map, reshape(bias, [1, o, 1, 1])) : map, tiled };
}

const later = (x: Tensor, earlier?: Tensor): Tensor => (earlier ? after(x, earlier) : x);

/** The map [B,channels,height,width] of bands, each given with the rows and columns of its tiles in full. */
function joined(
  { tile, columns, height, width, images }: Tiled,
  channels: number,
  band: (tiles: Tiled['images'][number][number]) => Tensor,
): Tensor {
  const whole = images.map(bands =>
    concat(
      bands.map(each => reshape(band(each), [1, channels, each.rows * tile.out, columns * tile.out])),
      2,
    ),
  );
  return slice(slice(concat(whole, 0), 2, 0, height), 3, 0, width);
}

/** An elementwise op that treats all pixels of a channel alike, following a map that is known as tiles. */
function followed(node: Tensor, known: ReadonlyMap<Tensor, Tiled>): Tiled | null {
  if (!isElementwise(node)) return null;
  const at = node.inputs.findIndex(x => known.has(x));
  const perChannel = (x: Tensor) => x.shape.every((n, axis) => n === 1 || axis === x.shape.length - 3);
  if (at < 0 || !node.inputs.every((x, i) => i === at || perChannel(x))) return null;
  const others = node.inputs.map((x, i) => (i === at || count(x.shape) === 1 ? x : reshape(x, [x.shape.at(-3)!, 1])));
  const tiled = known.get(node.inputs[at])!;
  const op = (x: Tensor) => makeNode(node.op, others.with(at, x), node.attributes);
  return { ...tiled, following: [...tiled.following, op] };
}

/**
 * A 1x1 convolution to few channels of a map that is known as tiles: what lies between is done on the m^2 pixels of all
 * tiles, pixel by pixel, and only the few channels are put together as a map.
 */
function onTiles(node: Tensor, tiled: Tiled): Tensor {
  const [x, w, bias] = node.inputs;
  const [c, o] = [x.shape[1], node.shape[1]];
  const { tile, columns, following } = tiled;
  const m = tile.out;
  const map = joined(tiled, o, ({ rows, products }) => {
    const size = rows * columns;
    const flat = matmul(tile.phases, reshape(products, [tile.in ** 2, c * size]));
    const pixels = following.reduce((value, op) => op(value), reshape(flat, [m * m, c, size]));
    const mixed = matmul(reshape(w, [o, c]), pixels);
    return transpose(reshape(mixed, [m, m, o, rows, columns]), [2, 3, 0, 4, 1]);
  });
  return bias ? add(map, reshape(bias, [1, o, 1, 1])) : map;
}
