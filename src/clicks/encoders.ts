import type { Tensor } from '../graph/tensor.ts';
import { patchEmbed } from '../nn/layers.ts';
import type { Scope } from '../nn/scope.ts';

/** Click maps [B,3,H,W] (previous mask, positive, negative disks) -> [B,channels,H/stride,W/stride]. */
export interface ClickEncoder {
  name: string;
  description: string;
  encode(maps: Tensor, scope: Scope, target: { channels: number; stride: number }): Tensor;
}

export const clickEncoders: readonly ClickEncoder[] = [
  {
    name: 'patch-embed',
    description: 'symmetric patch embedding: one convolution whose kernel and stride are the patch',
    encode: (maps, scope, { channels, stride }) => patchEmbed(maps, scope.at('proj'), stride, channels),
  },
];
