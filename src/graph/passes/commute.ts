import { reshape } from '../ops/basic.ts';
import type { ConvAttributes } from '../ops/conv.ts';
import { add } from '../ops/elementwise.ts';
import { concat, slice, transpose } from '../ops/layout.ts';
import { matmul, resample, resampleCost } from '../ops/linear.ts';
import { constant, count, type Matrix, type Tensor } from '../tensor.ts';
import { rewrite } from './rewrite.ts';

/**
 * Moves convolutions below the linear, channel-shared upsampling in front of them.
 *
 * A k x k convolution of V x H^T is the sum over its taps (i,j) of S_i V (W_ij x) H^T S_j^T, S being shifts with zeros
 * moving in. So the taps are 1x1 convolutions at low resolution, and the shifts go into the constant matrices: exact,
 * borders included. A 1x1 convolution moves below anything that treats all channels alike, such as the weighted sums of
 * cells that image-guided upsamplers make.
 */
export function commute(outputs: readonly Tensor[]): Tensor[] {
  return rewrite(outputs, node => {
    if (node.op !== 'conv2d') return null;
    return belowSpread(node) ?? (node.inputs[0].op === 'resample' ? belowResample(node) : null);
  });
}

/** A 1x1 convolution moved below concatenated weighted sums of cells (`matmul` over the last axis). */
function belowSpread(node: Tensor): Tensor | null {
  const [x, w, bias] = node.inputs;
  const { stride, pads, groups } = node.attributes as unknown as ConvAttributes;
  const [o, c, kh, kw] = w.shape;
  if (kh !== 1 || kw !== 1 || stride !== 1 || groups !== 1 || pads.some(p => p > 0) || o > c) return null;
  const weight = reshape(w, [o, c]);
  const known = new Map<Tensor, Tensor>();
  let spread = false;

  /** The convolution of a tensor [B,C,...] along its channels. */
  const mixed = (t: Tensor): Tensor => {
    const found = known.get(t) ?? mix(t);
    known.set(t, found);
    return found;
  };
  const mix = (t: Tensor): Tensor => {
    const [inner] = t.inputs;
    const axis = t.attributes.axis as number;
    const keepsChannels = inner?.shape[0] === t.shape[0] && inner.shape[1] === c && inner.shape.length > 2;
    const outShape = [t.shape[0], o, ...t.shape.slice(2)];
    if (t.op === 'concat' && axis >= 2) return concat(t.inputs.map(mixed), axis);
    if (t.op === 'reshape' && keepsChannels) return reshape(mixed(inner), outShape);
    if (t.op === 'slice' && axis >= 2 && t.inputs.length === 1) {
      return slice(mixed(inner), axis, t.attributes.start as number, t.shape[axis], t.attributes.step as number);
    }
    if (t.op === 'matmul' && keepsChannels && t.shape.length === 3 && !t.attributes.transA) {
      spread = true;
      return matmul(mixed(inner), t.inputs[1], t.attributes);
    }
    const [b] = t.shape;
    return reshape(matmul(weight, reshape(t, [b, c, count(t.shape) / (b * c)])), outShape);
  };
  const y = mixed(x);
  if (!spread) return null;
  return bias ? add(y, reshape(bias, [1, o, 1, 1])) : y;
}

function belowResample(node: Tensor): Tensor | null {
  const [upsampled, w, bias] = node.inputs;
  const { stride, pads, groups, dilation } = node.attributes as unknown as ConvAttributes;
  const [o, c, kh, kw] = w.shape;
  if (stride !== 1 || groups !== 1) return null;
  const [x] = upsampled.inputs;
  const [b, , h, width] = x.shape;
  const [height, columns] = upsampled.shape.slice(2);
  const { vertical, horizontal } = upsampled.attributes as { vertical?: Matrix; horizontal?: Matrix };
  const rows = shiftedCopies(vertical, height, h, kh, pads[0], dilation, node.shape[2]);
  const cols = shiftedCopies(horizontal, columns, width, kw, pads[1], dilation, node.shape[3]);

  const direct = count(node.shape) * c * kh * kw + resampleCost(x.shape, vertical, horizontal).cost;
  const taps = b * o * kh * kw * c * h * width + resampleCost([b, o, kh * h, kw * width], rows, cols).cost;
  // Winograd does the direct form in a quarter of its multiplications
  if (taps > direct / 4) return null;

  const weight = reshape(transpose(w, [2, 3, 0, 1]), [kh * kw * o, c]);
  const low = matmul(weight, reshape(x, [b, c, h * width]));
  const tap = bias && constantTap(rows, kh, cols, kw);
  const biased = tap === undefined ? low : add(low, atTap(bias, tap, kh * kw));
  const maps = transpose(reshape(biased, [b, kh, kw, o, h, width]), [0, 3, 1, 4, 2, 5]);
  const y = resample(reshape(maps, [b, o, kh * h, kw * width]), rows, cols);
  return bias && tap === undefined ? add(y, reshape(bias, [1, o, 1, 1])) : y;
}

/** A tap whose copy of the upsampling gives a constant map back as it is: what is added there is added everywhere. */
function constantTap(rows: Matrix, kh: number, cols: Matrix, kw: number): number | undefined {
  const [i, j] = [keepingBlock(rows, kh), keepingBlock(cols, kw)];
  return i < 0 || j < 0 ? undefined : i * kw + j;
}

/** The first of the blocks side by side in a matrix whose rows all sum to 1; -1 if there is none. */
function keepingBlock({ rows, cols, data }: Matrix, blocks: number): number {
  const width = cols / blocks;
  const sum = (at: number) => data.subarray(at, at + width).reduce((a, b) => a + b, 0);
  const keeps = (block: number) =>
    Array.from({ length: rows }, (_, row) => sum(row * cols + block * width)).every(s => Math.abs(s - 1) < 1e-6);
  return Array.from({ length: blocks }, (_, block) => block).findIndex(keeps);
}

/** [taps * o, 1]: zeros but for the bias of one tap. */
function atTap(bias: Tensor, tap: number, taps: number): Tensor {
  const [o] = bias.shape;
  const zeros = (n: number) => (n > 0 ? [constant(new Float32Array(n * o), [n * o, 1])] : []);
  return concat([...zeros(tap), reshape(bias, [o, 1]), ...zeros(taps - 1 - tap)], 0);
}

/** [S_0 V | S_1 V | ...]: for each tap the upsampling matrix shifted by it, zeros moving in. */
function shiftedCopies(
  matrix: Matrix | undefined,
  size: number,
  low: number,
  taps: number,
  padding: number,
  dilation: number,
  out: number,
): Matrix {
  const data = new Float32Array(out * taps * low);
  for (let y = 0; y < out; y++) {
    for (let tap = 0; tap < taps; tap++) {
      const source = y + tap * dilation - padding;
      if (source < 0 || source >= size) continue;
      const at = (y * taps + tap) * low;
      if (matrix) data.set(matrix.data.subarray(source * low, (source + 1) * low), at);
      else data[at + source] = 1;
    }
  }
  return { rows: out, cols: taps * low, data };
}
