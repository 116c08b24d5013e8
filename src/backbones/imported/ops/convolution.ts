import { reshape } from '../../../graph/ops/basic.ts';
import { conv2d, convTranspose2d, type Pads } from '../../../graph/ops/conv.ts';
import { add } from '../../../graph/ops/elementwise.ts';
import { slice } from '../../../graph/ops/layout.ts';
import type { Importer, ImportTable } from '../node.ts';
import { windowsOf } from './padding.ts';

const convolution: Importer = node => {
  const [x, weight, bias] = [node.tensor(0), node.tensor(1), node.optionalTensor(2)];
  const { strides, dilations, pads } = windowsOf(node, x, weight.shape.slice(2));
  const groups = node.int('group', 1);
  const [dilation, other] = dilations;
  if (dilation !== other) node.refuse(`is dilated by ${dilation} and ${other}; only equal dilations are supported`);
  const options = { pads: pads as unknown as Pads, groups, dilation };
  const [down, right] = strides;
  if (down === right) return conv2d(x, weight, bias, { ...options, stride: down });
  // of every place, those asked for
  const y = conv2d(x, weight, bias, options);
  const rows = slice(y, 2, 0, Math.ceil(y.shape[2] / down), down);
  return slice(rows, 3, 0, Math.ceil(y.shape[3] / right), right);
};

const transposed: Importer = node => {
  const [x, weight, bias] = [node.tensor(0), node.tensor(1), node.optionalTensor(2)];
  const { kernel, strides, dilations, pads } = windowsOf(node, x, weight.shape.slice(2));
  const auto = node.choice('auto_pad', ['NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID']);
  const extra = node.ints('output_padding') ?? [0, 0];
  const asked = node.ints('output_shape');
  const groups = node.int('group', 1);
  const [[stride, otherStride], [dilation, otherDilation]] = [strides, dilations];
  if (stride !== otherStride || dilation !== otherDilation) {
    node.refuse(`has the strides ${strides} and dilations ${dilations}; only equal ones are supported`);
  }
  const full = [0, 1].map(i => stride * (x.shape[2 + i] - 1) + extra[i] + (kernel[i] - 1) * dilation + 1);
  let size = full.map((n, i) => n - pads[i] - pads[i + 2]);
  let taken = pads;
  const same = auto === 'SAME_UPPER' || auto === 'SAME_LOWER';
  if (asked || same) {
    size = asked?.slice(-2) ?? [0, 1].map(i => x.shape[2 + i] * stride);
    const total = full.map((n, i) => Math.max(0, n - size[i]));
    const less = total.map(n => Math.floor(n / 2));
    const more = total.map((n, i) => n - less[i]);
    taken = auto === 'SAME_UPPER' ? [...less, ...more] : [...more, ...less];
  }
  const y = convTranspose2d(x, weight, { size, stride, dilation, groups, pads: taken as unknown as Pads });
  return bias ? add(y, reshape(bias, [1, bias.shape[0], 1, 1])) : y;
};

/** Convolutions of maps [B,C,H,W]. */
export const convolutions: ImportTable = { Conv: convolution, ConvTranspose: transposed };
