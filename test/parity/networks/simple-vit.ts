import { simpleVit, sineCosinePositions } from '../../../src/clicks/simple-vit.ts';
import { toTokens } from '../../../src/nn/layers.ts';
import type { Builder } from './check.ts';

/** What a case calls the sizes of the click encoder simple_vit. */
export function simpleVitOptions(config: Record<string, unknown>) {
  const { depth, heads, mlp_dim: mlp, dim_head: headSize } = config as Record<string, number>;
  return { depth, heads, mlp, headSize };
}

export const simpleVitCase: Builder = ({ config, input, weights }) => {
  const { dim, patch_size } = config as { dim: number; patch_size: [number, number] };
  const map = simpleVit(input('x'), weights, patch_size[0], dim, simpleVitOptions(config));
  const [h, w] = map.shape.slice(2);
  return { map, tokens: toTokens(map), pos_embedding: sineCosinePositions(h, w, dim) };
};
