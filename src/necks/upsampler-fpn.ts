import { maximum } from '../graph/ops/elementwise.ts';
import { slice } from '../graph/ops/layout.ts';
import type { Tensor } from '../graph/tensor.ts';
import { GraphError, show } from '../graph/tensor.ts';
import { conv } from '../nn/layers.ts';
import { groupNorm } from '../nn/norms.ts';
import type { Scope } from '../nn/scope.ts';
import type { Neck, NeckInput } from './types.ts';

/** The four sources: the image's size and a quarter of it by the upsampler, the backbone's grid, half of that. */
function scales({ grid, upsampled, size }: NeckInput): Tensor[] {
  const [height, width] = size;
  return [upsampled(size), upsampled([Math.ceil(height / 4), Math.ceil(width / 4)]), grid, maxPooled(grid)];
}

const projected = (x: Tensor, scope: Scope, out: number): Tensor =>
  groupNorm(conv(x, scope.at('conv'), { out, kernel: 1 }), scope.at('norm'), 1);

/** 2x2 max pooling of stride 2; of odd sizes the last row or column is left out. */
function maxPooled(map: Tensor): Tensor {
  const [h, w] = map.shape.slice(2).map(size => Math.floor(size / 2));
  if (h < 1 || w < 1)
    throw new GraphError(`upsampler-fpn: a grid of ${show(map.shape.slice(2))} cells cannot be halved`);
  const halves = (x: Tensor, axis: number, n: number) => maximum(slice(x, axis, 0, n, 2), slice(x, axis, 1, n, 2));
  return halves(halves(map, 2, h), 3, w);
}

const source = 'Havrylov et al. 2025, arXiv 2505.02075, supplementary A.2';

/** Every scale through 1x1 and norm over all channels and pixels, to {1,2,4,8} times `width` channels. */
export const upsamplerFpnNeck: Neck = {
  name: 'upsampler-fpn',
  description:
    "maps at 1 and 1/4 by the upsampler, the backbone's own and half of it by max pooling; each 1x1 and norm",
  source,
  usesUpsampler: true,
  coarsestCells: 2,
  maps: (input, scope, width) => scales(input).map((x, i) => projected(x, scope.at(`maps.${i}`), 2 ** i * width)),
};

/** What the paper leaves for later: nothing narrows the upsampled features before the head sees them. */
export const wideUpsamplerFpnNeck: Neck = {
  name: 'upsampler-fpn-wide',
  description: 'upsampler-fpn with all channels of the upsampled features kept: norm alone, no 1x1',
  source: `${source} (future work)`,
  usesUpsampler: true,
  coarsestCells: 2,
  maps: (input, scope, width) =>
    scales(input).map((x, i) =>
      i < 2 ? groupNorm(x, scope.at(`maps.${i}.norm`), 1) : projected(x, scope.at(`maps.${i}`), 2 ** i * width),
    ),
};
