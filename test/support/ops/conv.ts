import { type ConvOptions, conv2d, convTranspose2d } from '../../../src/graph/ops/conv.ts';
import type { Shape } from '../../../src/graph/tensor.ts';
import { addAt, at, type Nd, tabulate } from '../nd.ts';
import type { OpCase, OpCases } from '../op-cases.ts';

/** Calls `tap` for every product of a convolution: places in its input, its weight and its output. */
function taps(
  x: Shape,
  w: Shape,
  out: Shape,
  { stride = 1, pads = [0, 0, 0, 0], groups = 1, dilation = 1 }: ConvOptions,
  tap: (x: readonly number[], w: readonly number[], y: readonly number[]) => void,
): void {
  const perGroup = w[0] / groups;
  tabulate([...out, ...w.slice(1)], ([b, o, row, col, c, i, j]) => {
    const [r, q] = [row * stride + i * dilation - pads[0], col * stride + j * dilation - pads[1]];
    if (r < 0 || q < 0 || r >= x[2] || q >= x[3]) return 0;
    tap([b, Math.floor(o / perGroup) * w[1] + c, r, q], [o, c, i, j], [b, o, row, col]);
    return 0;
  });
}

function outputShape(x: Shape, w: Shape, { stride = 1, pads = [0, 0, 0, 0], dilation = 1 }: ConvOptions): Shape {
  // the last place at which the kernel still fits, found by trying
  const size = (axis: number) => {
    let n = 0;
    while (n * stride + (w[axis] - 1) * dilation < x[axis] + pads[axis - 2] + pads[axis]) n++;
    return n;
  };
  return [x[0], w[0], size(2), size(3)];
}

/** Convolution by its definition. */
function convolved(x: Nd, w: Nd, bias: Nd | undefined, options: ConvOptions): Nd {
  const y = tabulate(outputShape(x.shape, w.shape, options), ([, o]) => (bias ? bias.data[o] : 0));
  taps(x.shape, w.shape, y.shape, options, (from, weight, to) => addAt(y, to, at(x, from) * at(w, weight)));
  return y;
}

const convCase = (x: Shape, w: Shape, options: ConvOptions = {}, bias = false): OpCase => ({
  title: `[${x}] with [${w}] ${bias ? 'bias ' : ''}${JSON.stringify(options)}`,
  shapes: bias ? [x, w, [w[0]]] : [x, w],
  build: (input, weight, b) => conv2d(input, weight, b, options),
  reference: (input, weight, b) => convolved(input, weight, b, options),
});

const transposedCase = (x: Shape, w: Shape, size: Shape, options: ConvOptions = {}): OpCase => ({
  title: `[${x}] with [${w}] to [${size}] ${JSON.stringify(options)}`,
  shapes: [x, w],
  build: (input, weight) => convTranspose2d(input, weight, { ...options, size }),
  reference: (input, weight) => {
    const y = tabulate([x[0], w[1] * (options.groups ?? 1), ...size], () => 0);
    taps(y.shape, w, x, options, (to, k, from) => addAt(y, to, at(input, from) * at(weight, k)));
    return y;
  },
});

/** Every output size that a strided convolution would bring down to the input's. */
function everySize(x: Shape, w: Shape, options: ConvOptions): OpCase[] {
  const { stride = 1, pads = [0, 0, 0, 0], dilation = 1 } = options;
  const least = [0, 1].map(i => (x[2 + i] - 1) * stride - pads[i] - pads[i + 2] + dilation * (w[2 + i] - 1) + 1);
  const cases: OpCase[] = [];
  for (let extra = 0; extra < stride; extra++) {
    cases.push(transposedCase(x, w, [least[0] + extra, least[1] + stride - 1 - extra], options));
  }
  return cases;
}

export const convCases: OpCases = {
  conv2d: [
    convCase([1, 2, 4, 5], [3, 2, 1, 1]),
    convCase([2, 2, 4, 5], [3, 2, 3, 3], { pads: [1, 1, 1, 1] }, true),
    convCase([1, 2, 5, 6], [2, 2, 2, 3], {}, true),
    convCase([1, 2, 6, 7], [2, 2, 3, 3], { stride: 2, pads: [1, 1, 1, 1] }),
    convCase([2, 1, 7, 6], [2, 1, 3, 2], { stride: 3, pads: [0, 1, 2, 0] }, true),
    convCase([1, 1, 5, 5], [1, 1, 3, 3], { pads: [2, 0, 1, 3] }),
    convCase([1, 1, 4, 4], [2, 1, 2, 2], { pads: [3, 4, 2, 3] }),
    convCase([2, 4, 4, 4], [6, 2, 3, 3], { groups: 2, pads: [1, 1, 1, 1] }, true),
    convCase([1, 3, 5, 4], [3, 1, 3, 3], { groups: 3, stride: 2, pads: [1, 0, 1, 2] }),
    convCase([1, 2, 7, 8], [2, 2, 3, 3], { dilation: 2 }),
    convCase([2, 2, 6, 6], [4, 1, 2, 3], { dilation: 2, stride: 2, groups: 2, pads: [2, 1, 0, 1] }, true),
    convCase([1, 3, 6, 9], [2, 3, 3, 3], { stride: 3 }),
    convCase([1, 1, 3, 3], [1, 1, 3, 3], {}, true),
  ],
  convTranspose2d: [
    ...everySize([1, 2, 3, 3], [2, 2, 3, 3], {}),
    ...everySize([2, 2, 3, 4], [2, 3, 3, 3], { pads: [1, 1, 1, 1] }),
    ...everySize([1, 2, 3, 2], [2, 2, 3, 3], { stride: 2, pads: [1, 1, 1, 1] }),
    ...everySize([2, 2, 2, 3], [2, 1, 2, 3], { stride: 3, pads: [0, 1, 1, 0] }),
    ...everySize([1, 4, 3, 3], [4, 1, 3, 3], { groups: 2, stride: 2 }),
    ...everySize([1, 4, 3, 3], [4, 2, 2, 2], { groups: 2 }),
    ...everySize([1, 2, 3, 3], [2, 1, 3, 2], { dilation: 2, pads: [1, 0, 2, 1] }),
    ...everySize([1, 1, 3, 3], [1, 2, 3, 3], { dilation: 2, stride: 2, pads: [1, 2, 0, 1] }),
    ...everySize([1, 1, 6, 6], [1, 1, 2, 2], { pads: [2, 0, 1, 3] }),
    ...everySize([1, 2, 2, 2], [2, 2, 4, 4], { stride: 4 }),
  ],
};
