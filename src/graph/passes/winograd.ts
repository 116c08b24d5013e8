import { reshape } from '../ops/basic.ts';
import type { ConvAttributes } from '../ops/conv.ts';
import { conv2d, convTranspose2d } from '../ops/conv.ts';
import { add } from '../ops/elementwise.ts';
import { after, concat, recomputed, slice, transpose } from '../ops/layout.ts';
import { matmul } from '../ops/linear.ts';
import { constant, type Tensor } from '../tensor.ts';
import { rewrite } from './rewrite.ts';

/** Output tile and input tile of F(4x4, 3x3). */
const OUT = 4;
const IN = 6;
const POINTS = IN * IN;

// Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016), section 4.3
const B_T = [
  [4, 0, -5, 0, 1, 0],
  [0, -4, -4, 1, 1, 0],
  [0, 4, -4, -1, 1, 0],
  [0, -2, -1, 2, 1, 0],
  [0, 2, -1, -2, 1, 0],
  [0, 4, 0, -5, 0, 1],
];
const G = [
  [1 / 4, 0, 0],
  [-1 / 6, -1 / 6, -1 / 6],
  [-1 / 6, 1 / 6, -1 / 6],
  [1 / 24, 1 / 12, 1 / 6],
  [1 / 24, -1 / 12, 1 / 6],
  [0, 0, 1],
];
const A_T = [
  [1, 1, 1, 1, 1, 0],
  [0, 1, -1, 2, -2, 0],
  [0, 1, 1, 4, 4, 0],
  [0, 1, -1, 8, -8, 1],
];

const INPUT_TRANSFORM = constant(kronecker(B_T, B_T), [POINTS, 1, IN, IN]);
const WEIGHT_TRANSFORM = constant(kronecker(G, G), [POINTS, 9]);
const OUTPUT_TRANSFORM = constant(swapped(kronecker(A_T, A_T), OUT * OUT, POINTS), [POINTS, 1, OUT, OUT]);

export interface WinogradOptions {
  /** Bound on a band's transformed input, in bytes, for maps above `keepBytes`. */
  bandBytes: number;
  /** Up to this size the transformed input is held for the gradient, above it is computed again. */
  keepBytes: number;
  /** Default true: the graph will be differentiated. Winograd then pays from fewer channels on, as it makes the weight gradient too. */
  forGradient?: boolean;
}

/**
 * Replaces 3x3 convolutions by Winograd's F(4x4, 3x3) where that is cheaper: a quarter of the multiplications.
 *
 * The tile transforms are per-channel convolutions with constant kernels, the middle is 36 matrix products. Maps
 * are worked on in bands of tile rows, so that only a band is ever held in transformed form by an inference; the
 * gradients follow from the ops themselves and are the exact adjoints.
 */
export function winograd(outputs: readonly Tensor[], options: WinogradOptions): Tensor[] {
  const channels = (options.forGradient ?? true) ? 64 : 96;
  return rewrite(outputs, node =>
    node.op === 'conv2d' && worthwhile(node, channels) ? transformed(node, options) : null,
  );
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

function transformed(node: Tensor, { bandBytes, keepBytes }: WinogradOptions): Tensor {
  const [x, w, bias] = node.inputs;
  const [b, c, height, width] = x.shape;
  const [, o, outHeight, outWidth] = node.shape;
  const { pads } = node.attributes as unknown as ConvAttributes;
  const [tileRows, tileCols] = [Math.ceil(outHeight / OUT), Math.ceil(outWidth / OUT)];
  const weight = reshape(matmul(WEIGHT_TRANSFORM, reshape(w, [o * c, 9]), { transB: true }), [POINTS, o, c]);

  const rowBytes = 4 * b * Math.max(c, o) * POINTS * tileCols;
  // what is held whole anyway need not be worked on in bands, which cost a little time
  const keep = rowBytes * tileRows <= keepBytes;
  const bands = keep ? 1 : Math.ceil(tileRows / Math.max(1, Math.floor(bandBytes / rowBytes)));
  const parts: Tensor[] = [];
  for (let band = 0; band < bands; band++) {
    const from = Math.floor((band * tileRows) / bands);
    const rows = Math.floor(((band + 1) * tileRows) / bands) - from;
    // rows of x that these tiles see; what lies outside x is padding
    const top = from * OUT - pads[0];
    const bottom = top + rows * OUT + 2;
    const [first, end] = [Math.max(0, top), Math.min(height, bottom)];
    const right = tileCols * OUT + 2 - pads[1] - width;
    const columns = slice(x, 3, 0, width + Math.min(0, right));
    // band after band, so that one at a time is held
    const previous = parts.at(-1);
    const cut = slice(columns, 2, first, end - first);
    const seen = previous ? after(cut, previous) : cut;
    const tiles = conv2d(reshape(seen, [b * c, 1, ...seen.shape.slice(2)]), INPUT_TRANSFORM, undefined, {
      stride: OUT,
      pads: [first - top, pads[1], bottom - end, Math.max(0, right)],
    });
    const points = reshape(transpose(reshape(tiles, [b, c, POINTS, rows * tileCols]), [2, 1, 0, 3]), [
      POINTS,
      c,
      b * rows * tileCols,
    ]);
    const held = keep ? points : recomputed(points, seen);
    const product = reshape(matmul(weight, held), [POINTS, o, b, rows * tileCols]);
    const y = convTranspose2d(
      reshape(transpose(product, [2, 1, 0, 3]), [b * o, POINTS, rows, tileCols]),
      OUTPUT_TRANSFORM,
      {
        stride: OUT,
        size: [rows * OUT, tileCols * OUT],
      },
    );
    const kept = Math.min(rows * OUT, outHeight - from * OUT);
    parts.push(slice(slice(reshape(y, [b, o, rows * OUT, tileCols * OUT]), 2, 0, kept), 3, 0, outWidth));
  }
  const y = concat(parts, 2);
  return bias ? add(y, reshape(bias, [1, o, 1, 1])) : y;
}

function kronecker(a: number[][], b: number[][]): Float32Array {
  return Float32Array.from(a.flatMap(x => b.flatMap(y => x.flatMap(p => y.map(q => p * q)))));
}

function swapped(data: Float32Array, rows: number, cols: number): Float32Array {
  return Float32Array.from({ length: rows * cols }, (_, i) => data[(i % rows) * cols + Math.floor(i / rows)]);
}
