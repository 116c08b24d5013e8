import { reshape } from '../ops/basic.ts';
import type { ConvAttributes } from '../ops/conv.ts';
import { add } from '../ops/elementwise.ts';
import { transpose } from '../ops/layout.ts';
import { matmul, resample, resampleCost } from '../ops/linear.ts';
import { count, type Matrix, type Tensor } from '../tensor.ts';
import { rewrite } from './rewrite.ts';

/**
 * Moves convolutions below the linear, channel-shared upsampling in front of them.
 *
 * A k x k convolution of V x H^T is the sum over its taps (i,j) of S_i V (W_ij x) H^T S_j^T, S being shifts with zeros
 * moving in. So the taps are 1x1 convolutions at low resolution, and the shifts go into the constant matrices: exact,
 * borders included. Likewise a 1x1 convolution of features spread by attention weights.
 */
export function commute(outputs: readonly Tensor[]): Tensor[] {
  return rewrite(outputs, node => {
    if (node.op !== 'conv2d') return null;
    const [x] = node.inputs;
    if (x.op === 'resample') return belowResample(node);
    return null;
  });
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
  const maps = transpose(reshape(low, [b, kh, kw, o, h, width]), [0, 3, 1, 4, 2, 5]);
  const y = resample(reshape(maps, [b, o, kh * h, kw * width]), rows, cols);
  return bias ? add(y, reshape(bias, [1, o, 1, 1])) : y;
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
