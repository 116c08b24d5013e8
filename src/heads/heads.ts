import { relu } from '../graph/ops/elementwise.ts';
import type { Tensor } from '../graph/tensor.ts';
import { conv } from '../nn/layers.ts';
import type { Scope } from '../nn/scope.ts';

/** Features [B,C,H,W] -> logits [B,1,H,W]. */
export interface Head {
  name: string;
  description: string;
  /** `width` is the number of channels between the layers; parameters are named as in the original code. */
  logits(features: Tensor, scope: Scope, width: number): Tensor;
}

function stack(features: Tensor, scope: Scope, width: number, kernel: number, layers: number): Tensor {
  let x = features;
  for (let i = 0; i < layers; i++) {
    x = relu(conv(x, scope.at(`convs.${i}.conv`), { out: width, kernel, padding: (kernel - 1) / 2 }));
  }
  return conv(x, scope.at('classifier'), { out: 1, kernel: 1 });
}

/** The three heads of the paper's ablation (supplementary, table of heads). */
export const heads: readonly Head[] = [
  {
    name: 'linear',
    description: 'one 1x1 convolution',
    logits: (x, scope, width) => stack(x, scope, width, 1, 0),
  },
  {
    name: 'simple-conv',
    description: 'two 1x1 convolutions with ReLU, then 1x1',
    logits: (x, scope, width) => stack(x, scope, width, 1, 2),
  },
  {
    name: 'conv',
    description: "two 3x3 convolutions with ReLU, then 1x1 (the paper's choice)",
    logits: (x, scope, width) => stack(x, scope, width, 3, 2),
  },
];
