import { add, gelu, mul, silu } from '../graph/ops/elementwise.ts';
import { slice } from '../graph/ops/layout.ts';
import type { Tensor } from '../graph/tensor.ts';
import { ones } from './initialisers.ts';
import { layerNorm, linear } from './layers.ts';
import type { Scope } from './scope.ts';

export interface BlockConfig {
  epsilon: number;
  /** Channels inside the MLP; four times the tokens' by default. */
  hidden?: number;
  /** SwiGLU in place of the MLP. */
  gated?: boolean;
  /** Of the MLP; GELU by default. */
  activation?: (x: Tensor) => Tensor;
  /** A learnt factor per channel on either branch. */
  layerScale?: boolean;
}

/**
 * Pre-norm transformer block over tokens [...,C]; parameters `norm1`, `attn`, `norm2`, `mlp.fc1`, `mlp.fc2` (gated:
 * `mlp.w12`, `mlp.w3`), and with LayerScale `ls1.gamma`, `ls2.gamma`.
 *
 * @param attention from normalised tokens to what is added to them; its parameters are those of `attn`.
 */
export function transformerBlock(
  x: Tensor,
  scope: Scope,
  config: BlockConfig,
  attention: (x: Tensor, scope: Scope) => Tensor,
): Tensor {
  const dim = x.shape.at(-1)!;
  const scaled = (branch: Tensor, name: string) =>
    config.layerScale ? mul(branch, scope.get(`${name}.gamma`, [dim], ones)) : branch;
  const y = add(x, scaled(attention(layerNorm(x, scope.at('norm1'), config.epsilon), scope.at('attn')), 'ls1'));
  return add(y, scaled(mlp(layerNorm(y, scope.at('norm2'), config.epsilon), scope.at('mlp'), config), 'ls2'));
}

function mlp(x: Tensor, scope: Scope, { hidden, gated, activation = gelu }: BlockConfig): Tensor {
  const dim = x.shape.at(-1)!;
  const inner = hidden ?? 4 * dim;
  if (!gated) return linear(activation(linear(x, scope.at('fc1'), inner)), scope.at('fc2'), dim);
  const both = linear(x, scope.at('w12'), 2 * inner);
  const [gate, value] = [0, inner].map(start => slice(both, both.shape.length - 1, start, inner));
  return linear(mul(silu(gate), value), scope.at('w3'), dim);
}
