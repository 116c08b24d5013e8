import { isElementwise, withInputs } from '../op.ts';
import type { ConvAttributes } from '../ops/conv.ts';
import { concat } from '../ops/layout.ts';
import { count, type Tensor } from '../tensor.ts';
import { onDemand } from './rewrite.ts';
import { type Banded, Rows } from './rows.ts';
import { sliceThrough } from './slice-through.ts';
import { type Following, mapOf, onTiles, type Tiled, tileBands, tilesOf } from './winograd-bands.ts';

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
 * are worked on in bands of tile rows. The gradients follow from the ops themselves and are the exact adjoints.
 *
 * An inference holds no more than bands: one makes the rows of the input that it sees when its turn comes, through other
 * convolutions down to what a map is put together from (`Rows`). What follows up to a 1x1 convolution to few channels is
 * done on the band, for all convolutions and on all large maps.
 */
export function winograd(outputs: readonly Tensor[], options: WinogradOptions): Tensor[] {
  const { forGradient = true, bandBytes, keepBytes } = options;
  const channels = forGradient ? 64 : 96;
  const tiles = new Map<Tensor, Tiled>();
  const bands = new Map<Tensor, Banded>();

  const fast = (node: Tensor) => node.op === 'conv2d' && worthwhile(node, channels);
  const below = (node: Tensor) => (narrows(node) ? following(node.inputs[0], fast) : null);
  const streams = (node: Tensor) =>
    !forGradient &&
    narrows(node) &&
    node.shape[1] * 16 <= node.inputs[0].shape[1] &&
    bandable(node) &&
    4 * count(node.inputs[0].shape) > keepBytes;
  /** Made of parts of its inputs. */
  const inParts = (node: Tensor) => fast(node) || below(node) !== null || streams(node);

  const make = (node: Tensor): Tensor => {
    const found = below(node);
    if (found) return onTiles(node, tiled(found.map), found.following, whole);
    if (fast(node)) return mapOf(tiled(node));
    if (streams(node)) {
      const images = Array.from({ length: node.shape[0] }, (_, i) => {
        const { starts, band } = banded(rows.imageOf(node, i));
        return concat(
          starts.map((_, j) => band(j)),
          2,
        );
      });
      return concat(images, 0);
    }
    return withInputs(node, node.inputs.map(whole));
  };
  /** A node of the old graph in full. */
  const whole = onDemand(inParts, make);

  const rows = new Rows({
    whole,
    banded: node => (node.op === 'conv2d' && node.shape[0] === 1 && bandable(node) ? banded(node) : null),
    smallBytes: keepBytes / 4,
    heldBytes: 4 * keepBytes,
  });

  const tiled = (node: Tensor): Tiled =>
    once(tiles, node, () => {
      if (forGradient) return tilesOf(node, options, whole);
      const own = Array.from({ length: node.shape[0] }, (_, i) => rows.imageOf(node, i));
      // a small map is no convolution of one image, but cut out of a convolution of all
      if (node.shape[0] === 1 || own.some(each => !fast(each))) return tilesOf(node, options, whole, rows);
      const each = own.map(tiled);
      return { ...each[0], images: each.flatMap(({ images }) => images) };
    });

  const banded = (node: Tensor): Banded =>
    once(bands, node, () => (fast(node) ? tileBands(tiled(node)) : directBands(node, 3 * bandBytes, whole, rows)));

  return outputs.map(whole);
}

function once<T>(memory: Map<Tensor, T>, node: Tensor, make: () => T): T {
  const value = memory.get(node) ?? make();
  memory.set(node, value);
  return value;
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
  if (node.op !== 'conv2d') return false;
  const { stride, groups, pads } = node.attributes as unknown as ConvAttributes;
  const [o, c, kh, kw] = node.inputs[1].shape;
  return kh * kw * stride * groups === 1 && pads.every(p => p === 0) && o * 4 <= c;
}

/** What lies between a map that is made in tiles and a node that follows it pixel by pixel; null where it is none. */
function following(node: Tensor, tiles: (node: Tensor) => boolean): { map: Tensor; following: Following[] } | null {
  const ops: Following[] = [];
  let map = node;
  while (!tiles(map)) {
    const at = map.inputs.findIndex(
      x => x.shape.length === map.shape.length && x.shape[2] === map.shape[2] && x.shape[3] === map.shape[3],
    );
    const perChannel = (x: Tensor) => x.shape.every((n, axis) => n === 1 || axis === x.shape.length - 3);
    if (!isElementwise(map) || at < 0 || !map.inputs.every((x, i) => i === at || perChannel(x))) return null;
    ops.unshift({ node: map, at });
    map = map.inputs[at];
  }
  return { map, following: ops };
}

/** Every row of what it gives sees a row of the map. */
function bandable(node: Tensor): boolean {
  const { stride, pads, dilation } = node.attributes as unknown as ConvAttributes;
  return stride === 1 && Math.max(pads[0], pads[2]) <= (node.inputs[1].shape[2] - 1) * dilation;
}

/** Bands of fewer rows save little. */
const LEAST_ROWS = 48;

/** A convolution of one image as it is, in bands whose inputs and outputs take about `bytes`. */
function directBands(node: Tensor, bytes: number, whole: (node: Tensor) => Tensor, rows: Rows): Banded {
  const [x, w] = node.inputs;
  const { dilation } = node.attributes as unknown as ConvAttributes;
  const [, , height] = node.shape;
  const rowBytes = 4 * Math.max(x.shape[1] * x.shape[3], node.shape[1] * node.shape[3]);
  // bands of a small map that took as much as those of a large one would be made far ahead of these
  const most = Math.max(LEAST_ROWS, Math.ceil(height / 16));
  // those of neighbours see the same rows
  const size = Math.max(1, Math.min(most, Math.floor(bytes / rowBytes)), (w.shape[2] - 1) * dilation);
  const starts = Array.from({ length: Math.ceil(height / size) }, (_, i) => i * size);
  const made: Tensor[] = [];
  const band = (i: number): Tensor => {
    if (made[i]) return made[i];
    const cut = { axis: 2, start: starts[i], length: Math.min(size, height - starts[i]) };
    made[i] = sliceThrough(node, cut, (map, { start, length }) => rows.of(map, start, length), whole)!;
    rows.made(made[i], node);
    return made[i];
  };
  return { starts, band };
}
