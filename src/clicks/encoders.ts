import type { Tensor } from '../graph/tensor.ts';
import { patchEmbed } from '../nn/layers.ts';
import type { Scope } from '../nn/scope.ts';
import { type SimpleVitOptions, simpleVit } from './simple-vit.ts';

/** Click maps [B,3,H,W] (previous mask, positive, negative disks) -> [B,channels,H/stride,W/stride]. */
export interface ClickEncoder {
  name: string;
  description: string;
  encode(maps: Tensor, scope: Scope, target: { channels: number; stride: number }): Tensor;
}

/** A small transformer on the click maps; goes with late injection (paper, supplementary). */
export const simpleVitEncoder = (options: SimpleVitOptions): ClickEncoder => ({
  name: 'simple-vit',
  description: `a vision transformer of ${options.depth} blocks on the click maps`,
  encode: (maps, scope, { channels, stride }) => simpleVit(maps, scope, stride, channels, options),
});

export const clickEncoders: readonly ClickEncoder[] = [
  {
    name: 'patch-embed',
    description: 'symmetric patch embedding: one convolution whose kernel and stride are the patch',
    encode: (maps, scope, { channels, stride }) => patchEmbed(maps, scope.at('proj'), stride, channels),
  },
  simpleVitEncoder({ depth: 6, heads: 8, headSize: 64, mlp: 2048 }),
];
