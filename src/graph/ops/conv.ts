import { defineOp } from '../op.ts';
import type { Shape, Tensor } from '../tensor.ts';
import { reshape, sum } from './basic.ts';
import { concat, pad, slice, transpose } from './layout.ts';
import { matmul } from './linear.ts';

/** [top, left, bottom, right] zeros. */
export type Pads = readonly [number, number, number, number];

export interface ConvOptions {
  stride?: number;
  pads?: Pads;
  groups?: number;
  dilation?: number;
}
export type ConvAttributes = { stride: number; pads: Pads; groups: number; dilation: number };

const NO_PADS: Pads = [0, 0, 0, 0];
const complete = ({ stride = 1, pads = NO_PADS, groups = 1, dilation = 1 }: ConvOptions): ConvAttributes => ({
  stride,
  pads,
  groups,
  dilation,
});

const onnxAttributes = (kernel: Shape, { stride, pads, groups, dilation }: ConvAttributes) => ({
  kernel_shape: kernel,
  strides: [stride, stride],
  pads,
  dilations: [dilation, dilation],
  group: groups,
});

const convOp = defineOp<ConvAttributes>('conv2d', {
  shape([x, w, bias], { stride, pads, groups, dilation }, fail) {
    if (x.length !== 4 || w.length !== 4) fail('needs an input [B,C,H,W] and a weight [O,C/groups,kh,kw]');
    if (x[1] !== w[1] * groups || w[0] % groups !== 0) fail(`channels do not fit ${groups} group(s)`);
    if (bias && (bias.length !== 1 || bias[0] !== w[0])) fail(`needs a bias of ${w[0]}`);
    const size = (n: number, before: number, after: number, k: number) =>
      Math.floor((n + before + after - dilation * (k - 1) - 1) / stride) + 1;
    const out = [x[0], w[0], size(x[2], pads[0], pads[2], w[2]), size(x[3], pads[1], pads[3], w[3])];
    if (out[2] < 1 || out[3] < 1) fail('the kernel is larger than the padded input');
    return out;
  },
  gradient(dy, { inputs: [x, w, bias], attributes }) {
    const dx = convTranspose2d(dy, w, { ...attributes, size: [x.shape[2], x.shape[3]] });
    const dw = convWeightGradient(x, dy, [w.shape[2], w.shape[3]], attributes);
    return bias ? [dx, dw, reshape(sum(dy, [0, 2, 3]), bias.shape)] : [dx, dw];
  },
  lower: (emit, inputs, { inputs: [, w], attributes }) =>
    emit.node('Conv', inputs, onnxAttributes(w.shape.slice(2), attributes)),
});

/** Convolution of x [B,C,H,W] with w [O,C/groups,kh,kw] and an optional bias [O]. */
export function conv2d(x: Tensor, w: Tensor, bias?: Tensor, options: ConvOptions = {}): Tensor {
  return convOp(bias ? [x, w, bias] : [x, w], complete(options));
}

type TransposeAttributes = ConvAttributes & { size: Shape };

const convTransposeOp = defineOp<TransposeAttributes>('convTranspose2d', {
  shape([x, w], { stride, pads, groups, dilation, size }, fail) {
    if (x.length !== 4 || w.length !== 4) fail('needs an input [B,C,H,W] and a weight [C,O/groups,kh,kw]');
    if (x[1] !== w[0] || w[0] % groups !== 0) fail(`channels do not fit ${groups} group(s)`);
    for (const i of [0, 1]) {
      const least = (x[2 + i] - 1) * stride - pads[i] - pads[i + 2] + dilation * (w[2 + i] - 1) + 1;
      if (size[i] < least || size[i] >= least + stride)
        fail(`size ${size[i]} is not in ${least}..${least + stride - 1}`);
    }
    return [x[0], w[1] * groups, size[0], size[1]];
  },
  gradient(dy, { inputs: [x, w], attributes }) {
    return [conv2d(dy, w, undefined, attributes), convWeightGradient(dy, x, [w.shape[2], w.shape[3]], attributes)];
  },
  lower(emit, [x, w], { inputs, attributes }) {
    const { stride, pads, groups, dilation, size } = attributes;
    const kernel = inputs[1].shape.slice(2);
    const extra = (i: number) =>
      size[i] - ((inputs[0].shape[2 + i] - 1) * stride - pads[i] - pads[i + 2] + dilation * (kernel[i] - 1) + 1);
    const reversible = stride === 1 && groups === 1 && pads.every((p, i) => p <= dilation * (kernel[i % 2] - 1));
    if (!reversible) {
      const output_padding = [extra(0), extra(1)];
      return emit.node('ConvTranspose', [x, w], { ...onnxAttributes(kernel, attributes), output_padding });
    }
    // the same as a convolution with the kernel turned and its channels swapped, which is faster
    const [last, before] = [emit.int64([-1, -1]), emit.int64([-(2 ** 53 - 1), -(2 ** 53 - 1)])];
    const turned = emit.node('Slice', [w, last, before, emit.int64([2, 3]), last]);
    const swapped = emit.node('Transpose', [turned], { perm: [1, 0, 2, 3] });
    const flipped = pads.map((p, i) => dilation * (kernel[i % 2] - 1) - p) as unknown as Pads;
    return emit.node('Conv', [x, swapped], onnxAttributes(kernel, { ...attributes, pads: flipped }));
  },
});

/** The adjoint of `conv2d`: x [B,C,H,W], w [C,O/groups,kh,kw]; `size` is [H',W'] of the output, `pads` are taken away from it. */
export function convTranspose2d(x: Tensor, w: Tensor, { size, ...options }: ConvOptions & { size: Shape }): Tensor {
  return convTransposeOp([x, w], { ...complete(options), size });
}

/** One matrix product per tap of the kernel: on CPU faster than a convolution with swapped axes. */
function convWeightGradient(x: Tensor, dy: Tensor, kernel: Shape, attributes: ConvAttributes): Tensor {
  const { stride, pads, groups, dilation } = attributes;
  const [b, c] = x.shape;
  const [, o, h, w] = dy.shape;
  const padded = pad(x, [
    [2, pads[0], pads[2]],
    [3, pads[1], pads[3]],
  ]);
  const gradient = reshape(dy, [b, groups, o / groups, h * w]);
  const taps: Tensor[] = [];
  for (let i = 0; i < kernel[0]; i++) {
    for (let j = 0; j < kernel[1]; j++) {
      const rows = slice(padded, 2, i * dilation, h, stride);
      const tap = reshape(slice(rows, 3, j * dilation, w, stride), [b, groups, c / groups, h * w]);
      taps.push(reshape(sum(matmul(gradient, tap, { transB: true }), [0]), [1, o, c / groups]));
    }
  }
  return reshape(transpose(concat(taps, 0), [1, 2, 0]), [o, c / groups, kernel[0], kernel[1]]);
}
