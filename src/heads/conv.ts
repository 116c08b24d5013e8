import { add, relu } from '../graph/ops/elementwise.ts';
import { concat } from '../graph/ops/layout.ts';
import type { Tensor } from '../graph/tensor.ts';
import { conv } from '../nn/layers.ts';
import type { Scope } from '../nn/scope.ts';
import { sizeOf, toSize } from '../nn/to-size.ts';
import type { Head, Sides } from './types.ts';

/** Layers before the classifier. */
const LAYERS = 2;

/** Pixels that `LAYERS` 3x3 convolutions of a dilation see of a row. */
const reach = (dilation: number): number => 1 + 2 * LAYERS * dilation;

/** A dilation by which a convolution on the fine map reaches as far as one without on the backbone's grid. */
const matched = ({ pixel, cell }: Sides): number => Math.max(1, Math.round(cell / pixel));

const matchedOn = (features: Tensor, grid: Tensor): number =>
  matched({ pixel: 1 / features.shape[2], cell: 1 / grid.shape[2] });

type Layer = (x: Tensor, scope: Scope) => Tensor;

function layers(features: Tensor, scope: Scope, layer: Layer): Tensor {
  let x = features;
  for (let i = 0; i < LAYERS; i++) x = relu(layer(x, scope.at(`convs.${i}`)));
  return x;
}

const classify = (x: Tensor, scope: Scope): Tensor => conv(x, scope.at('classifier'), { out: 1, kernel: 1 });

const plain =
  (width: number, kernel: number, dilation = 1): Layer =>
  (x, scope) =>
    conv(x, scope.at('conv'), { out: width, kernel, dilation, padding: (dilation * (kernel - 1)) / 2 });

/** The channels shared out among 3x3 convolutions of several dilations: as many weights as without. */
const branched =
  (width: number, dilations: readonly number[]): Layer =>
  (x, scope) => {
    const share = (i: number) => Math.floor((i * width) / dilations.length);
    const branches = dilations.flatMap((dilation, i) => {
      const out = share(i + 1) - share(i);
      return out === 0 ? [] : [conv(x, scope.at(`branches.${i}`), { out, kernel: 3, dilation, padding: dilation })];
    });
    return concat(branches, 1);
  };

/** 1, the matched dilation, and their geometric mean between. */
const spread = (dilation: number): number[] => [...new Set([1, Math.round(Math.sqrt(dilation)), dilation])];

export const linearHead: Head = {
  name: 'linear',
  description: 'one 1x1 convolution',
  multiScale: false,
  receptiveField: ({ pixel }) => pixel,
  logits: classify,
};

export const simpleConvHead: Head = {
  name: 'simple-conv',
  description: 'two 1x1 convolutions with ReLU, then 1x1',
  multiScale: false,
  receptiveField: ({ pixel }) => pixel,
  logits: (x, scope, width) => classify(layers(x, scope, plain(width, 1)), scope),
};

export const convHead: Head = {
  name: 'conv',
  description: "two 3x3 convolutions with ReLU, then 1x1 (the paper's choice)",
  multiScale: false,
  receptiveField: ({ pixel }) => reach(1) * pixel,
  logits: (x, scope, width) => classify(layers(x, scope, plain(width, 3)), scope),
};

export const dilatedConvHead: Head = {
  name: 'conv-dilated',
  description: 'conv with its taps one cell of the backbone apart, however fine the map',
  multiScale: false,
  receptiveField: sides => reach(matched(sides)) * sides.pixel,
  logits: (x, scope, width, { grid } = { grid: x, coarser: [] }) =>
    classify(layers(x, scope, plain(width, 3, matchedOn(x, grid))), scope),
};

export const multiDilationConvHead: Head = {
  name: 'conv-multi-dilation',
  description: 'conv with its channels shared out among taps one pixel, one cell and something between apart',
  multiScale: false,
  receptiveField: sides => reach(matched(sides)) * sides.pixel,
  logits: (x, scope, width, { grid } = { grid: x, coarser: [] }) =>
    classify(layers(x, scope, branched(width, spread(matchedOn(x, grid)))), scope),
};

export const contextConvHead: Head = {
  name: 'conv-context',
  description: "conv, and the same on the backbone's own map added to it bilinearly before the classifier",
  multiScale: false,
  // what lies between two cells is mixed of both
  receptiveField: ({ pixel, cell }) => Math.max(reach(1) * pixel, (reach(1) + (pixel < cell ? 1 : 0)) * cell),
  logits(x, scope, width, { grid } = { grid: x, coarser: [] }) {
    const context = layers(grid, scope.at('context'), plain(width, 3));
    return classify(add(layers(x, scope, plain(width, 3)), toSize(context, sizeOf(x))), scope);
  },
};
